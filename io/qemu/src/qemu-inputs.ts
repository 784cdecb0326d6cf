// Keys, pointer and buttons on their way to QEMU's consoles.

import { MouseButtonMask } from "@caraway/protocol";
import type { KeyboardInput, PointerInput } from "@caraway/server";
import type { DbusValue } from "./dbus-value.ts";

/** Calls a method of a console of which nobody awaits the answer. */
export type TellConsole = (
  display: number,
  device: "Keyboard" | "Mouse",
  member: string,
  signature: string,
  body: readonly DbusValue[],
) => void;

/** QEMU's numbers of buttons. */
const buttons: readonly (readonly [mask: number, number: number])[] = [
  [MouseButtonMask.LEFT, 0],
  [MouseButtonMask.MIDDLE, 1],
  [MouseButtonMask.RIGHT, 2],
  [MouseButtonMask.SIDE, 5],
  [MouseButtonMask.EXTRA, 6],
];
const wheelUp = 3;
const wheelDown = 4;
const pauseCode = 0xe11d45;
const pauseNumber = 0xc6;

export class QemuInputs {
  readonly #tell: TellConsole;
  #held = 0;
  /** Where the pointer was last: its buttons go there. */
  #display = 0;

  constructor(tell: TellConsole) {
    this.#tell = tell;
  }

  handle(
    input: KeyboardInput | PointerInput,
    sizeOf: (display: number) => { readonly width: number; readonly height: number },
  ): void {
    switch (input.type) {
      case "key":
        this.#tell(0, "Keyboard", input.down ? "Press" : "Release", "u", [keyNumber(input.code)]);
        return;
      case "mouse-motion":
        this.#tell(this.#display, "Mouse", "RelMotion", "ii", [input.dx, input.dy]);
        break;
      case "tablet-position": {
        // QEMU refuses what lies outside.
        const { width, height } = sizeOf(input.display);
        if (width === 0 || height === 0) return;
        this.#display = input.display;
        const x = Math.min(Math.max(0, input.x), width - 1);
        const y = Math.min(Math.max(0, input.y), height - 1);
        this.#tell(input.display, "Mouse", "SetAbsPosition", "uu", [x, y]);
        break;
      }
      case "wheel": {
        const number = input.steps < 0 ? wheelUp : wheelDown;
        this.#press(number, true);
        this.#press(number, false);
        break;
      }
      case "buttons":
        break;
    }
    for (const [mask, number] of buttons) {
      if ((input.buttons ^ this.#held) & mask) this.#press(number, (input.buttons & mask) !== 0);
    }
    this.#held = input.buttons;
  }

  #press(number: number, down: boolean): void {
    this.#tell(this.#display, "Mouse", down ? "Press" : "Release", "u", [number]);
  }
}

/** XT numbers, with bit 7 for keys that begin with 0xe0. */
export function keyNumber(code: number): number {
  if (code === pauseCode) return pauseNumber;
  return code > 0xff ? (code & 0x7f) | 0x80 : code & 0x7f;
}
