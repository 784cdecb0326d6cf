// What a console of QEMU shows, as it tells a listener (`org.qemu.Display1.Listener`). QEMU waits
// for nobody, so what it shows is kept here, with the parts that changed, and handed out as outputs
// of a guest when somebody asks: who is slow gets less, and the newest.

import { ChangedBoxes } from "@caraway/canvas";
import { CursorType, SurfaceFormat } from "@caraway/protocol";
import type { GuestCursor, GuestOutput } from "@caraway/server";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusValue } from "./dbus-value.ts";

interface PixelFormat {
  readonly format: SurfaceFormat;
  readonly bytes: number;
}

/** Formats of pixman that QEMU shows, as surfaces have them. */
const formats: Readonly<Record<number, PixelFormat>> = {
  537004168: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  537036936: { format: SurfaceFormat["32_xRGB"], bytes: 4 },
  268567909: { format: SurfaceFormat["16_565"], bytes: 2 },
  251790677: { format: SurfaceFormat["16_555"], bytes: 2 },
};

const sideMax = 16_384;
const cursorSideMax = 512;

interface Shown extends PixelFormat {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly data: Uint8Array;
}

type Arguments = readonly DbusValue[];

export class DisplayListener {
  readonly display: number;
  /** There is something to take. */
  readonly #changed: () => void;
  #shown: Shown | null = null;
  /** What the guest's server believes to be there. */
  #isTold = false;
  #isRemade = false;
  readonly #boxes = new ChangedBoxes();
  #pointer = { x: 0, y: 0, visible: false };
  #shape: GuestCursor | null = null;
  #hasMoved = false;
  #isShapeNew = false;

  constructor(display: number, changed: () => void) {
    this.display = display;
    this.#changed = changed;
  }

  /** Whether it has shown anything. */
  get hasShown(): boolean {
    return this.#shown !== null;
  }

  /** The size of what it shows. */
  get size(): { readonly width: number; readonly height: number } {
    return this.#shown ?? { width: 0, height: 0 };
  }

  /** All that it shows, for a server that comes anew. */
  describe(): GuestOutput[] {
    this.#isTold = false;
    this.#isRemade = this.#shown !== null;
    this.#isShapeNew = this.#shape !== null;
    this.#hasMoved = true;
    return this.take();
  }

  /** What has changed since it was asked last. */
  take(): GuestOutput[] {
    const outputs: GuestOutput[] = [];
    const { display } = this;
    const shown = this.#shown;
    if (this.#isTold && (shown === null || this.#isRemade)) {
      outputs.push({ type: "surface-destroy", display, surface: 0 });
      this.#isTold = false;
    }
    if (shown !== null && this.#isRemade) {
      const { width, height, format, stride } = shown;
      const content = { stride, data: shown.data.slice() };
      outputs.push({ type: "surface-create", display, surface: 0, width, height, format, content });
      this.#isTold = true;
      this.#boxes.clear();
    } else if (shown !== null) {
      for (const box of this.#boxes.takeAll()) {
        const pixels = cut(shown, box.left, box.top, box.right, box.bottom);
        outputs.push({ type: "update", display, surface: 0, box, pixels });
      }
    }
    this.#isRemade = false;
    if (this.#isShapeNew) outputs.push({ type: "cursor-shape", display, shape: this.#shape });
    if (this.#hasMoved) outputs.push({ type: "cursor-move", display, ...this.#pointer });
    this.#isShapeNew = false;
    this.#hasMoved = false;
    return outputs;
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
        this.#shown = null;
        this.#boxes.clear();
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
    const isSane = width > 0 && height > 0 && width <= sideMax && height <= sideMax;
    if (known === undefined || !isSane) return false;
    const row = width * known.bytes;
    if (stride < row || data.length < stride * (height - 1) + row) return false;
    const before = this.#shown;
    const isSame =
      before !== null &&
      before.width === width &&
      before.height === height &&
      before.format === known.format;
    const shown = isSame
      ? before
      : { ...known, width, height, stride: row, data: new Uint8Array(row * height) };
    put(shown, 0, 0, height, row, stride, data);
    this.#shown = shown;
    if (!isSame) this.#isRemade = true;
    this.#boxes.add({ left: 0, top: 0, right: width, bottom: height });
    return true;
  }

  #update(body: Arguments): boolean {
    const shown = this.#shown;
    const numbers = numbersOf(body, 6);
    const data = bytesAt(body, 6);
    if (shown === null || numbers === null || data === null) return false;
    const [x = 0, y = 0, width = 0, height = 0, stride = 0, pixmanFormat = 0] = numbers;
    const isInside =
      x >= 0 &&
      y >= 0 &&
      width > 0 &&
      height > 0 &&
      x + width <= shown.width &&
      y + height <= shown.height;
    const row = width * shown.bytes;
    if (!isInside || formats[pixmanFormat]?.format !== shown.format) return false;
    if (stride < row || data.length < stride * (height - 1) + row) return false;
    put(shown, x, y, height, row, stride, data);
    this.#boxes.add({ left: x, top: y, right: x + width, bottom: y + height });
    return true;
  }

  #mouseSet(body: Arguments): boolean {
    const numbers = numbersOf(body, 3);
    if (numbers === null) return false;
    const [x = 0, y = 0, on = 0] = numbers;
    this.#pointer = { x, y, visible: on !== 0 && this.#shape !== null };
    this.#hasMoved = true;
    return true;
  }

  #cursorDefine(body: Arguments): boolean {
    const numbers = numbersOf(body, 4);
    const data = bytesAt(body, 4);
    if (numbers === null || data === null) return false;
    const [width = 0, height = 0, hotSpotX = 0, hotSpotY = 0] = numbers;
    const isSane = width > 0 && height > 0 && width <= cursorSideMax && height <= cursorSideMax;
    if (!isSane || data.length < width * height * 4) return false;
    this.#shape = {
      key: null,
      type: CursorType.ALPHA,
      width,
      height,
      hotSpotX,
      hotSpotY,
      data: data.slice(0, width * height * 4),
    };
    this.#isShapeNew = true;
    return true;
  }
}

/** Copies rows of pixels to their place. */
function put(
  to: Shown,
  x: number,
  y: number,
  height: number,
  row: number,
  stride: number,
  data: Uint8Array,
): void {
  if (row === to.stride && stride === row) {
    to.data.set(data.subarray(0, row * height), y * row);
    return;
  }
  for (let line = 0; line < height; line++) {
    const from = data.subarray(line * stride, line * stride + row);
    to.data.set(from, (y + line) * to.stride + x * to.bytes);
  }
}

function cut(
  from: Shown,
  left: number,
  top: number,
  right: number,
  bottom: number,
): { readonly stride: number; readonly data: Uint8Array } {
  const stride = (right - left) * from.bytes;
  if (stride === from.stride) {
    return { stride, data: from.data.slice(top * stride, bottom * stride) };
  }
  const data = new Uint8Array(stride * (bottom - top));
  for (let line = top; line < bottom; line++) {
    const at = line * from.stride + left * from.bytes;
    data.set(from.data.subarray(at, at + stride), (line - top) * stride);
  }
  return { stride, data };
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
