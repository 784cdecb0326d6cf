// The inputs channel: keys, buttons and motion on their way to the guest.
//
// A hypervisor drops what reaches the source between the guest's stop and MIGRATE, and a client
// cannot see the stop. So releases that were sent shortly before MIGRATE are said again to the
// target: a release too many does nothing in a guest, a release too few leaves a key stuck.

import type { Instant } from "@caraway/channel";
import {
  type ClientMessage,
  type Inputs,
  inputMotionAckBunch,
  inputsCodec,
  KeyboardModifier,
  MouseButton,
  MouseButtonMask,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { Wiring } from "./wiring.ts";

type InputsClientMessage = ClientMessage<typeof Inputs>;

/** Motions under way from which on further motion is merged rather than sent. */
const motionsInFlightMax = 2 * inputMotionAckBunch;

/** Releases of this long before MIGRATE are said again: several times a usual stop phase. */
const releaseWindowMs = 3000;

/** Keys and buttons that are kept while there is no server; the rest is dropped and told. */
const heldMax = 1024;

export type InputCommand =
  /** PC/AT set 1 code of a key; extended keys are 0xe0NN. */
  | { readonly kind: "key-down"; readonly scancode: number }
  | { readonly kind: "key-up"; readonly scancode: number }
  | { readonly kind: "lock-keys"; readonly modifiers: number }
  | { readonly kind: "motion"; readonly dx: number; readonly dy: number }
  | {
      readonly kind: "position";
      readonly x: number;
      readonly y: number;
      readonly display: number;
    }
  | { readonly kind: "button-down"; readonly button: number }
  | { readonly kind: "button-up"; readonly button: number };

interface Release {
  readonly at: Instant;
  readonly message: InputsClientMessage;
}

export class InputsChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  #buttonsState = 0;
  #motionsInFlight = 0;
  /** Motion that waits for an ack, merged. */
  #motion: { dx: number; dy: number } | null = null;
  #position: { x: number; y: number; display: number } | null = null;
  #releases: Release[] = [];
  #sent: Instant[] = [];
  #dropped = 0;

  constructor(end: ChannelEnd, wiring: Wiring) {
    this.#end = end;
    this.#wiring = wiring;
  }

  snapshot(): unknown {
    return {
      buttonsState: this.#buttonsState,
      motionsInFlight: this.#motionsInFlight,
      releases: this.#releases.length,
    };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  /** The guest may be another one, or the same at another host: what is held goes to it. */
  opened(): void {
    this.#motionsInFlight = 0;
    this.#resendReleases();
  }

  moved(): void {
    this.#resendReleases();
  }

  /** MIGRATE: what was sent in the last moments may be lost. */
  migrating(): void {
    const since = this.#wiring.now - releaseWindowMs;
    this.#sent = this.#sent.filter((at) => at >= since);
    this.#releases = this.#releases.filter(({ at }) => at >= since);
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "INIT":
        this.#leds(message.body.keyboardModifiers);
        break;
      case "KEY_MODIFIERS":
        this.#leds(message.body.modifiers);
        break;
      case "MOUSE_MOTION_ACK":
        this.#motionsInFlight = Math.max(0, this.#motionsInFlight - inputMotionAckBunch);
        this.#flushMotion();
        break;
      default:
        break;
    }
    return true;
  }

  handle(command: InputCommand): void {
    switch (command.kind) {
      case "key-down":
        this.#forgetRelease("KEY_UP", releaseCode(command.scancode));
        this.#sendInOrder({ name: "KEY_DOWN", body: { code: pressCode(command.scancode) } });
        break;
      case "key-up":
        this.#release({ name: "KEY_UP", body: { code: releaseCode(command.scancode) } });
        break;
      case "lock-keys":
        this.#sendInOrder({ name: "KEY_MODIFIERS", body: { modifiers: command.modifiers } });
        break;
      case "motion": {
        const { dx = 0, dy = 0 } = this.#motion ?? {};
        this.#motion = { dx: dx + command.dx, dy: dy + command.dy };
        this.#flushMotion();
        break;
      }
      case "position":
        this.#position = { x: command.x, y: command.y, display: command.display };
        this.#flushMotion();
        break;
      case "button-down": {
        this.#forgetRelease("MOUSE_RELEASE", command.button);
        this.#buttonsState |= buttonMask(command.button);
        const body = { button: command.button, buttonsState: this.#buttonsState };
        this.#sendInOrder({ name: "MOUSE_PRESS", body });
        break;
      }
      case "button-up": {
        this.#buttonsState &= ~buttonMask(command.button);
        const body = { button: command.button, buttonsState: this.#buttonsState };
        this.#release({ name: "MOUSE_RELEASE", body });
        break;
      }
    }
  }

  #decode(id: number, body: Uint8Array): ServerMessage<typeof Inputs> | null {
    try {
      return inputsCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #leds(modifiers: number): void {
    this.#wiring.event({
      name: "lock-leds",
      scrollLock: (modifiers & KeyboardModifier.SCROLL_LOCK) !== 0,
      numLock: (modifiers & KeyboardModifier.NUM_LOCK) !== 0,
      capsLock: (modifiers & KeyboardModifier.CAPS_LOCK) !== 0,
    });
  }

  #release(message: InputsClientMessage): void {
    if (this.#sendInOrder(message)) this.#releases.push({ at: this.#wiring.now, message });
    const since = this.#wiring.now - releaseWindowMs;
    while (this.#releases.length > 0 && this.#releases[0]!.at < since) this.#releases.shift();
  }

  /** What is held again must not be released again. */
  #forgetRelease(name: "KEY_UP" | "MOUSE_RELEASE", code: number): void {
    this.#releases = this.#releases.filter(({ message }) => {
      if (message.name !== name) return true;
      return (message.name === "KEY_UP" ? message.body.code : message.body.button) !== code;
    });
  }

  /** Motion before a key or button goes first, so that a click lands where it was made. */
  #sendInOrder(message: InputsClientMessage): boolean {
    this.#flushMotion(true);
    const open = this.#end.isOpen;
    if (!open && this.#end.heldCount >= heldMax) {
      this.#dropped += 1;
      this.#wiring.event({ name: "input-dropped", count: this.#dropped });
      return false;
    }
    if (open) this.#remember();
    this.#send(message);
    return open;
  }

  #remember(): void {
    const since = this.#wiring.now - releaseWindowMs;
    this.#sent.push(this.#wiring.now);
    while (this.#sent.length > 0 && this.#sent[0]! < since) this.#sent.shift();
  }

  #flushMotion(force = false): void {
    if (!this.#end.isOpen) return;
    if (!force && this.#motionsInFlight >= motionsInFlightMax) return;
    const buttonsState = this.#buttonsState;
    if (this.#motion !== null) {
      const { dx, dy } = this.#motion;
      this.#motion = null;
      this.#motionsInFlight += 1;
      this.#send({ name: "MOUSE_MOTION", body: { dx, dy, buttonsState } });
    }
    if (this.#position !== null) {
      const { x, y, display } = this.#position;
      this.#position = null;
      this.#motionsInFlight += 1;
      this.#send({ name: "MOUSE_POSITION", body: { x, y, buttonsState, displayId: display } });
    }
  }

  #resendReleases(): void {
    const again = this.#releases;
    this.#releases = [];
    const sent = this.#sent;
    this.#sent = [];
    if (sent.length > 0) {
      this.#wiring.event({
        name: "migration",
        phase: "input-window",
        sentInWindow: sent.length,
        windowMs: releaseWindowMs,
        resentReleases: again.length,
        held: this.#end.heldCount,
      });
    }
    for (const { message } of again) this.#send(message);
  }

  #send(message: InputsClientMessage): void {
    this.#end.send(inputsCodec.client.encode(message));
  }
}

/** Bytes on the wire, first byte lowest: 0xe0NN becomes e0 NN. */
function pressCode(scancode: number): number {
  return scancode > 0xff ? 0xe0 | ((scancode & 0xff) << 8) : scancode;
}

function releaseCode(scancode: number): number {
  return scancode > 0xff ? pressCode(scancode) | 0x8000 : scancode | 0x80;
}

const masks: Readonly<Record<number, number>> = {
  [MouseButton.LEFT]: MouseButtonMask.LEFT,
  [MouseButton.MIDDLE]: MouseButtonMask.MIDDLE,
  [MouseButton.RIGHT]: MouseButtonMask.RIGHT,
  [MouseButton.SIDE]: MouseButtonMask.SIDE,
  [MouseButton.EXTRA]: MouseButtonMask.EXTRA,
};

/** The wheel is a pair of buttons that are never held. */
function buttonMask(button: number): number {
  return masks[button] ?? 0;
}
