// Pixels of one format as pixels of another: what copying a picture to a surface of another kind
// does. Colours that become fewer bits lose their lower ones; that become more repeat their upper
// ones; a format without alpha counts as opaque, one with nothing but alpha as black.

import { createPixmap, type PixelArray, type PixelFormat, type Pixmap } from "./pixmap.ts";

/** One pixel as `0xAARRGGBB`, alpha 255 where the format has none. */
export function fetchPixel(format: PixelFormat, value: number): number {
  switch (format) {
    case "a8r8g8b8":
      return value;
    case "x8r8g8b8":
      return (value | 0xff000000) >>> 0;
    case "r5g6b5":
      return widen565(value);
    case "x1r5g5b5":
      return widen555(value);
    case "a8":
      return (value << 24) >>> 0;
    case "a1":
      return value === 0 ? 0 : 0xff000000;
  }
}

/** `0xAARRGGBB` as one raw pixel. The alpha stays behind in the unused byte of `x8r8g8b8`. */
export function storePixel(format: PixelFormat, color: number): number {
  switch (format) {
    case "a8r8g8b8":
    case "x8r8g8b8":
      return color;
    case "r5g6b5":
      return ((color >>> 8) & 0xf800) | ((color >>> 5) & 0x07e0) | ((color >>> 3) & 0x001f);
    case "x1r5g5b5":
      return ((color >>> 9) & 0x7c00) | ((color >>> 6) & 0x03e0) | ((color >>> 3) & 0x001f);
    case "a8":
      return color >>> 24;
    case "a1":
      return color >>> 31;
  }
}

function widen565(value: number): number {
  const red = ((value << 8) & 0xf80000) | ((value << 3) & 0x070000);
  const green = ((value << 5) & 0x00fc00) | ((value >> 1) & 0x000300);
  const blue = ((value << 3) & 0x0000f8) | ((value >> 2) & 0x000007);
  return (0xff000000 | red | green | blue) >>> 0;
}

function widen555(value: number): number {
  const red = ((value << 9) & 0xf80000) | ((value << 4) & 0x070000);
  const green = ((value << 6) & 0x00f800) | ((value << 1) & 0x000700);
  const blue = ((value << 3) & 0x0000f8) | ((value >> 2) & 0x000007);
  return (0xff000000 | red | green | blue) >>> 0;
}

/** The same picture in another format; the pixmap itself when it has that format already. */
export function convertPixmap(source: Pixmap, format: PixelFormat): Pixmap {
  if (source.format === format) return source;
  const target = createPixmap(format, source.width, source.height);
  convertPixels(source.format, source.pixels, format, target.pixels);
  return target;
}

function convertPixels(
  fromFormat: PixelFormat,
  from: PixelArray,
  toFormat: PixelFormat,
  to: PixelArray,
): void {
  for (let at = 0; at < to.length; at++) {
    to[at] = storePixel(toFormat, fetchPixel(fromFormat, from[at]!));
  }
}
