// The keyboard: what a browser tells of keys, as presses and releases for the guest. It knows the
// habits of browsers and systems that would otherwise leave keys stuck or invent some.

import type { InputCommand } from "@caraway/client";
import { KeyboardModifier } from "@caraway/protocol";
import { codeOfKey, scancodeOf } from "./scancodes.ts";

/** What is read of a KeyboardEvent. */
export interface KeyEvent {
  readonly code: string;
  readonly key: string;
  readonly keyCode: number;
  readonly isComposing: boolean;
  readonly repeat: boolean;
  getModifierState(modifier: string): boolean;
}

export type HostSystem = "windows" | "mac" | "other";

export interface LockKeys {
  readonly scrollLock: boolean;
  readonly numLock: boolean;
  readonly capsLock: boolean;
}

export interface KeyboardOptions {
  readonly system: HostSystem;
  readonly send: (command: InputCommand) => void;
  /** A character that has no key here. */
  readonly type: (text: string) => void;
  /** Calls `run` in `delayMs`; the answer calls that off. */
  readonly wake: (delayMs: number, run: () => void) => () => void;
  /** A key that was pressed together with keys held on a tool bar is let go. */
  readonly onKeyDone?: () => void;
}

const lockCodes: ReadonlySet<string> = new Set(["CapsLock", "NumLock", "ScrollLock"]);

const modifierCodes: ReadonlySet<string> = new Set(
  "ShiftLeft ShiftRight ControlLeft ControlRight AltLeft AltRight MetaLeft MetaRight".split(" "),
);

/** Windows presses ControlLeft before AltGr, at the same moment. */
const altGraphWithinMs = 50;

/** How long the guest's LEDs may take to follow a lock key that was sent to it. */
const ledsFollowWithinMs = 1000;

export class Keyboard {
  readonly #options: KeyboardOptions;
  /** Scancodes that the guest holds down, by the key's place. */
  readonly #held = new Map<string, number>();
  /** A ControlLeft that may only be the beginning of AltGr. */
  #stopWaiting: (() => void) | null = null;
  #leds: LockKeys | null = null;
  /** A lock key was sent just now: what the guest's LEDs say is of yesterday. */
  #ledsUnsettled = false;

  constructor(options: KeyboardOptions) {
    this.#options = options;
  }

  get heldCodes(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** True when the guest has the key now, so that the browser must not act on it. */
  down(event: KeyEvent): boolean {
    // An input method has the key; its text comes when it is composed.
    if (event.isComposing || event.keyCode === 229 || event.key === "Process") return false;
    const code = placeOf(event);
    if (code === null) return this.#typeKey(event);
    const scancode = scancodeOf(code);
    if (scancode === null) return this.#typeKey(event);
    if (this.#stopWaiting !== null) this.#endOfWait(code, event);
    this.#followLocks(code, event);
    if (this.#options.system === "windows" && code === "ControlLeft" && !event.repeat) {
      this.#waitForAltGraph(code, scancode);
    } else if (this.#options.system === "mac" && code === "CapsLock") {
      // A Mac tells the state of the lock as press and release.
      this.#tap(code, scancode);
    } else {
      this.#press(code, scancode);
      // A Mac tells nothing of a key's release while Command is held.
      if (this.#isCommand(code)) this.#release(code);
    }
    return true;
  }

  up(event: KeyEvent): boolean {
    const code = placeOf(event);
    if (code === null) return false;
    const scancode = scancodeOf(code);
    if (scancode === null) return false;
    if (this.#stopWaiting !== null && code === "ControlLeft") this.#endOfWait(code, event);
    if (this.#options.system === "mac" && code === "CapsLock") this.#tap(code, scancode);
    // Windows keeps the press of PrintScreen for itself.
    else if (code === "PrintScreen" && !this.#held.has(code)) this.#tap(code, scancode);
    else this.#release(code);
    return true;
  }

  /** Presses and releases by the key's place, for buttons and programs. */
  press(code: string): void {
    const scancode = scancodeOf(code);
    if (scancode !== null) this.#press(code, scancode);
  }

  release(code: string): void {
    this.#release(code);
  }

  /** The keyboard goes elsewhere: nothing stays pressed. */
  releaseAll(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    for (const code of this.#held.keys()) this.#release(code);
  }

  /** What the guest shows on its keyboard. */
  ledsAre(leds: LockKeys): void {
    this.#leds = leds;
    this.#ledsUnsettled = false;
  }

  get capsLock(): boolean {
    return this.#leds?.capsLock ?? false;
  }

  /** The keyboard comes here, and may have other locks than the guest. */
  syncLocks(event: Pick<KeyEvent, "getModifierState">): void {
    const leds = this.#leds;
    if (leds === null || this.#ledsUnsettled || this.#options.system === "mac") return;
    const wanted = {
      scrollLock: event.getModifierState("ScrollLock"),
      numLock: event.getModifierState("NumLock"),
      capsLock: event.getModifierState("CapsLock"),
    };
    const isSame =
      wanted.scrollLock === leds.scrollLock &&
      wanted.numLock === leds.numLock &&
      wanted.capsLock === leds.capsLock;
    if (isSame) return;
    const modifiers =
      (wanted.scrollLock ? KeyboardModifier.SCROLL_LOCK : 0) |
      (wanted.numLock ? KeyboardModifier.NUM_LOCK : 0) |
      (wanted.capsLock ? KeyboardModifier.CAPS_LOCK : 0);
    this.#options.send({ kind: "lock-keys", modifiers });
    this.#expectLeds();
  }

  #followLocks(code: string, event: KeyEvent): void {
    if (lockCodes.has(code)) this.#expectLeds();
    else if (!modifierCodes.has(code)) this.syncLocks(event);
  }

  #expectLeds(): void {
    this.#ledsUnsettled = true;
    this.#options.wake(ledsFollowWithinMs, () => {
      this.#ledsUnsettled = false;
    });
  }

  /** A key without a place: what it means, if it means a character. */
  #typeKey({ key }: KeyEvent): boolean {
    if ([...key].length !== 1) return false;
    this.#options.type(key);
    return true;
  }

  #waitForAltGraph(code: string, scancode: number): void {
    this.#stopWaiting = this.#options.wake(altGraphWithinMs, () => {
      this.#stopWaiting = null;
      this.#press(code, scancode);
    });
  }

  /** Something came behind the ControlLeft that waits: AltGr swallows it, all else confirms it. */
  #endOfWait(code: string, event: KeyEvent): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    if (code === "AltRight" && event.getModifierState("AltGraph")) return;
    const control = scancodeOf("ControlLeft");
    if (control !== null) this.#press("ControlLeft", control);
  }

  #isCommand(code: string): boolean {
    if (this.#options.system !== "mac" || modifierCodes.has(code)) return false;
    return this.#held.has("MetaLeft") || this.#held.has("MetaRight");
  }

  #tap(code: string, scancode: number): void {
    if (lockCodes.has(code)) this.#expectLeds();
    this.#press(code, scancode);
    this.#release(code);
  }

  /** Again and again while a key is held: guests without a repeat of their own rely on it. */
  #press(code: string, scancode: number): void {
    this.#held.set(code, scancode);
    this.#options.send({ kind: "key-down", scancode });
  }

  #release(code: string): void {
    const scancode = this.#held.get(code);
    if (scancode === undefined) return;
    this.#held.delete(code);
    this.#options.send({ kind: "key-up", scancode });
    if (!modifierCodes.has(code)) this.#options.onKeyDone?.();
  }
}

function placeOf({ code, key }: KeyEvent): string | null {
  if (code !== "" && code !== "Unidentified") return code;
  return codeOfKey(key);
}

export function hostSystem(platform: string): HostSystem {
  if (/^mac|iphone|ipad/i.test(platform)) return "mac";
  return /^win/i.test(platform) ? "windows" : "other";
}
