// What a console of QEMU shows. QEMU waits for nobody, so what it shows is kept here, with the parts
// that changed, and handed out as outputs of a guest when somebody asks: who is slow gets less, and
// the newest.

import { ChangedBoxes } from "@caraway/canvas";
import { CursorType, type SurfaceFormat } from "@caraway/protocol";
import type { GuestCursor, GuestOutput } from "@caraway/server";

export interface PixelFormat {
  readonly format: SurfaceFormat;
  readonly bytes: number;
}

/** Rows of pixels, `stride` bytes apart. */
export interface ScreenPixels extends PixelFormat {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly data: Uint8Array;
}

const sideMax = 16_384;
const cursorSideMax = 512;

export class ShownScreen {
  readonly display: number;
  #shown: ScreenPixels | null = null;
  /** What the guest's server believes to be there. */
  #isTold = false;
  #isRemade = false;
  readonly #boxes = new ChangedBoxes();
  #pointer = { x: 0, y: 0, visible: false };
  #shape: GuestCursor | null = null;
  #hasMoved = false;
  #isShapeNew = false;

  constructor(display: number) {
    this.display = display;
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

  /** Shows something new, of any size. Whether there could be such a picture. */
  show({ width, height, format, bytes, stride, data }: ScreenPixels): boolean {
    const isSane = width > 0 && height > 0 && width <= sideMax && height <= sideMax;
    const row = width * bytes;
    if (!isSane || stride < row || data.length < stride * (height - 1) + row) return false;
    const before = this.#shown;
    const isSame =
      before !== null &&
      before.width === width &&
      before.height === height &&
      before.format === format;
    const shown = isSame
      ? before
      : { format, bytes, width, height, stride: row, data: new Uint8Array(row * height) };
    put(shown, 0, 0, height, row, stride, data);
    this.#shown = shown;
    if (!isSame) this.#isRemade = true;
    this.#boxes.add({ left: 0, top: 0, right: width, bottom: height });
    return true;
  }

  /** Shows a part anew. Whether it lies on what is shown. */
  update(x: number, y: number, part: ScreenPixels): boolean {
    const shown = this.#shown;
    const { width, height, stride, data } = part;
    if (shown === null || part.format !== shown.format) return false;
    const row = width * shown.bytes;
    if (!isInside(shown, x, y, width, height)) return false;
    if (stride < row || data.length < stride * (height - 1) + row) return false;
    put(shown, x, y, height, row, stride, data);
    this.#boxes.add({ left: x, top: y, right: x + width, bottom: y + height });
    return true;
  }

  /** Shows at `x`, `y` what is shown elsewhere. Whether both lie on it. */
  copy(fromX: number, fromY: number, x: number, y: number, width: number, height: number): boolean {
    const shown = this.#shown;
    if (shown === null || !isInside(shown, fromX, fromY, width, height)) return false;
    const { format, bytes } = shown;
    const data = cut(shown, fromX, fromY, fromX + width, fromY + height);
    return this.update(x, y, { format, bytes, width, height, ...data });
  }

  /** Shows nothing. */
  disable(): void {
    this.#shown = null;
    this.#boxes.clear();
  }

  moveCursor(x: number, y: number, isShown: boolean): void {
    this.#pointer = { x, y, visible: isShown && this.#shape !== null };
    this.#hasMoved = true;
  }

  /** The pointer's shape: 4 bytes a pixel, blue first, alpha last. Whether there could be such a one. */
  shapeCursor(
    width: number,
    height: number,
    hotSpotX: number,
    hotSpotY: number,
    data: Uint8Array,
  ): boolean {
    const isSane = width > 0 && height > 0 && width <= cursorSideMax && height <= cursorSideMax;
    const size = width * height * 4;
    if (!isSane || data.length < size) return false;
    const type = CursorType.ALPHA;
    this.#shape = { key: null, type, width, height, hotSpotX, hotSpotY, data: data.slice(0, size) };
    this.#isShapeNew = true;
    return true;
  }
}

function isInside(
  shown: ScreenPixels,
  x: number,
  y: number,
  width: number,
  height: number,
): boolean {
  const isSane = x >= 0 && y >= 0 && width > 0 && height > 0;
  return isSane && x + width <= shown.width && y + height <= shown.height;
}

/** Copies rows of pixels to their place. */
function put(
  to: ScreenPixels,
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
  from: ScreenPixels,
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
