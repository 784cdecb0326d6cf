// Pictures as rows of red, green, blue bytes: what screendump writes, what the other clients dump, and how two are compared.

import { readFileSync } from "node:fs";

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue of each pixel, rows from the top, no padding. */
  readonly data: Uint8Array;
}

/** Decodes a binary PPM (P6, 8 bits a sample), without comments, as QEMU writes it. */
export function decodePpm(bytes: Uint8Array): RgbImage {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString("latin1"),
  );
  if (!header) throw new Error("not a binary PPM of 8 bits a sample");
  const width = Number(header[1]);
  const height = Number(header[2]);
  const data = bytes.subarray(header[0].length, header[0].length + width * height * 3);
  if (data.length !== width * height * 3) throw new Error("the PPM ends before its last pixel");
  return { width, height, data };
}

export function readPpm(file: string): RgbImage {
  return decodePpm(readFileSync(file));
}

export interface ImageDifference {
  /** How many pixels differ in any component; Infinity when the sizes differ. */
  readonly pixels: number;
  /** The smallest rectangle around them. */
  readonly box: { left: number; top: number; right: number; bottom: number } | null;
  /** The largest difference of one component. */
  readonly largest: number;
  /** Peak signal to noise ratio in decibels over all components; Infinity when equal. */
  readonly psnr: number;
}

export function compareImages(a: RgbImage, b: RgbImage): ImageDifference {
  if (a.width !== b.width || a.height !== b.height) {
    return { pixels: Number.POSITIVE_INFINITY, box: null, largest: 255, psnr: 0 };
  }
  let [pixels, largest, squares] = [0, 0, 0];
  let [left, top, right, bottom] = [a.width, a.height, 0, 0];
  for (let index = 0; index < a.data.length; index += 3) {
    const red = Math.abs(a.data[index]! - b.data[index]!);
    const green = Math.abs(a.data[index + 1]! - b.data[index + 1]!);
    const blue = Math.abs(a.data[index + 2]! - b.data[index + 2]!);
    if (red + green + blue === 0) continue;
    const x = (index / 3) % a.width;
    const y = Math.floor(index / 3 / a.width);
    pixels++;
    squares += red * red + green * green + blue * blue;
    largest = Math.max(largest, red, green, blue);
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  const box = pixels === 0 ? null : { left, top, right, bottom };
  return {
    pixels,
    box,
    largest,
    psnr: 10 * Math.log10((255 * 255) / (squares / a.data.length)),
  };
}

/** How many different colours a picture has, counted up to 256. A black screen has one. */
export function countColours(image: RgbImage): number {
  const seen = new Set<number>();
  for (let index = 0; index < image.data.length && seen.size < 256; index += 3) {
    seen.add((image.data[index]! << 16) | (image.data[index + 1]! << 8) | image.data[index + 2]!);
  }
  return seen.size;
}
