// Reading pixels of a picture as four numbers in single precision, for the operators that need
// them: alpha, red, green, blue. Fewer bits a channel are exact fractions of their own range.

import { type Picture, repeated } from "./picture.ts";
import type { PixelFormat, Pixmap } from "./pixmap.ts";
import { mapCentreX, mapCentreY } from "./transform.ts";

const f = Math.fround;

/** As `sampleRow`, four numbers a pixel. */
export function sampleFloatRow(
  picture: Picture,
  x: number,
  y: number,
  count: number,
  out: Float32Array,
): void {
  const { transform, filter } = picture;
  let sx = mapCentreX(transform, x, y);
  let sy = mapCentreY(transform, x, y);
  const corners = new Float32Array(16);
  for (let i = 0; i < count; i++) {
    if (filter === "nearest") {
      const column = Math.floor((sx - 1) / 0x10000);
      fetchAt(picture, column, Math.floor((sy - 1) / 0x10000), out, 4 * i);
    } else {
      bilinear(picture, sx - 0x8000, sy - 0x8000, corners, out, 4 * i);
    }
    sx += transform.xx;
    sy += transform.yx;
  }
}

function bilinear(
  picture: Picture,
  x: number,
  y: number,
  corners: Float32Array,
  out: Float32Array,
  at: number,
): void {
  const left = Math.floor(x / 0x10000);
  const top = Math.floor(y / 0x10000);
  fetchAt(picture, left, top, corners, 0);
  fetchAt(picture, left + 1, top, corners, 4);
  fetchAt(picture, left, top + 1, corners, 8);
  fetchAt(picture, left + 1, top + 1, corners, 12);
  const dx = (x - left * 0x10000) / 0x10000;
  const dy = (y - top * 0x10000) / 0x10000;
  const br = f(dx * dy);
  const tr = f(dx * f(1 - dy));
  const bl = f(f(1 - dx) * dy);
  const tl = f(f(1 - dx) * f(1 - dy));
  for (let c = 0; c < 4; c++) {
    const upper = f(f(corners[c]! * tl) + f(corners[4 + c]! * tr));
    out[at + c] = f(f(upper + f(corners[8 + c]! * bl)) + f(corners[12 + c]! * br));
  }
}

function fetchAt(picture: Picture, x: number, y: number, out: Float32Array, at: number): void {
  const { pixmap, repeat } = picture;
  const column = repeated(repeat, x, pixmap.width);
  const row = repeated(repeat, y, pixmap.height);
  if (column < 0 || row < 0) {
    out.fill(0, at, at + 4);
    return;
  }
  expand(pixmap, pixmap.pixels[row * pixmap.width + column]!, out, at);
}

/** Bits of alpha, red, green and blue, from the highest down. */
const channelBits: Readonly<Record<PixelFormat, readonly [number, number, number, number]>> = {
  a8r8g8b8: [8, 8, 8, 8],
  x8r8g8b8: [0, 8, 8, 8],
  r5g6b5: [0, 5, 6, 5],
  x1r5g5b5: [0, 5, 5, 5],
  a8: [8, 0, 0, 0],
  a1: [1, 0, 0, 0],
};

function expand(pixmap: Pixmap, value: number, out: Float32Array, at: number): void {
  const bits = channelBits[pixmap.format];
  let shift = 0;
  for (let c = 3; c >= 0; c--) {
    const size = bits[c]!;
    const most = (1 << size) - 1;
    out[at + c] = size === 0 ? (c === 0 ? 1 : 0) : f(((value >>> shift) & most) * f(1 / most));
    shift += size;
  }
}
