// The one place that decides how large an image may be, so that every decoder checks it before it
// takes memory.

import { CodecError, maxImagePixels } from "./pixel-image.ts";

/**
 * The number of pixels of an image of `width` by `height`.
 *
 * @throws CodecError when a side is 0 or the image has more than `maxImagePixels`.
 */
export function countPixels(codec: string, offset: number, width: number, height: number): number {
  const pixels = width * height;
  if (!(pixels > 0 && pixels <= maxImagePixels)) {
    throw new CodecError(codec, offset, `a size of ${width} by ${height} is not possible`);
  }
  return pixels;
}

/** Turns rows of `rowLength` elements upside down, in place. */
export function flipRows(pixels: Uint32Array | Uint8Array, rowLength: number): void {
  const spare = pixels.slice(0, rowLength);
  let top = 0;
  let bottom = pixels.length - rowLength;
  while (top < bottom) {
    spare.set(pixels.subarray(top, top + rowLength));
    pixels.copyWithin(top, bottom, bottom + rowLength);
    pixels.set(spare, bottom);
    top += rowLength;
    bottom -= rowLength;
  }
}
