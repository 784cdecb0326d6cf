// A client's inputs channel: keys, motion and buttons on their way to the guest, and the lock LEDs
// on their way back.

import {
  type ClientMessage,
  type Inputs,
  inputMotionAckBunch,
  inputsCodec,
} from "@caraway/protocol";
import { isKnownState } from "./bad-state.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { ClientKey } from "./events.ts";
import type { GuestInputs } from "./guest-inputs.ts";
import {
  decodeInputsData,
  decodeInputsState,
  encodeInputsData,
  encodeInputsState,
  type MovedInputs,
} from "./inputs-state.ts";
import { codeBytes, ScancodeReader } from "./scancodes.ts";

export class InputsChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #inputs: GuestInputs;
  readonly #client: ClientKey;
  readonly #viewOnly: boolean;
  readonly #scancodes = new ScancodeReader();
  /** Motions that are not acknowledged. */
  #motions = 0;
  /** LEDs as the client was told last. */
  #toldLeds = 0;
  /** What another server said of the client. */
  #moved: MovedInputs | null = null;
  /** The client goes on at another server, with all that it holds. */
  #isHandedOver = false;

  constructor(end: ChannelEnd, inputs: GuestInputs, client: ClientKey, viewOnly: boolean) {
    this.#end = end;
    this.#inputs = inputs;
    this.#client = client;
    this.#viewOnly = viewOnly;
  }

  opened(): void {
    this.#toldLeds = this.#inputs.leds;
    const body = { keyboardModifiers: this.#toldLeds };
    this.#end.send(inputsCodec.server.encode({ name: "INIT", body }));
  }

  closed(): void {
    if (this.#isHandedOver) this.#inputs.forget(this.#client);
    else this.#inputs.release(this.#client);
  }

  writable(): void {}

  deadline(): number | null {
    return null;
  }

  timeout(): void {}

  snapshot(): unknown {
    return { motions: this.#motions, viewOnly: this.#viewOnly };
  }

  ledsChanged(): void {
    this.#toldLeds = this.#inputs.leds;
    const body = { modifiers: this.#toldLeds };
    this.#end.send(inputsCodec.server.encode({ name: "KEY_MODIFIERS", body }));
  }

  // To another server.

  finalState(): Uint8Array {
    return encodeInputsState({
      motions: this.#motions,
      leds: this.#toldLeds,
      held: this.#inputs.heldBy(this.#client),
      prefix: this.#scancodes.pending,
    });
  }

  migrationData(): Uint8Array {
    this.#isHandedOver = true;
    return encodeInputsData(this.#motions);
  }

  // From another server.

  restoreMigrationData(body: Uint8Array): void {
    this.#motions = decodeInputsData(body);
  }

  restoreState(final: Uint8Array): void {
    if (isKnownState(final)) this.#moved = decodeInputsState(final);
  }

  moved(): void {
    const moved = this.#moved;
    if (moved !== null) {
      this.#inputs.takeOver(this.#client, moved.held);
      this.#scancodes.resume(moved.prefix);
      this.#motions = moved.motions;
      this.#toldLeds = moved.leds;
    }
    if (moved === null || this.#toldLeds !== this.#inputs.leds) this.ledsChanged();
    this.#sendAcks();
  }

  message(id: number, body: Uint8Array): void {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    if (message.name === "MOUSE_MOTION" || message.name === "MOUSE_POSITION") this.#acknowledge();
    // Who only looks on may send what it likes.
    if (!this.#viewOnly) this.#handle(message);
  }

  #decode(id: number, body: Uint8Array): ClientMessage<typeof Inputs> | null {
    try {
      return inputsCodec.client.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #handle(message: ClientMessage<typeof Inputs>): void {
    const inputs = this.#inputs;
    const client = this.#client;
    switch (message.name) {
      case "KEY_DOWN":
      case "KEY_UP":
        for (const byte of codeBytes(message.body.code)) this.#scancode(byte);
        break;
      case "KEY_SCANCODE":
        for (const byte of message.body.code) this.#scancode(byte);
        break;
      case "KEY_MODIFIERS":
        inputs.lockKeys(message.body.modifiers);
        break;
      case "MOUSE_MOTION": {
        const { dx, dy, buttonsState } = message.body;
        inputs.motion(client, dx, dy, buttonsState);
        break;
      }
      case "MOUSE_POSITION": {
        const { x, y, displayId, buttonsState } = message.body;
        inputs.position(client, x, y, displayId, buttonsState);
        break;
      }
      case "MOUSE_PRESS":
      case "MOUSE_RELEASE": {
        const { button, buttonsState } = message.body;
        // A mask has a bit for each button up to EXTRA.
        if (button > 7) break;
        inputs.button(client, button, message.name === "MOUSE_PRESS", buttonsState);
        break;
      }
    }
  }

  #scancode(byte: number): void {
    const change = this.#scancodes.push(byte);
    if (change === null) return;
    // Clients say releases again behind a move: here it is known which ones were lost.
    const isKnown = this.#moved !== null && !change.down && !this.#inputs.isHeld(change.code);
    if (!isKnown) this.#inputs.key(this.#client, change);
  }

  #acknowledge(): void {
    this.#motions += 1;
    this.#sendAcks();
  }

  /** Behind MIGRATE nothing can be sent: the target sends what is due. */
  #sendAcks(): void {
    if (this.#end.hasLeft) return;
    for (; this.#motions >= inputMotionAckBunch; this.#motions -= inputMotionAckBunch) {
      this.#end.send(inputsCodec.server.encode({ name: "MOUSE_MOTION_ACK", body: {} }));
    }
  }
}
