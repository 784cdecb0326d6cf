// Pixels and how they are read, through a transform, a filter and a repeat mode; and what the
// reference finds out about such a picture before it draws with it.

import type { Box } from "./box.ts";
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
  if (takesNearest(picture) && isInside(picture, box, 1, -1)) return true;
  return picture.filter === "bilinear" && isInside(picture, box, half, half);
}

/** Whether single pixels are read: the filter says so, or has nothing to smooth. */
function takesNearest({ transform, filter }: Picture): boolean {
  return filter === "nearest" || isIdentity(transform) || keepsCentres(transform);
}

/**
 * When 32_xRGB pixels replace others, the reference takes some short cuts that carry the unused
 * byte along, and smooth it like the others. Elsewhere it counts as 255. Returns the picture to be
 * read: where a short cut is taken, one whose pixels have alpha.
 *
 * @param hasMask Whether there is a mask, be it one that changes nothing.
 */
export function withUnusedByte(picture: Picture, box: Box, hasMask: boolean): Picture {
  const { pixmap, transform, repeat } = picture;
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
    isShort = isTurned && takesNearest(picture) && isInside(picture, box, 1, -1);
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
