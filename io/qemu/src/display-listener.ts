// What QEMU tells of a console by D-Bus (`org.qemu.Display1.Listener`), made into what is shown.

import { SurfaceFormat } from "@caraway/protocol";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusValue } from "./dbus-value.ts";
import { type PixelFormat, ShownScreen } from "./shown-screen.ts";

/** Formats of pixman that QEMU shows, as surfaces have them. */
const formats: Readonly<Record<number, PixelFormat>> = {
  537004168: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  537036936: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  268567909: { format: SurfaceFormat["16_565"], bytes: 2 },
  251790677: { format: SurfaceFormat["16_555"], bytes: 2 },
};

type Arguments = readonly DbusValue[];

export class DisplayListener {
  readonly screen: ShownScreen;
  /** There is something to take. */
  readonly #changed: () => void;

  constructor(display: number, changed: () => void) {
    this.screen = new ShownScreen(display);
    this.#changed = changed;
  }

  /** Answers a call. */
  called({ interface: name, member, body }: DbusMessage): {
    readonly signature: string;
    readonly body: Arguments;
  } {
    if (name === "org.freedesktop.DBus.Properties" && member === "GetAll") {
      // No further interfaces: pixels come in messages.
      const interfaces = { signature: "as", value: [] };
      return { signature: "a{sv}", body: [[["Interfaces", interfaces]]] };
    }
    if (this.#handle(member, body)) this.#changed();
    return { signature: "", body: [] };
  }

  #handle(member: string | null, body: Arguments): boolean {
    switch (member) {
      case "Scanout":
        return this.#scanout(body);
      case "Update":
        return this.#update(body);
      case "MouseSet":
        return this.#mouseSet(body);
      case "CursorDefine":
        return this.#cursorDefine(body);
      case "Disable":
        this.screen.disable();
        return true;
      default:
        // What it does not know it has not asked for.
        return false;
    }
  }

  #scanout(body: Arguments): boolean {
    const numbers = numbersOf(body, 4);
    const data = bytesAt(body, 4);
    if (numbers === null || data === null) return false;
    const [width = 0, height = 0, stride = 0, pixmanFormat = 0] = numbers;
    const known = formats[pixmanFormat];
    return known !== undefined && this.screen.show({ ...known, width, height, stride, data });
  }

  #update(body: Arguments): boolean {
    const numbers = numbersOf(body, 6);
    const data = bytesAt(body, 6);
    if (numbers === null || data === null) return false;
    const [x = 0, y = 0, width = 0, height = 0, stride = 0, pixmanFormat = 0] = numbers;
    const known = formats[pixmanFormat];
    return (
      known !== undefined && this.screen.update(x, y, { ...known, width, height, stride, data })
    );
  }

  #mouseSet(body: Arguments): boolean {
    const numbers = numbersOf(body, 3);
    if (numbers === null) return false;
    const [x = 0, y = 0, on = 0] = numbers;
    this.screen.moveCursor(x, y, on !== 0);
    return true;
  }

  #cursorDefine(body: Arguments): boolean {
    const numbers = numbersOf(body, 4);
    const data = bytesAt(body, 4);
    if (numbers === null || data === null) return false;
    const [width = 0, height = 0, hotSpotX = 0, hotSpotY = 0] = numbers;
    return this.screen.shapeCursor(width, height, hotSpotX, hotSpotY, data);
  }
}

/** The first `count` arguments, if they are numbers. */
function numbersOf(body: Arguments, count: number): readonly number[] | null {
  const values = body.slice(0, count);
  const numbers = values.filter((value): value is number => typeof value === "number");
  return numbers.length === count ? numbers : null;
}

function bytesAt(body: Arguments, at: number): Uint8Array | null {
  const value = body[at];
  return value instanceof Uint8Array ? value : null;
}
