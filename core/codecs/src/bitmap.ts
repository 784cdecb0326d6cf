// Bitmap images: rows of pixels as they lie in the sender's memory. See docs/formats/bitmap.md.

import { countPixels } from "./image-size.ts";
import {
  expandIndexRow,
  type IndexLayout,
  indexRowSize,
  paletteTable,
  widen555,
} from "./palette.ts";
import { type AlphaImage, CodecError, type ColorImage, type PixelImage } from "./pixel-image.ts";

/** SPICE_BITMAP_FMT_*. */
export const BitmapFormat = {
  "1BIT_LE": 1,
  "1BIT_BE": 2,
  "4BIT_LE": 3,
  "4BIT_BE": 4,
  "8BIT": 5,
  "16BIT": 6,
  "24BIT": 7,
  "32BIT": 8,
  RGBA: 9,
  "8BIT_A": 10,
} as const;

export type BitmapFormat = (typeof BitmapFormat)[keyof typeof BitmapFormat];

/** A bitmap as it comes from the wire; nothing in it is trusted. */
export interface Bitmap {
  /** A value of `BitmapFormat`. */
  readonly format: number;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** Whether the first row in `data` is the top one. */
  readonly topDown: boolean;
  readonly data: Uint8Array;
}

const indexLayouts: Readonly<Record<number, IndexLayout>> = {
  [BitmapFormat["1BIT_LE"]]: { bits: 1, upperFirst: false },
  [BitmapFormat["1BIT_BE"]]: { bits: 1, upperFirst: true },
  [BitmapFormat["4BIT_LE"]]: { bits: 4, upperFirst: false },
  [BitmapFormat["4BIT_BE"]]: { bits: 4, upperFirst: true },
  [BitmapFormat["8BIT"]]: { bits: 8, upperFirst: true },
};

/** How the indices of a palette format lie in their bytes; undefined for the other formats. */
export function bitmapIndexLayout(format: number): IndexLayout | undefined {
  return indexLayouts[format];
}

/**
 * Bytes of a row without padding.
 *
 * @throws CodecError when there is no such format.
 */
export function bitmapRowSize(format: number, width: number): number {
  const layout = indexLayouts[format];
  if (layout !== undefined) return indexRowSize(layout, width);
  switch (format) {
    case BitmapFormat["16BIT"]:
      return width * 2;
    case BitmapFormat["24BIT"]:
      return width * 3;
    case BitmapFormat["32BIT"]:
    case BitmapFormat.RGBA:
      return width * 4;
    case BitmapFormat["8BIT_A"]:
      return width;
    default:
      throw new CodecError("bitmap", 0, `there is no format ${format}`);
  }
}

/**
 * Decodes a bitmap of any format. `palette` is needed by the formats of 1, 4 and 8 bits: entries
 * `0x00RRGGBB`, whose high byte is kept (for a 16-bit surface, pass it through `widenPalette`).
 *
 * The result is `argb` for RGBA, `a8` for 8BIT_A and `xrgb` otherwise. The high byte of 32BIT
 * pixels is the sender's fourth byte, unchanged and without meaning; setting it for
 * HIGH_BITS_SET is up to the canvas. In 16BIT and 24BIT it is 0.
 *
 * @throws CodecError when the format, the size or the stride is impossible, when `data` is too
 *   short or when a palette is missing.
 */
export function decodeBitmap(bitmap: Bitmap, palette: Uint32Array | null): PixelImage {
  checkBitmap(bitmap);
  const { format, width, height } = bitmap;
  if (format === BitmapFormat["8BIT_A"]) return decodeAlpha(bitmap);

  const pixels = new Uint32Array(width * height);
  const layout = indexLayouts[format];
  if (layout !== undefined) {
    if (palette === null) throw new CodecError("bitmap", 0, "its palette is missing");
    const table = paletteTable(layout, palette);
    for (let row = 0; row < height; row++) {
      const to = targetRow(bitmap, row) * width;
      expandIndexRow(layout, table, bitmap.data, row * bitmap.stride, pixels, to, width);
    }
  } else if (format === BitmapFormat["16BIT"]) {
    for (let row = 0; row < height; row++) {
      widenRow(bitmap.data, row * bitmap.stride, pixels, targetRow(bitmap, row) * width, width);
    }
  } else if (format === BitmapFormat["24BIT"]) {
    for (let row = 0; row < height; row++) {
      joinRow(bitmap.data, row * bitmap.stride, pixels, targetRow(bitmap, row) * width, width);
    }
  } else {
    copyRows(bitmap, width * 4, new Uint8Array(pixels.buffer));
  }
  return { format: format === BitmapFormat.RGBA ? "argb" : "xrgb", width, height, pixels };
}

/**
 * The picture of a QMask: 1 where the bit is set, one byte per pixel, rows from the top down. The
 * flag INVERS belongs to the mask and not to its image, so it is applied where the mask is used.
 *
 * @throws CodecError unless it is a possible bitmap of one bit per pixel.
 */
export function decodeMask(bitmap: Bitmap): Uint8Array {
  checkBitmap(bitmap);
  const { data, width, height, stride } = bitmap;
  const layout = indexLayouts[bitmap.format];
  if (layout?.bits !== 1) {
    throw new CodecError("bitmap", 0, `format ${bitmap.format} is not one for masks`);
  }
  const turn = layout.upperFirst ? 7 : 0;
  const mask = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = row * stride;
    const to = targetRow(bitmap, row) * width;
    for (let x = 0; x < width; x++) {
      mask[to + x] = (data[from + (x >> 3)]! >> ((x & 7) ^ turn)) & 1;
    }
  }
  return mask;
}

function decodeAlpha(bitmap: Bitmap): AlphaImage {
  const { width, height } = bitmap;
  const pixels = new Uint8Array(width * height);
  copyRows(bitmap, width, pixels);
  return { format: "a8", width, height, pixels };
}

function checkBitmap(bitmap: Bitmap): void {
  const { data, width, height, stride } = bitmap;
  countPixels("bitmap", 0, width, height);
  const rowSize = bitmapRowSize(bitmap.format, width);
  if (stride < rowSize) {
    throw new CodecError(
      "bitmap",
      0,
      `a stride of ${stride} is less than a row of ${rowSize} bytes`,
    );
  }
  // The last row need not be padded.
  const needed = stride * (height - 1) + rowSize;
  if (data.length < needed) {
    throw new CodecError("bitmap", data.length, `${needed} bytes are needed`);
  }
}

/** Where a row in memory belongs in an image whose rows run from the top down. */
function targetRow(bitmap: Bitmap, row: number): number {
  return bitmap.topDown ? row : bitmap.height - 1 - row;
}

function copyRows(bitmap: Bitmap, rowSize: number, target: Uint8Array): void {
  const { data, stride, height } = bitmap;
  if (bitmap.topDown && stride === rowSize) {
    target.set(data.subarray(0, rowSize * height));
    return;
  }
  for (let row = 0; row < height; row++) {
    const from = row * stride;
    target.set(data.subarray(from, from + rowSize), targetRow(bitmap, row) * rowSize);
  }
}

function widenRow(
  data: Uint8Array,
  from: number,
  pixels: Uint32Array,
  to: number,
  width: number,
): void {
  for (let x = 0; x < width; x++) {
    pixels[to + x] = widen555(data[from + 2 * x]! | (data[from + 2 * x + 1]! << 8));
  }
}

function joinRow(
  data: Uint8Array,
  from: number,
  pixels: Uint32Array,
  to: number,
  width: number,
): void {
  let at = from;
  for (let x = 0; x < width; x++) {
    pixels[to + x] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16);
    at += 3;
  }
}

/**
 * Packs pixels into a bitmap: rows from the top down without padding. The palette formats need a
 * palette that has every colour of the image.
 *
 * @throws CodecError when the format does not fit the image, or a colour is not in the palette.
 */
export function encodeBitmap(
  image: PixelImage,
  format: BitmapFormat,
  palette: Uint32Array | null = null,
): Bitmap {
  const { width, height } = image;
  countPixels("bitmap", 0, width, height);
  const stride = bitmapRowSize(format, width);
  const data = new Uint8Array(stride * height);
  if (image.format === "a8" || format === BitmapFormat["8BIT_A"]) {
    if (image.format !== "a8" || format !== BitmapFormat["8BIT_A"]) {
      throw new CodecError(
        "bitmap",
        0,
        `format ${format} does not fit an image in ${image.format}`,
      );
    }
    data.set(image.pixels);
  } else {
    packColors(image, format, palette, data);
  }
  return { format, width, height, stride, topDown: true, data };
}

function packColors(
  image: ColorImage,
  format: BitmapFormat,
  palette: Uint32Array | null,
  data: Uint8Array,
): void {
  const { pixels } = image;
  const layout = indexLayouts[format];
  if (layout !== undefined) {
    packIndices(image, layout, palette, data);
  } else if (format === BitmapFormat["16BIT"]) {
    for (let at = 0; at < pixels.length; at++) {
      const color = narrow555(pixels[at]!);
      data[2 * at] = color;
      data[2 * at + 1] = color >> 8;
    }
  } else if (format === BitmapFormat["24BIT"]) {
    for (let at = 0; at < pixels.length; at++) {
      const color = pixels[at]!;
      data[3 * at] = color;
      data[3 * at + 1] = color >> 8;
      data[3 * at + 2] = color >> 16;
    }
  } else {
    data.set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
  }
}

function packIndices(
  image: ColorImage,
  layout: IndexLayout,
  palette: Uint32Array | null,
  data: Uint8Array,
): void {
  if (palette === null) throw new CodecError("bitmap", 0, "its palette is missing");
  const indexOf = new Map<number, number>();
  const count = Math.min(palette.length, 1 << layout.bits);
  for (let index = count - 1; index >= 0; index--) indexOf.set(palette[index]! & 0xffffff, index);

  const rowSize = indexRowSize(layout, image.width);
  const perByte = 8 / layout.bits;
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const at = y * image.width + x;
      const index = indexOf.get(image.pixels[at]! & 0xffffff);
      if (index === undefined) {
        throw new CodecError("bitmap", 0, `the colour of pixel ${x},${y} is not in the palette`);
      }
      const slot = x % perByte;
      const shift = (layout.upperFirst ? perByte - 1 - slot : slot) * layout.bits;
      data[y * rowSize + Math.floor(x / perByte)]! |= index << shift;
    }
  }
}

/** A colour as 0555: the upper five bits of each part. */
export function narrow555(color: number): number {
  return ((color >> 9) & 0x7c00) | ((color >> 6) & 0x03e0) | ((color >> 3) & 0x001f);
}
