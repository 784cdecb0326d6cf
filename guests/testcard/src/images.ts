// Images in every bitmap format, made of functions that say the colour of a pixel.

import { bitmapRowSize, encodeBitmap } from "@caraway/codecs";
import { BitmapFormat } from "@caraway/protocol";
import type { GuestPalette, GuestPixels, GuestSurfaceImage } from "@caraway/server";

/** 0x00RRGGBB; with alpha 0xAARRGGBB, colours multiplied by it. */
export type ColorAt = (x: number, y: number) => number;

/** How an image lies in memory: as guests' drivers have it, in all ways. */
export interface Arrangement {
  /** Bytes between rows. */
  readonly padding?: number;
  readonly bottomUp?: boolean;
  /** Not to be cached, since it is drawn once only. */
  readonly isPassing?: boolean;
}

/** @param colors The palette, for formats of 1, 4 and 8 bits; all colours of the image are in it. */
export function picture(
  format: BitmapFormat,
  width: number,
  height: number,
  colorAt: ColorAt,
  colors: readonly number[] | null = null,
  arrangement: Arrangement = {},
): GuestPixels {
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels[y * width + x] = colorAt(x, y);
  }
  const palette = colors === null ? null : Uint32Array.from(colors);
  const image = { format: "argb", width, height, pixels } as const;
  const { data } = encodeBitmap(image, format, palette);
  return arrange(format, width, height, data, colors, arrangement);
}

/** An image that has nothing but alpha, 0 to 255. */
export function alphaPicture(width: number, height: number, alphaAt: ColorAt): GuestPixels {
  const data = new Uint8Array(width * height);
  for (let at = 0; at < data.length; at++) data[at] = alphaAt(at % width, (at / width) | 0);
  return arrange(BitmapFormat["8BIT_A"], width, height, data, null, {});
}

/** A mask, in either order of bits. */
export function maskPicture(
  format: (typeof BitmapFormat)["1BIT_LE"] | (typeof BitmapFormat)["1BIT_BE"],
  width: number,
  height: number,
  isOpen: (x: number, y: number) => boolean,
): GuestPixels {
  const colorAt = (x: number, y: number) => (isOpen(x, y) ? 1 : 0);
  return { ...picture(format, width, height, colorAt, [0, 1]), palette: null };
}

export function surfaceImage(surface: number): GuestSurfaceImage {
  return { kind: "surface", surface };
}

/** The result of `make`, which runs when it is wanted first. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The result of `make` for the latest key only. */
export function lazyFor<K, T>(make: (key: K) => T): (key: K) => T {
  let made: { readonly key: K; readonly value: T } | null = null;
  return (key) => {
    if (made === null || made.key !== key) made = { key, value: make(key) };
    return made.value;
  };
}

function arrange(
  format: BitmapFormat,
  width: number,
  height: number,
  rows: Uint8Array,
  colors: readonly number[] | null,
  { padding = 0, bottomUp = false, isPassing = false }: Arrangement,
): GuestPixels {
  const rowSize = bitmapRowSize(format, width);
  const stride = rowSize + padding;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * rowSize, (y + 1) * rowSize);
    data.set(row, (bottomUp ? height - 1 - y : y) * stride);
  }
  const palette: GuestPalette | null =
    colors === null ? null : { key: hashKey(1, new Uint32Array(colors)), colors };
  const shape = Uint32Array.of(format, width, height, stride, bottomUp ? 1 : 0);
  const key = isPassing ? null : hashKey(hashOf(7, shape), data) ^ (palette?.key ?? 0n);
  return {
    kind: "pixels",
    key,
    width,
    height,
    format,
    stride,
    topDown: !bottomUp,
    data,
    palette,
    highBitsSet: false,
  };
}

/** Images with the same key have the same pixels, whichever testcard they come from. */
function hashKey(start: number, words: ArrayLike<number>): bigint {
  return (BigInt(hashOf(start, words)) << 32n) | BigInt(hashOf(start ^ 0x5bd1e995, words));
}

/** FNV-1a over words, mixed at the end. */
function hashOf(start: number, words: ArrayLike<number>): number {
  let mixed = 0x811c9dc5 ^ Math.imul(start, 0x9e3779b1);
  for (let at = 0; at < words.length; at++) mixed = Math.imul(mixed ^ words[at]!, 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
