// What a console of QEMU shows, as it tells a listener (`org.qemu.Display1.Listener`): its calls
// become outputs of a guest. QEMU stands still until each answer, so all of them are given at once.

import { CursorType, SurfaceFormat } from "@caraway/protocol";
import type { GuestOutput } from "@caraway/server";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusValue } from "./dbus-value.ts";

/** Formats of pixman that QEMU shows, as surfaces have them. */
const formats: Readonly<Record<number, { format: SurfaceFormat; bytes: number }>> = {
  537004168: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  537036936: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  268567909: { format: SurfaceFormat["16_565"], bytes: 2 },
  251790677: { format: SurfaceFormat["16_555"], bytes: 2 },
};

const sideMax = 16_384;
const cursorSideMax = 512;

interface Shown {
  readonly width: number;
  readonly height: number;
  readonly pixmanFormat: number;
}

type Say = (output: GuestOutput) => void;
type Arguments = readonly DbusValue[];

export class DisplayListener {
  readonly display: number;
  readonly #say: Say;
  #shown: Shown | null = null;
  #pointer = { x: 0, y: 0, visible: false };
  #isDefined = false;

  constructor(display: number, say: Say) {
    this.display = display;
    this.#say = say;
  }

  /** Whether it has shown anything. */
  get hasShown(): boolean {
    return this.#shown !== null;
  }

  /** The size of what it shows. */
  get size(): { readonly width: number; readonly height: number } {
    return this.#shown ?? { width: 0, height: 0 };
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
    switch (member) {
      case "Scanout":
        this.#scanout(body);
        break;
      case "Update":
        this.#update(body);
        break;
      case "MouseSet":
        this.#mouseSet(body);
        break;
      case "CursorDefine":
        this.#cursorDefine(body);
        break;
      case "Disable":
        this.#destroy();
        break;
      default:
        // What it does not know it has not asked for.
        break;
    }
    return { signature: "", body: [] };
  }

  #scanout(body: Arguments): void {
    const numbers = numbersOf(body, 4);
    const data = bytesAt(body, 4);
    if (numbers === null || data === null) return;
    const [width = 0, height = 0, stride = 0, pixmanFormat = 0] = numbers;
    const known = formats[pixmanFormat];
    const isSane = width > 0 && height > 0 && width <= sideMax && height <= sideMax;
    if (known === undefined || !isSane) return;
    if (stride < width * known.bytes || data.length < stride * (height - 1) + width * known.bytes) {
      return;
    }
    const content = { stride, data };
    const { display } = this;
    const before = this.#shown;
    this.#shown = { width, height, pixmanFormat };
    const isSame =
      before !== null &&
      before.width === width &&
      before.height === height &&
      formats[before.pixmanFormat]?.format === known.format;
    if (isSame) {
      const box = { left: 0, top: 0, right: width, bottom: height };
      this.#say({ type: "update", display, surface: 0, box, pixels: content });
      return;
    }
    if (before !== null) this.#say({ type: "surface-destroy", display, surface: 0 });
    const { format } = known;
    this.#say({ type: "surface-create", display, surface: 0, width, height, format, content });
  }

  #update(body: Arguments): void {
    const shown = this.#shown;
    const numbers = numbersOf(body, 6);
    const data = bytesAt(body, 6);
    if (shown === null || numbers === null || data === null) return;
    const [x = 0, y = 0, width = 0, height = 0, stride = 0, pixmanFormat = 0] = numbers;
    const known = formats[pixmanFormat];
    const isInside =
      x >= 0 &&
      y >= 0 &&
      width > 0 &&
      height > 0 &&
      x + width <= shown.width &&
      y + height <= shown.height;
    if (known === undefined || !isInside) return;
    if (known.format !== formats[shown.pixmanFormat]?.format) return;
    if (data.length < stride * (height - 1) + width * known.bytes) return;
    const box = { left: x, top: y, right: x + width, bottom: y + height };
    const pixels = { stride, data };
    this.#say({ type: "update", display: this.display, surface: 0, box, pixels });
  }

  #mouseSet(body: Arguments): void {
    const numbers = numbersOf(body, 3);
    if (numbers === null) return;
    const [x = 0, y = 0, on = 0] = numbers;
    this.#pointer = { x, y, visible: on !== 0 && this.#isDefined };
    this.#say({ type: "cursor-move", display: this.display, ...this.#pointer });
  }

  #cursorDefine(body: Arguments): void {
    const numbers = numbersOf(body, 4);
    const data = bytesAt(body, 4);
    if (numbers === null || data === null) return;
    const [width = 0, height = 0, hotSpotX = 0, hotSpotY = 0] = numbers;
    const isSane = width > 0 && height > 0 && width <= cursorSideMax && height <= cursorSideMax;
    if (!isSane || data.length < width * height * 4) return;
    const shape = {
      key: null,
      type: CursorType.ALPHA,
      width,
      height,
      hotSpotX,
      hotSpotY,
      data: data.slice(0, width * height * 4),
    };
    this.#isDefined = true;
    this.#say({ type: "cursor-shape", display: this.display, shape });
  }

  #destroy(): void {
    if (this.#shown === null) return;
    this.#shown = null;
    this.#say({ type: "surface-destroy", display: this.display, surface: 0 });
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
