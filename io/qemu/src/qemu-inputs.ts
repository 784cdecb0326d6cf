// Keys, pointer and buttons on their way to QEMU: `input-send-event` on a monitor of its own, one
// command at a time, which is refused while the VM does not run. What was not taken is kept, in
// order, and goes on where the VM goes on: no key is lost.

import { MouseButtonMask } from "@caraway/protocol";
import type { KeyboardInput, PointerInput } from "@caraway/server";

export type QemuInput = KeyboardInput | PointerInput;

/** An event as QMP has it. */
type InputEvent = Readonly<Record<string, unknown>>;

export interface InputsOwner {
  /** Runs `input-send-event`. Rejects when QEMU refuses. */
  send(events: readonly InputEvent[]): Promise<void>;
  sizeOf(display: number): { readonly width: number; readonly height: number };
}

/** QEMU's names of buttons. */
const buttons: readonly (readonly [mask: number, name: string])[] = [
  [MouseButtonMask.LEFT, "left"],
  [MouseButtonMask.MIDDLE, "middle"],
  [MouseButtonMask.RIGHT, "right"],
  [MouseButtonMask.SIDE, "side"],
  [MouseButtonMask.EXTRA, "extra"],
];
const pauseCode = 0xe11d45;
const pauseNumber = 0xc6;
/** QEMU's positions are below this. */
const positionEnd = 0x8000;
const notRunning = /not running/;
/** Far more than anybody types while a VM stands still. */
const waitingMax = 4096;

export class QemuInputs {
  readonly #owner: InputsOwner;
  readonly #waiting: QemuInput[] = [];
  #isRunning = false;
  #isSending = false;
  #held = 0;

  constructor(owner: InputsOwner) {
    this.#owner = owner;
  }

  /** What QEMU has not taken, in order. */
  get waiting(): readonly QemuInput[] {
    return this.#waiting;
  }

  /** Whether QEMU has answered what it was asked. */
  get isIdle(): boolean {
    return !this.#isSending;
  }

  setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    this.#send();
  }

  push(input: QemuInput): void {
    const last = this.#waiting.at(-1);
    const isJoined =
      input.type === "tablet-position" &&
      last?.type === input.type &&
      last.buttons === input.buttons &&
      this.#waiting.length > 1;
    if (isJoined) this.#waiting.pop();
    if (this.#waiting.length < waitingMax) this.#waiting.push(input);
    this.#send();
  }

  /** What another QEMU has not taken comes first. */
  take(inputs: readonly QemuInput[], held: number): void {
    this.#waiting.unshift(...inputs);
    this.#held = held;
  }

  /** Buttons that QEMU holds. */
  get held(): number {
    return this.#held;
  }

  #send(): void {
    const input = this.#waiting[0];
    if (!this.#isRunning || this.#isSending || input === undefined) return;
    this.#isSending = true;
    const held = this.#held;
    this.#owner.send(this.#events(input)).then(
      () => {
        this.#isSending = false;
        if (this.#waiting[0] === input) this.#waiting.shift();
        this.#send();
      },
      (error: unknown) => {
        this.#isSending = false;
        this.#held = held;
        // It stands still, although its event has not come yet; or it has no such device.
        if (notRunning.test(String(error))) this.#isRunning = false;
        else if (this.#waiting[0] === input) this.#waiting.shift();
        this.#send();
      },
    );
  }

  #events(input: QemuInput): readonly InputEvent[] {
    switch (input.type) {
      case "key": {
        const key = { type: "number", data: keyNumber(input.code) };
        return [{ type: "key", data: { down: input.down, key } }];
      }
      case "mouse-motion":
        return [move("rel", "x", input.dx), move("rel", "y", input.dy), ...this.#buttons(input)];
      case "tablet-position": {
        const { width, height } = this.#owner.sizeOf(input.display);
        const x = position(input.x, width);
        const y = position(input.y, height);
        return [move("abs", "x", x), move("abs", "y", y), ...this.#buttons(input)];
      }
      case "wheel": {
        const button = input.steps < 0 ? "wheel-up" : "wheel-down";
        return [press(button, true), press(button, false), ...this.#buttons(input)];
      }
      case "buttons":
        return this.#buttons(input);
    }
  }

  #buttons({ buttons: held }: PointerInput): readonly InputEvent[] {
    const changed = buttons.filter(([mask]) => (held ^ this.#held) & mask);
    this.#held = held;
    return changed.map(([mask, name]) => press(name, (held & mask) !== 0));
  }
}

function press(button: string, down: boolean): InputEvent {
  return { type: "btn", data: { down, button } };
}

function move(type: "abs" | "rel", axis: "x" | "y", value: number): InputEvent {
  return { type, data: { axis, value } };
}

/** The middle of the pixel, so that it is this one however the guest rounds. QEMU refuses what lies outside. */
function position(at: number, size: number): number {
  if (size === 0) return 0;
  return Math.floor(((Math.min(Math.max(0, at), size - 1) + 0.5) * positionEnd) / size);
}

/** XT numbers, with bit 7 for keys that begin with 0xe0. */
export function keyNumber(code: number): number {
  if (code === pauseCode) return pauseNumber;
  return code > 0xff ? (code & 0x7f) | 0x80 : code & 0x7f;
}
