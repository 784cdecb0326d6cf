// Lines one pixel wide without dashes, pixel by pixel as X draws its zero-width lines: Bresenham's
// steps, the last point left out, and ties decided by the direction.

import type { Box } from "./box.ts";
import type { Point } from "./stroke-path.ts";

/** A run of pixels of one row. */
export type SpanVisitor = (x: number, y: number, width: number) => void;

/** Directions in which a tie takes the straight step: x decreasing 4, y decreasing 2, steep 1. */
const biasedOctants = (1 << 3) | (1 << 7) | (1 << 6) | (1 << 4);

/**
 * Calls `visit` for the pixels from one point up to but not including the other, as far as they
 * lie between the edges of `bounds` along the line's main axis; returns how many these are.
 */
export function traceLine(from: Point, to: Point, bounds: Box, visit: SpanVisitor): number {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const isFlat = Math.abs(dx) > Math.abs(dy);
  const octant = (dx < 0 ? 4 : 0) | (dy < 0 ? 2 : 0) | (isFlat ? 0 : 1);
  const bias = (biasedOctants >> octant) & 1;
  const [long, short] = isFlat ? [Math.abs(dx), Math.abs(dy)] : [Math.abs(dy), Math.abs(dx)];
  const [low, high] = isFlat ? [bounds.left, bounds.right] : [bounds.top, bounds.bottom];
  const start = isFlat ? from.x : from.y;
  const sign = (isFlat ? dx : dy) < 0 ? -1 : 1;
  // Steps i for which start + sign · i lies in low..high, and only those are walked.
  const first = Math.max(0, sign > 0 ? low - start : start - high + 1);
  const end = Math.min(long, sign > 0 ? high - start : start - low + 1);
  if (first >= end) return 0;

  // The error term after so many steps is one division away; it wraps once for each side step.
  const raw = BigInt(-long - bias) + BigInt(first) * BigInt(2 * short);
  const turn = BigInt(2 * long);
  const inTurn = ((raw % turn) + turn) % turn;
  let side = Number((raw - inTurn) / turn) + 1;
  let error = Number(inTurn) - 2 * long;
  const sideSign = (isFlat ? dy : dx) < 0 ? -1 : 1;
  const sideStart = isFlat ? from.y : from.x;
  let main = start + sign * first;
  if (isFlat) {
    let runStart = main;
    for (let i = first; i < end; i++) {
      error += 2 * short;
      if (error >= 0) {
        emitRun(runStart, main, sideStart + sideSign * side, visit);
        side++;
        error -= 2 * long;
        runStart = main + sign;
      }
      main += sign;
    }
    if (runStart !== main) emitRun(runStart, main - sign, sideStart + sideSign * side, visit);
  } else {
    for (let i = first; i < end; i++) {
      visit(sideStart + sideSign * side, main, 1);
      error += 2 * short;
      if (error >= 0) {
        side++;
        error -= 2 * long;
      }
      main += sign;
    }
  }
  return end - first;
}

/** The pixels between two x, both included, in either order. */
function emitRun(a: number, b: number, y: number, visit: SpanVisitor): void {
  visit(Math.min(a, b), y, Math.abs(b - a) + 1);
}
