// Reading pixels of a picture through a transform, a filter and a repeat mode, as 8 bits a channel
// `0xAARRGGBB` with alpha multiplied in.

import type { Box } from "./box.ts";
import { fetchPixel } from "./convert.ts";
import type { PixelFormat, Pixmap } from "./pixmap.ts";
import {
  fitsFixed,
  fixedOne,
  isIdentity,
  keepsCentres,
  mapCentreX,
  mapCentreY,
  type Transform,
} from "./transform.ts";

export type Filter = "nearest" | "bilinear";
export type Repeat = "none" | "normal" | "pad" | "reflect";

/** A picture and how it is read. */
export interface Picture {
  readonly pixmap: Pixmap;
  readonly transform: Transform;
  readonly filter: Filter;
  readonly repeat: Repeat;
}

const half = 0x8000;
/** Pictures of this width or height are refused by the reference, as are larger ones. */
export const maxPictureSide = 0x7fff;

/**
 * Whether the reference would draw at all: where a coordinate of the destination (`box`, in the
 * picture's untransformed space) or its image in the picture leaves 16 bits, it draws nothing.
 */
export function canSample(picture: Picture, box: Box): boolean {
  const { pixmap, transform, filter } = picture;
  if (box.left - 1 < -0x8000 || box.top - 1 < -0x8000) return false;
  if (box.right + 1 > 0x7fff || box.bottom + 1 > 0x7fff) return false;
  if (pixmap.width >= maxPictureSide || pixmap.height >= maxPictureSide) return false;
  const before = 8 + (filter === "bilinear" ? half : 1);
  const after = 8 + (filter === "bilinear" ? half : -1);
  for (const x of [box.left - 1, box.right]) {
    for (const y of [box.top - 1, box.bottom]) {
      for (const at of [mapCentreX(transform, x, y), mapCentreY(transform, x, y)]) {
        if (!fitsFixed(at - before) || !fitsFixed(at + after)) return false;
      }
    }
  }
  return true;
}

/** Whether the picture has no alpha, and repeats, so that there are no pixels beside it. */
export function isOpaqueEverywhere({ pixmap, repeat }: Picture): boolean {
  return repeat !== "none" && isOpaqueFormat(pixmap.format);
}

function isOpaqueFormat(format: PixelFormat): boolean {
  return format === "x8r8g8b8" || format === "r5g6b5" || format === "x1r5g5b5";
}

/**
 * Whether every pixel read for `box` is opaque, as the reference finds out: pictures without alpha
 * are, where the filter reads no point outside or the picture repeats.
 */
export function coversOpaquely(picture: Picture, box: Box): boolean {
  const { pixmap, transform } = picture;
  if (isOpaqueEverywhere(picture)) return true;
  if (!isOpaqueFormat(pixmap.format)) return false;
  if (isIdentity(transform)) {
    const { left, top, right, bottom } = box;
    if (left >= 0 && top >= 0 && right <= pixmap.width && bottom <= pixmap.height) return true;
  }
  return readsInside(picture, box);
}

/** Whether the filter reads no point outside the picture. */
function readsInside(picture: Picture, box: Box): boolean {
  const { transform, filter } = picture;
  const isNearest = filter === "nearest" || isIdentity(transform) || keepsCentres(transform);
  if (isNearest && isInside(picture, box, 1, -1)) return true;
  return filter === "bilinear" && isInside(picture, box, half, half);
}

/**
 * When 32_xRGB pixels replace others, the reference takes some short cuts that carry the unused
 * byte along, and smooth it like the others. Elsewhere it counts as 255. Returns the picture to be
 * read: where a short cut is taken, one whose pixels have alpha.
 *
 * @param hasMask Whether there is a mask, be it one that changes nothing.
 */
export function withUnusedByte(picture: Picture, box: Box, hasMask: boolean): Picture {
  const { pixmap, transform, filter, repeat } = picture;
  const isOneColor = pixmap.width === 1 && pixmap.height === 1 && repeat !== "none";
  if (pixmap.format !== "x8r8g8b8" || isOneColor) return picture;
  const { xx, xy, yx, yy } = transform;
  let isShort: boolean;
  if (isIdentity(transform)) {
    isShort = (repeat === "normal" && !hasMask) || isInside(picture, box, 1, -1);
  } else if (xy === 0 && yx === 0) {
    isShort = (xx > 0 && repeat !== "reflect") || readsInside(picture, box);
  } else {
    const isTurned = xx === 0 && yy === 0 && Math.abs(xy) === fixedOne && yx === -xy;
    isShort = isTurned && filter === "nearest" && isInside(picture, box, 1, -1);
  }
  return isShort ? { ...picture, pixmap: { ...pixmap, format: "a8r8g8b8" } } : picture;
}

/** Whether the corners of the box fall inside the picture, with margins in 1/65536 pixel. */
function isInside(picture: Picture, box: Box, before: number, after: number): boolean {
  const { pixmap, transform } = picture;
  for (const x of [box.left, box.right - 1]) {
    for (const y of [box.top, box.bottom - 1]) {
      const sx = mapCentreX(transform, x, y);
      const sy = mapCentreY(transform, x, y);
      if (sx < before || sy < before) return false;
      if (sx + after >= pixmap.width * 0x10000 || sy + after >= pixmap.height * 0x10000)
        return false;
    }
  }
  return true;
}

/** Reads `count` pixels of row `y` from column `x` on, in the space before the transform. */
export function sampleRow(
  picture: Picture,
  x: number,
  y: number,
  count: number,
  out: Uint32Array,
): void {
  const { transform, filter } = picture;
  if (isIdentity(transform)) {
    copyRow(picture, x, y, count, out);
    return;
  }
  let sx = mapCentreX(transform, x, y);
  let sy = mapCentreY(transform, x, y);
  for (let i = 0; i < count; i++) {
    out[i] = filter === "nearest" ? nearest(picture, sx, sy) : bilinear(picture, sx, sy);
    sx += transform.xx;
    sy += transform.yx;
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
  if (x >= 0 && x + count <= width) {
    const from = row * width + x;
    for (let i = 0; i < count; i++) out[i] = fetchPixel(format, pixels[from + i]!);
    return;
  }
  for (let i = 0; i < count; i++) {
    const column = repeated(repeat, x + i, width);
    out[i] = column < 0 ? 0 : fetchPixel(format, pixels[row * width + column]!);
  }
}

/** The pixel in which the point lies; a point on an edge belongs to the pixel before it. */
function nearest(picture: Picture, x: number, y: number): number {
  return pixelAt(picture, Math.floor((x - 1) / 0x10000), Math.floor((y - 1) / 0x10000));
}

/** The mean of the four pixels around the point, weighted in steps of 1/128. */
function bilinear(picture: Picture, x: number, y: number): number {
  const left = Math.floor((x - half) / 0x10000);
  const top = Math.floor((y - half) / 0x10000);
  const dx = (((x - half) >> 9) & 127) << 1;
  const dy = (((y - half) >> 9) & 127) << 1;
  const tl = pixelAt(picture, left, top);
  const tr = pixelAt(picture, left + 1, top);
  const bl = pixelAt(picture, left, top + 1);
  const br = pixelAt(picture, left + 1, top + 1);
  return mix(tl, tr, bl, br, dx, dy);
}

function mix(tl: number, tr: number, bl: number, br: number, dx: number, dy: number): number {
  const wbr = dx * dy;
  const wtr = dx * (256 - dy);
  const wbl = (256 - dx) * dy;
  const wtl = (256 - dx) * (256 - dy);
  let result = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const sum =
      ((tl >>> shift) & 255) * wtl +
      ((tr >>> shift) & 255) * wtr +
      ((bl >>> shift) & 255) * wbl +
      ((br >>> shift) & 255) * wbr;
    result |= (sum >>> 16) << shift;
  }
  return result >>> 0;
}

function pixelAt(picture: Picture, x: number, y: number): number {
  const { pixmap, repeat } = picture;
  const column = repeated(repeat, x, pixmap.width);
  const row = repeated(repeat, y, pixmap.height);
  if (column < 0 || row < 0) return 0;
  return fetchPixel(pixmap.format, pixmap.pixels[row * pixmap.width + column]!);
}

/** The coordinate inside the picture, or -1 for none. */
export function repeated(repeat: Repeat, at: number, size: number): number {
  if (at >= 0 && at < size) return at;
  switch (repeat) {
    case "none":
      return -1;
    case "pad":
      return at < 0 ? 0 : size - 1;
    case "normal":
      return ((at % size) + size) % size;
    case "reflect": {
      const turn = ((at % (2 * size)) + 2 * size) % (2 * size);
      return turn < size ? turn : 2 * size - turn - 1;
    }
  }
}
