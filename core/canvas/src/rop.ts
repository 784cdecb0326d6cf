// Raster operations of two inputs: what a ropd descriptor of the wire means, and the operation on
// pixels. An operation is a number of four bits, its truth table: bit (2 · source + destination)
// is the result. So 0 clears, 12 copies the source, 10 leaves the destination, 6 is exclusive or.

import { RopDescriptor } from "@caraway/protocol";
import type { PixelArray } from "./pixmap.ts";

export const Rop = {
  CLEAR: 0,
  AND: 8,
  NOOP: 10,
  COPY: 12,
  INVERT: 5,
  OR: 14,
  SET: 15,
} as const;

const source = 0b1100;
const dest = 0b1010;

/**
 * The operation that a descriptor means. `sourceFlag` and `destFlag` are the INVERS flags of what
 * is combined: source or brush with destination, or brush with source.
 *
 * A descriptor with no operation copies the source; with several the first of PUT, OR, AND, XOR,
 * BLACKNESS, WHITENESS, INVERS counts. The last three heed no inversion.
 */
export function ropOf(descriptor: number, sourceFlag: number, destFlag: number): number {
  const s = (descriptor & sourceFlag) !== 0 ? ~source : source;
  const d = (descriptor & destFlag) !== 0 ? ~dest : dest;
  const flip = (descriptor & RopDescriptor.INVERS_RES) !== 0 ? 15 : 0;
  if ((descriptor & RopDescriptor.OP_PUT) !== 0) return (s & 15) ^ flip;
  if ((descriptor & RopDescriptor.OP_OR) !== 0) return ((s | d) & 15) ^ flip;
  if ((descriptor & RopDescriptor.OP_AND) !== 0) return (s & d & 15) ^ flip;
  if ((descriptor & RopDescriptor.OP_XOR) !== 0) return ((s ^ d) & 15) ^ flip;
  if ((descriptor & RopDescriptor.OP_BLACKNESS) !== 0) return Rop.CLEAR;
  if ((descriptor & RopDescriptor.OP_WHITENESS) !== 0) return Rop.SET;
  if ((descriptor & RopDescriptor.OP_INVERS) !== 0) return Rop.INVERT;
  return Rop.COPY;
}

/**
 * Combines `count` pixels. Any operation is `(d & keep) ^ flip` where `keep` and `flip` are
 * functions of the source: the result for d = 0 is `flip`, and `keep` is set where d matters.
 */
export function combinePixels(
  rop: number,
  from: PixelArray,
  fromAt: number,
  to: PixelArray,
  toAt: number,
  count: number,
  mask: number,
): void {
  const [keep0, keep1, flip0, flip1] = ropTerms(rop);
  for (let i = 0; i < count; i++) {
    const s = from[fromAt + i]!;
    const keep = (s & keep1) | (~s & keep0);
    const flip = (s & flip1) | (~s & flip0);
    to[toAt + i] = ((to[toAt + i]! & keep) ^ flip) & mask;
  }
}

/** The same with one source pixel for all. */
export function combineColor(
  rop: number,
  color: number,
  to: PixelArray,
  toAt: number,
  count: number,
  mask: number,
): void {
  const [keep0, keep1, flip0, flip1] = ropTerms(rop);
  const keep = (color & keep1) | (~color & keep0);
  const flip = (color & flip1) | (~color & flip0);
  if (keep === 0) {
    to.fill((flip & mask) >>> 0, toAt, toAt + count);
    return;
  }
  for (let i = toAt; i < toAt + count; i++) to[i] = ((to[i]! & keep) ^ flip) & mask;
}

/** For source bits 0 and 1: whether the destination matters, and the result where it is 0. */
function ropTerms(rop: number): [number, number, number, number] {
  const spread = (bit: number) => -(bit & 1);
  const flip0 = spread(rop);
  const flip1 = spread(rop >> 2);
  return [spread(rop >> 1) ^ flip0, spread(rop >> 3) ^ flip1, flip0, flip1];
}
