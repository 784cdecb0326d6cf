// Reading rows of a picture, as 8 bits a channel `0xAARRGGBB` with alpha multiplied in. Pictures that
// are only scaled, the most frequent ones, have loops of their own.

import { fetchPixel } from "./convert.ts";
import { type Picture, repeated } from "./picture.ts";
import type { Pixmap32 } from "./pixmap.ts";
import { isIdentity, mapCentreX, mapCentreY } from "./transform.ts";

const half = 0x8000;

/** Reads `count` pixels of row `y` from column `x` on, in the space before the transform. */
export function sampleRow(
  picture: Picture,
  x: number,
  y: number,
  count: number,
  out: Uint32Array,
): void {
  const { pixmap, transform, filter, repeat } = picture;
  if (pixmap.width === 1 && pixmap.height === 1 && repeat !== "none") {
    out.fill(fetchPixel(pixmap.format, pixmap.pixels[0]!), 0, count);
    return;
  }
  if (isIdentity(transform)) {
    copyRow(picture, x, y, count, out);
    return;
  }
  let sx = mapCentreX(transform, x, y);
  let sy = mapCentreY(transform, x, y);
  const { xx, yx } = transform;
  if (yx === 0 && filter === "nearest") {
    nearestRow(picture, sx, sy, xx, count, out);
    return;
  }
  if (yx === 0 && (pixmap.format === "a8r8g8b8" || pixmap.format === "x8r8g8b8")) {
    bilinearRow(picture, pixmap, sx, sy, xx, count, out);
    return;
  }
  for (let i = 0; i < count; i++) {
    out[i] = filter === "nearest" ? nearest(picture, sx, sy) : bilinear(picture, sx, sy);
    sx += xx;
    sy += yx;
  }
}

function copyRow(picture: Picture, x: number, y: number, count: number, out: Uint32Array): void {
  const { pixmap, repeat } = picture;
  const { format, width, height, pixels } = pixmap;
  const row = repeated(repeat, y, height);
  if (row < 0) {
    out.fill(0, 0, count);
    return;
  }
  const start = row * width;
  if (x < 0 || x + count > width) {
    for (let i = 0; i < count; i++) {
      const column = repeated(repeat, x + i, width);
      out[i] = column < 0 ? 0 : fetchPixel(format, pixels[start + column]!);
    }
    return;
  }
  const from = start + x;
  if (format === "a8r8g8b8") {
    out.set(pixels.subarray(from, from + count));
  } else if (format === "x8r8g8b8") {
    for (let i = 0; i < count; i++) out[i] = pixels[from + i]! | 0xff000000;
  } else {
    for (let i = 0; i < count; i++) out[i] = fetchPixel(format, pixels[from + i]!);
  }
}

/**
 * The row of the picture from which all of row `y` is read, in the space before the transform; null
 * where several are.
 */
export function rowRead({ transform, filter }: Picture, y: number): number | null {
  const { xy, yx } = transform;
  if (filter !== "nearest" || xy !== 0 || yx !== 0) return null;
  return rowOf(mapCentreY(transform, 0, y));
}

/** A point on an edge belongs to the pixel before it. */
function rowOf(y: number): number {
  return Math.floor((y - 1) / 0x10000);
}

function nearestRow(
  { pixmap, repeat }: Picture,
  x: number,
  y: number,
  step: number,
  count: number,
  out: Uint32Array,
): void {
  const { format, width, height, pixels } = pixmap;
  const row = repeated(repeat, rowOf(y), height);
  if (row < 0) {
    out.fill(0, 0, count);
    return;
  }
  const start = row * width;
  // What is stretched has the same pixel several times.
  let last = Number.NaN;
  let color = 0;
  for (let i = 0, at = x - 1; i < count; i++, at += step) {
    const column = at >> 16;
    if (column !== last) {
      const read = repeated(repeat, column, width);
      color = read < 0 ? 0 : fetchPixel(format, pixels[start + read]!);
      last = column;
    }
    out[i] = color;
  }
}

function bilinearRow(
  { repeat }: Picture,
  { format, width, height, pixels }: Pixmap32,
  x: number,
  y: number,
  step: number,
  count: number,
  out: Uint32Array,
): void {
  const row = Math.floor((y - half) / 0x10000);
  const upper = repeated(repeat, row, height);
  const lower = repeated(repeat, row + 1, height);
  const dy = weight(y - half);
  const opaque = format === "x8r8g8b8" ? 0xff000000 : 0;
  const read = (line: number, column: number) =>
    line < 0 || column < 0 ? 0 : (pixels[line * width + column]! | opaque) >>> 0;
  // Neighbours are often the same pixels as for the last point.
  let last = Number.NaN;
  let [tl, tr, bl, br] = [0, 0, 0, 0];
  for (let i = 0, at = x - half; i < count; i++, at += step) {
    const column = at >> 16;
    if (column !== last) {
      const left = repeated(repeat, column, width);
      const right = repeated(repeat, column + 1, width);
      tl = read(upper, left);
      tr = read(upper, right);
      bl = read(lower, left);
      br = read(lower, right);
      last = column;
    }
    out[i] = mix(tl, tr, bl, br, weight(at), dy);
  }
}

/** The pixel in which the point lies; a point on an edge belongs to the pixel before it. */
function nearest(picture: Picture, x: number, y: number): number {
  return pixelAt(picture, Math.floor((x - 1) / 0x10000), rowOf(y));
}

/** The mean of the four pixels around the point. */
function bilinear(picture: Picture, x: number, y: number): number {
  const left = Math.floor((x - half) / 0x10000);
  const top = Math.floor((y - half) / 0x10000);
  const tl = pixelAt(picture, left, top);
  const tr = pixelAt(picture, left + 1, top);
  const bl = pixelAt(picture, left, top + 1);
  const br = pixelAt(picture, left + 1, top + 1);
  return mix(tl, tr, bl, br, weight(x - half), weight(y - half));
}

/** How far a coordinate lies behind its pixel, of 256, in steps of two. */
function weight(at: number): number {
  return (at >> 8) & 254;
}

function mix(tl: number, tr: number, bl: number, br: number, dx: number, dy: number): number {
  const wbr = dx * dy;
  const wtr = dx * (256 - dy);
  const wbl = (256 - dx) * dy;
  const wtl = (256 - dx) * (256 - dy);
  const blue = (tl & 255) * wtl + (tr & 255) * wtr + (bl & 255) * wbl + (br & 255) * wbr;
  const green =
    ((tl >>> 8) & 255) * wtl +
    ((tr >>> 8) & 255) * wtr +
    ((bl >>> 8) & 255) * wbl +
    ((br >>> 8) & 255) * wbr;
  const red =
    ((tl >>> 16) & 255) * wtl +
    ((tr >>> 16) & 255) * wtr +
    ((bl >>> 16) & 255) * wbl +
    ((br >>> 16) & 255) * wbr;
  const alpha = (tl >>> 24) * wtl + (tr >>> 24) * wtr + (bl >>> 24) * wbl + (br >>> 24) * wbr;
  const low = (blue >>> 16) | ((green >>> 8) & 0xff00);
  return (low | (red & 0xff0000) | ((alpha & 0xff0000) << 8)) >>> 0;
}

function pixelAt(picture: Picture, x: number, y: number): number {
  const { pixmap, repeat } = picture;
  const column = repeated(repeat, x, pixmap.width);
  const row = repeated(repeat, y, pixmap.height);
  if (column < 0 || row < 0) return 0;
  return fetchPixel(pixmap.format, pixmap.pixels[row * pixmap.width + column]!);
}
