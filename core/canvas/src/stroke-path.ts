// The path of DRAW_STROKE as polylines of whole pixels: segments that begin and end lines, and
// Bézier curves taken apart into straight pieces.

import { type Path, PathFlag } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import { CanvasError } from "./canvas-error.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** More points than any path has that somebody wants to see. */
const maxPoints = 1 << 20;
/** Halving 32-bit coordinates more often changes nothing. */
const maxDepth = 32;

/**
 * @throws CanvasError when a curve lacks points, or there are too many.
 */
export function flattenPath(path: Infer<typeof Path>): Point[][] {
  const lines: Point[][] = [];
  let line: Point[] = [];
  let count = 0;
  const finish = () => {
    if (line.length > 0) lines.push(line);
    line = [];
  };
  const append = (point: Point) => {
    if (++count > maxPoints) throw new CanvasError("LIMIT", "a path has too many points");
    line.push(point);
  };
  for (const { flags, points } of path.segments) {
    let at = 0;
    if ((flags & PathFlag.BEGIN) !== 0) {
      finish();
      if (points.length > 0) append(toPixel(points[at++]!));
    }
    if ((flags & PathFlag.BEZIER) !== 0) {
      if ((points.length - at) % 3 !== 0 || line.length === 0) {
        throw new CanvasError("INVALID", "a curve of a path lacks points");
      }
      for (; at < points.length; at += 3) {
        const start = line.at(-1)!;
        const from = { x: (start.x << 4) | 0, y: (start.y << 4) | 0 };
        splitCurve([from, points[at]!, points[at + 1]!, points[at + 2]!], append, 0);
      }
    } else {
      for (; at < points.length; at++) append(toPixel(points[at]!));
    }
    if ((flags & PathFlag.END) !== 0) {
      if ((flags & PathFlag.CLOSE) !== 0 && line.length > 0) append(line[0]!);
      finish();
    }
  }
  finish();
  return lines;
}

/** 28.4 fixed point to the nearest whole number; halves go down. */
export function roundFix(value: number): number {
  return (value >> 4) + ((value & 15) > 8 ? 1 : 0);
}

function toPixel({ x, y }: Point): Point {
  return { x: roundFix(x), y: roundFix(y) };
}

type Curve = readonly [Point, Point, Point, Point];

/** Halves a curve until its pieces deviate from straight lines by less than about a pixel. */
function splitCurve(curve: Curve, append: (point: Point) => void, depth: number): void {
  if (depth >= maxDepth || isFlat(curve)) {
    append(toPixel(curve[3]));
    return;
  }
  const [p0, p1, p2, p3] = curve;
  const p01 = middle(p0, p1);
  const p12 = middle(p1, p2);
  const p23 = middle(p2, p3);
  const p012 = middle(p01, p12);
  const p123 = middle(p12, p23);
  const p0123 = middle(p012, p123);
  splitCurve([p0, p01, p012, p0123], append, depth + 1);
  splitCurve([p0123, p123, p23, p3], append, depth + 1);
}

function middle(a: Point, b: Point): Point {
  return { x: Math.trunc(((a.x + b.x) | 0) / 2), y: Math.trunc(((a.y + b.y) | 0) / 2) };
}

/** Compares the squared distances of the control points from the chord, in 64-bit integers. */
function isFlat([p0, p1, p2, p3]: Curve): boolean {
  const start = minus(p1, p0);
  const chord = minus(p3, p0);
  const end = minus(p2, p3);
  const back = minus(p0, p3);
  const length = dot(chord, chord);
  const along0 = dot(start, chord);
  const along1 = dot(end, back);
  const height0 = wrap(wrap(dot(start, start) * length) - wrap(along0 * along0)) >> 3n;
  const height1 = wrap(wrap(dot(end, end) * length) - wrap(along1 * along1)) >> 3n;
  if (length === 0n && dot(start, start) === 0n && dot(end, end) === 0n) return true;
  return height0 < length && height1 < length;
}

function minus(a: Point, b: Point): Point {
  return { x: (a.x - b.x) | 0, y: (a.y - b.y) | 0 };
}

function dot(a: Point, b: Point): bigint {
  return wrap(BigInt(a.x) * BigInt(b.x) + BigInt(a.y) * BigInt(b.y)) >> 4n;
}

function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
