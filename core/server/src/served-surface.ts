// A surface of the guest's as the server keeps it, so that every client can be given its pixels at
// any time.

import { type Box, createSurface, type Surface } from "@caraway/canvas";
import { BitmapFormat, SurfaceFormat } from "@caraway/protocol";
import type { GuestPixels, SurfacePixels } from "./guest-drawing.ts";

export class ServedSurface {
  readonly id: number;
  readonly format: SurfaceFormat;
  readonly width: number;
  readonly height: number;
  readonly surface: Surface;
  /** Whether anything was drawn on it: a surface begins black. */
  isDrawn = false;

  constructor(id: number, width: number, height: number, format: SurfaceFormat) {
    this.id = id;
    this.format = format;
    this.width = width;
    this.height = height;
    this.surface = createSurface({ id, width, height, format, isPrimary: id === 0 });
  }

  get isPrimary(): boolean {
    return this.id === 0;
  }

  get box(): Box {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** Whether there are enough bytes for a part. */
  holds(box: Box, { stride, data }: SurfacePixels): boolean {
    const rowSize = this.#rowSize(box);
    return stride >= rowSize && data.length >= stride * (box.bottom - box.top - 1) + rowSize;
  }

  /** Takes new pixels for a part that lies inside; false when there are too few bytes for it. */
  write(box: Box, given: SurfacePixels): boolean {
    if (!this.holds(box, given)) return false;
    const { stride, data } = given;
    const { format, pixels } = this.surface.pixmap;
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    const rowSize = this.#rowSize(box);
    const target = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    const size = pixels.BYTES_PER_ELEMENT;
    for (let row = 0; row < height; row++) {
      const from = row * stride;
      const to = (box.top + row) * this.width + box.left;
      if (format === "a1") {
        for (let x = 0; x < width; x++) pixels[to + x] = (data[from + (x >> 3)]! >> (x & 7)) & 1;
      } else target.set(data.subarray(from, from + rowSize), to * size);
    }
    this.isDrawn = true;
    return true;
  }

  #rowSize({ left, right }: Box): number {
    const { format, pixels } = this.surface.pixmap;
    return format === "a1" ? (right - left + 7) >> 3 : (right - left) * pixels.BYTES_PER_ELEMENT;
  }

  /** What is there now, as a picture that copies it exactly onto the same surface of a client. */
  read(box: Box): GuestPixels {
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    const base = {
      kind: "pixels",
      key: null,
      width,
      height,
      topDown: true,
      palette: null,
    } as const;
    const { pixmap } = this.surface;
    const { pixels } = pixmap;
    const rows = pixels.slice(0, 0);
    const copy = new (rows.constructor as { new (length: number): typeof pixels })(width * height);
    for (let y = 0; y < height; y++) {
      const from = (box.top + y) * this.width + box.left;
      copy.set(pixels.subarray(from, from + width), y * width);
    }
    const bytes = (array: Uint8Array | Uint16Array | Uint32Array) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const picture = (format: BitmapFormat, size: number, data: Uint8Array): GuestPixels => {
      return { ...base, format, stride: width * size, data, highBitsSet: false };
    };
    switch (pixmap.format) {
      case "a8r8g8b8":
        return picture(BitmapFormat.RGBA, 4, bytes(copy));
      case "x8r8g8b8":
        return picture(BitmapFormat["32BIT"], 4, bytes(copy));
      case "x1r5g5b5":
        return picture(BitmapFormat["16BIT"], 2, bytes(copy));
      case "r5g6b5":
        // Bitmaps of 16 bits have five for green: the wider format loses nothing.
        return picture(BitmapFormat["32BIT"], 4, bytes(widen565(copy as Uint16Array)));
      case "a8":
        return picture(BitmapFormat["8BIT_A"], 1, bytes(copy));
      case "a1":
        return picture(BitmapFormat["8BIT_A"], 1, bytes(copy.map((bit) => (bit === 0 ? 0 : 255))));
    }
  }
}

function widen565(pixels: Uint16Array): Uint32Array {
  return Uint32Array.from(pixels, (value) => {
    const red = ((value << 8) & 0xf80000) | ((value << 3) & 0x070000);
    const green = ((value << 5) & 0x00fc00) | ((value >> 1) & 0x000300);
    const blue = ((value << 3) & 0x0000f8) | ((value >> 2) & 0x000007);
    return red | green | blue;
  });
}

/** Bits of a pixel, for bounds of memory. */
export function bitsPerPixel(format: SurfaceFormat): number {
  switch (format) {
    case SurfaceFormat["1_A"]:
    case SurfaceFormat["8_A"]:
      return 8;
    case SurfaceFormat["16_555"]:
    case SurfaceFormat["16_565"]:
      return 16;
    default:
      return 32;
  }
}
