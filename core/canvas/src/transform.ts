// Affine maps from destination pixels to source pixels in 16.16 fixed point, computed exactly as
// the reference's pixel library does, so that scaled pictures are equal to the last bit. All
// products stay below 2^53 and are exact in doubles.

import type { Box } from "./box.ts";

export const fixedOne = 0x10000;

/** `x' = xx·x + xy·y + x0`, `y' = yx·x + yy·y + y0`, each entry a signed 16.16 number. */
export interface Transform {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
}

export const identity: Transform = { xx: fixedOne, xy: 0, x0: 0, yx: 0, yy: fixedOne, y0: 0 };

export function isIdentity(t: Transform): boolean {
  return (
    t.xx === fixedOne && t.yy === fixedOne && t.xy === 0 && t.x0 === 0 && t.yx === 0 && t.y0 === 0
  );
}

/** Whether centres of pixels fall on centres of pixels, as far as the reference finds out. */
export function keepsCentres({ xx, xy, x0, yx, yy, y0 }: Transform): boolean {
  const limit = 30_000 * fixedOne;
  if (Math.abs(x0) > limit || Math.abs(y0) > limit) return false;
  if (((xx | xy | x0 | yx | yy | y0) & 0xffff) !== 0) return false;
  return (((xx + xy) & (yx + yy)) >> 16) % 2 === 1;
}

/** Signed 16.16 wraps at 32 bits. */
export function toFixed(value: number): number {
  return value | 0;
}

/** Scales by a ratio of sizes, rounded down as C divides, and moves to the source's corner. */
export function scaleTransform(source: Box, dest: Box): Transform {
  const xx = ratio(source.right - source.left, dest.right - dest.left);
  const yy = ratio(source.bottom - source.top, dest.bottom - dest.top);
  return {
    xx,
    xy: 0,
    x0: toFixed(source.left * fixedOne),
    yx: 0,
    yy,
    y0: toFixed(source.top * fixedOne),
  };
}

function ratio(source: number, dest: number): number {
  return toFixed(Math.trunc((source * fixedOne) / dest));
}

/**
 * Where the centre of destination pixel (x, y) falls, as 16.16 numbers that may exceed 32 bits.
 * x and y are integers of at most 17 bits.
 */
export function mapCentreX(t: Transform, x: number, y: number): number {
  return (
    t.xx * x + t.xy * y + t.x0 + Math.floor((t.xx * 0x8000 + t.xy * 0x8000 + 0x8000) / 0x10000)
  );
}

export function mapCentreY(t: Transform, x: number, y: number): number {
  return (
    t.yx * x + t.yy * y + t.y0 + Math.floor((t.yx * 0x8000 + t.yy * 0x8000 + 0x8000) / 0x10000)
  );
}

export function fitsFixed(value: number): boolean {
  return value >= -0x80000000 && value <= 0x7fffffff;
}
