// Keyboard and pointer of the guest, which all clients share: who holds which key and button, and
// what has to be let go when somebody leaves.

import { AgentMouseButtonMask, KeyboardModifier, MouseButtonMask } from "@caraway/protocol";
import type { AgentRelay } from "./agent-relay.ts";
import type { ClientKey } from "./events.ts";
import type { GateInput } from "./guest-gate.ts";
import type { MouseMode } from "./mouse-mode.ts";
import type { KeyChange } from "./scancodes.ts";
import type { Wiring } from "./wiring.ts";

/** The lock keys: LED, and the key that turns it on and off. */
const lockKeys = [
  { led: KeyboardModifier.SCROLL_LOCK, code: 0x46 },
  { led: KeyboardModifier.NUM_LOCK, code: 0x45 },
  { led: KeyboardModifier.CAPS_LOCK, code: 0x3a },
] as const;

const wheel = MouseButtonMask.UP | MouseButtonMask.DOWN;

/** How the guest is reached. */
export interface InputRoutes {
  readonly hasKeyboard: boolean;
  readonly hasMouse: boolean;
  readonly hasTablet: boolean;
}

/** What a client holds, and where its pointer is. */
export interface HeldInputs {
  readonly keys: readonly number[];
  /** `MouseButtonMask` bits. */
  readonly buttons: number;
  readonly position: { readonly x: number; readonly y: number; readonly displayId: number };
}

export class GuestInputs {
  readonly #wiring: Wiring;
  readonly #routes: InputRoutes;
  readonly #mouseMode: MouseMode;
  readonly #agent: AgentRelay;
  readonly #holders = new Map<number, Set<ClientKey>>();
  readonly #buttons = new Map<ClientKey, number>();
  /** LEDs as they will be when the guest has taken what was sent to it. */
  #leds = 0;
  #position = { x: 0, y: 0, displayId: 0 };

  constructor(wiring: Wiring, routes: InputRoutes, mouseMode: MouseMode, agent: AgentRelay) {
    this.#wiring = wiring;
    this.#routes = routes;
    this.#mouseMode = mouseMode;
    this.#agent = agent;
    wiring.leadBy((input) => this.#throughAgent(input));
  }

  /** Lock LEDs that are on. */
  get leds(): number {
    return this.#leds;
  }

  /** The guest said so. */
  ledsAre(modifiers: number): void {
    this.#leds = modifiers;
  }

  key(client: ClientKey, { code, down }: KeyChange): void {
    const holders = this.#holders.get(code) ?? new Set();
    if (down) {
      holders.add(client);
      this.#holders.set(code, holders);
      this.#sendKey(code, true);
      return;
    }
    holders.delete(client);
    if (holders.size > 0) return;
    this.#holders.delete(code);
    this.#sendKey(code, false);
  }

  /** Taps the lock keys whose LEDs differ from what the client wants. */
  lockKeys(modifiers: number): void {
    for (const { led, code } of lockKeys) {
      // A key that somebody holds changes its LED by itself.
      if (((modifiers ^ this.#leds) & led) === 0 || this.#holders.has(code)) continue;
      this.#sendKey(code, true);
      this.#sendKey(code, false);
      this.#leds ^= led;
    }
  }

  motion(client: ClientKey, dx: number, dy: number, state: number): void {
    const buttons = this.#hold(client, state);
    if (this.#mouseMode.current !== "server" || !this.#routes.hasMouse) return;
    this.#wiring.gate.pass({ type: "mouse-motion", dx, dy, buttons });
  }

  position(client: ClientKey, x: number, y: number, displayId: number, state: number): void {
    const buttons = this.#hold(client, state);
    if (this.#mouseMode.current !== "client") return;
    this.#wiring.gate.pass({ type: "tablet-position", display: displayId, x, y, buttons });
  }

  /** A press or a release; `button` is a `MouseButton`. */
  button(client: ClientKey, button: number, down: boolean, state: number): void {
    const mask = button === 0 ? 0 : 1 << (button - 1);
    const buttons = this.#hold(client, down ? state | mask : state & ~mask);
    // The agent knows no wheel, but buttons that go down and up again.
    if ((mask & wheel) === 0 || (!down && this.#usesAgent)) {
      this.#wiring.gate.pass({ type: "buttons", buttons });
    } else if (down) {
      const steps = mask === MouseButtonMask.UP ? -1 : 1;
      this.#wiring.gate.pass({ type: "wheel", steps, buttons });
    }
  }

  /** The client is gone: what it held is let go. */
  release(client: ClientKey): void {
    for (const [code, holders] of [...this.#holders]) {
      if (holders.has(client)) this.key(client, { code, down: false });
    }
    const before = this.#union();
    this.#buttons.delete(client);
    const buttons = this.#union();
    if (buttons !== before) this.#wiring.gate.pass({ type: "buttons", buttons });
  }

  isHeld(code: number): boolean {
    return this.#holders.has(code);
  }

  /** What another server has to know of the client. */
  heldBy(client: ClientKey): HeldInputs {
    const keys = [...this.#holders].filter(([, holders]) => holders.has(client));
    return {
      keys: keys.map(([code]) => code),
      buttons: this.#buttons.get(client) ?? 0,
      position: this.#position,
    };
  }

  /** The client comes from another server with what it holds; the guest knows of it. */
  takeOver(client: ClientKey, { keys, buttons, position }: HeldInputs): void {
    for (const code of keys) {
      const holders = this.#holders.get(code) ?? new Set();
      this.#holders.set(code, holders.add(client));
    }
    this.#hold(client, buttons);
    this.#position = position;
  }

  /** Who held it at another server has not come over: it is let go, unless somebody here holds it. */
  letGo({ keys }: HeldInputs): void {
    for (const code of keys) if (!this.#holders.has(code)) this.#sendKey(code, false);
    this.#wiring.gate.pass({ type: "buttons", buttons: this.#union() });
  }

  /** The client goes on at another server, with all that it holds. */
  forget(client: ClientKey): void {
    for (const [code, holders] of [...this.#holders]) {
      if (holders.delete(client) && holders.size === 0) this.#holders.delete(code);
    }
    this.#buttons.delete(client);
  }

  snapshot(): unknown {
    return {
      keys: [...this.#holders].map(([code, holders]) => ({ code, clients: [...holders] })),
      buttons: [...this.#buttons],
      leds: this.#leds,
    };
  }

  #sendKey(code: number, down: boolean): void {
    if (this.#routes.hasKeyboard) this.#wiring.gate.pass({ type: "key", code, down });
  }

  get #usesAgent(): boolean {
    return this.#mouseMode.current === "client" && !this.#routes.hasTablet;
  }

  /** What the agent does where there is no tablet. */
  #throughAgent(input: GateInput): boolean {
    if (!this.#usesAgent) return false;
    let turned = 0;
    switch (input.type) {
      case "tablet-position":
        this.#position = { x: input.x, y: input.y, displayId: input.display };
        break;
      case "wheel":
        turned = input.steps < 0 ? MouseButtonMask.UP : MouseButtonMask.DOWN;
        break;
      case "buttons":
        break;
      default:
        return false;
    }
    this.#agent.mouse({ ...this.#position, buttons: agentButtons(input.buttons | turned) });
    return true;
  }

  /** The wheel is turned and never held. */
  #hold(client: ClientKey, state: number): number {
    const held = state & ~wheel & 0x7f;
    if (held === 0) this.#buttons.delete(client);
    else this.#buttons.set(client, held);
    return this.#union();
  }

  #union(): number {
    let buttons = 0;
    for (const held of this.#buttons.values()) buttons |= held;
    return buttons;
  }
}

/** The agent's masks are shifted by one. */
function agentButtons(buttons: number): number {
  const { LBUTTON } = AgentMouseButtonMask;
  return buttons * LBUTTON;
}
