// Dashed lines: each dash is a polygon one pixel wide around the line, filled as X fills the dashes
// of its wide lines, with mitred corners. The filling works in whole numbers from the slopes on, so
// that the same pixels come out.

import type { Box } from "./box.ts";
import { fillPolygon, type Slope, type Vertex } from "./dash-polygon.ts";
import type { SpanVisitor } from "./solid-line.ts";
import type { Point } from "./stroke-path.ts";

/** Lengths of dash and gap in turn, in pixels; at least one is not 0. */
export interface DashPattern {
  readonly lengths: readonly number[];
  /** How far into the pattern the line begins. */
  readonly offset: number;
}

interface DashState {
  index: number;
  /** How much of the dash at `index` is used up. */
  used: number;
}

/** One end of a piece, seen from the corner: what a joint needs to know. */
interface Face {
  readonly xa: number;
  readonly ya: number;
  readonly dx: number;
  readonly dy: number;
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

const halfWidth = 0.5;

/**
 * Calls `visit` for the spans of a dashed polyline, which may overlap. Dashes that do not come near
 * `bounds` are left out.
 *
 * @param joinsAll Whether corners are drawn also where a line covers the corner's pixel itself.
 */
export function traceDashes(
  points: readonly Point[],
  pattern: DashPattern,
  joinsAll: boolean,
  bounds: Box,
  visit: SpanVisitor,
): void {
  const dash: DashState = { index: 0, used: 0 };
  stepDash(pattern, dash, pattern.offset);
  const last = points.at(-1)!;
  const isClosed = points[0]!.x === last.x && points[0]!.y === last.y;
  let firstFace: Face | null = null;
  let before: { readonly face: Face; readonly endsOn: boolean } | null = null;
  for (let i = 1; i < points.length; i++) {
    const from = points[i - 1]!;
    const to = points[i]!;
    if (from.x !== to.x || from.y !== to.y) {
      const startsOn = (dash.index & 1) === 0;
      const { left, right } = traceSegment(from, to, pattern, dash, bounds, visit);
      const endsOn = ((dash.index & 1) ^ (dash.used !== 0 ? 1 : 0)) !== 0;
      if (startsOn) {
        if (before === null) firstFace = isClosed ? left : null;
        else if (before.endsOn) join(left, before.face, joinsAll, visit);
      }
      before = { face: right, endsOn };
    }
  }
  if (before?.endsOn && firstFace !== null) join(firstFace, before.face, joinsAll, visit);
}

function stepDash({ lengths }: DashPattern, dash: DashState, distance: number): void {
  let rest = distance + dash.used;
  if (rest < lengths[dash.index]!) {
    dash.used = rest;
    return;
  }
  rest -= lengths[dash.index]!;
  dash.index = (dash.index + 1) % lengths.length;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  rest %= total;
  while (rest >= lengths[dash.index]!) {
    rest -= lengths[dash.index]!;
    dash.index = (dash.index + 1) % lengths.length;
  }
  dash.used = rest;
}

/** The corners of a dash, clockwise for a line that goes right and down: from its start's left. */
interface Corners {
  top: Vertex;
  right: Vertex;
  bottom: Vertex;
  left: Vertex;
}

/** Draws the dashes of one segment and moves on in the pattern. */
function traceSegment(
  from: Point,
  to: Point,
  { lengths }: DashPattern,
  dash: DashState,
  bounds: Box,
  visit: SpanVisitor,
): { readonly left: Face; readonly right: Face } {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = dx === 0 || dy === 0 ? Math.abs(dx + dy) : Math.sqrt(dx * dx + dy * dy);
  const ratio = halfWidth / length;
  const rdx = dy === 0 ? Math.sign(dx) * halfWidth : dx === 0 ? 0 : ratio * dx;
  const rdy = dx === 0 ? Math.sign(dy) * halfWidth : dy === 0 ? 0 : ratio * dy;
  const k = halfWidth * length;
  const upper = { x: rdy, y: -rdx };
  const lower = { x: -rdy, y: rdx };
  const corners: Corners = { top: upper, right: upper, bottom: lower, left: lower };
  let startK = 0;
  let rest = length;
  let remain = lengths[dash.index]! - dash.used;
  while (rest > remain) {
    const moved = { x: (remain * dx) / length, y: (remain * dy) / length };
    corners.right = plus(corners.right, moved);
    corners.bottom = plus(corners.bottom, moved);
    const endK = corners.right.x * dx + corners.right.y * dy;
    if ((dash.index & 1) === 0 && isNear(corners, from, bounds)) {
      fillDash(corners, dx, dy, k, endK, startK, from, visit);
    }
    rest -= remain;
    dash.index = (dash.index + 1) % lengths.length;
    remain = lengths[dash.index]!;
    corners.top = corners.right;
    corners.left = corners.bottom;
    startK = -endK;
  }
  if ((dash.index & 1) === 0) {
    // The last dash is drawn from the other end, where rounding has not added up.
    const back = { x: -dx, y: -dy };
    corners.top = plus(corners.top, back);
    corners.left = plus(corners.left, back);
    corners.right = upper;
    corners.bottom = lower;
    fillDash(corners, dx, dy, k, 0, startK + (dx * dx + dy * dy), to, visit);
  }
  remain = Math.trunc(remain - rest);
  if (remain === 0) {
    dash.index = (dash.index + 1) % lengths.length;
    remain = lengths[dash.index]!;
  }
  dash.used = lengths[dash.index]! - remain;
  return {
    left: { xa: rdy, ya: -rdx, dx, dy, x: from.x, y: from.y, k },
    right: { xa: -rdy, ya: rdx, dx: -dx, dy: -dy, x: to.x, y: to.y, k },
  };
}

/** Whether a dash may have pixels in the bounds; it is one pixel wide. */
function isNear({ top, right }: Corners, origin: Point, bounds: Box): boolean {
  return (
    origin.x + Math.max(top.x, right.x) >= bounds.left - 3 &&
    origin.x + Math.min(top.x, right.x) <= bounds.right + 3 &&
    origin.y + Math.max(top.y, right.y) >= bounds.top - 3 &&
    origin.y + Math.min(top.y, right.y) <= bounds.bottom + 3
  );
}

function plus(a: Vertex, b: Vertex): Vertex {
  return { x: a.x + b.x, y: a.y + b.y };
}

function fillDash(
  { top, right, bottom, left }: Corners,
  dx: number,
  dy: number,
  k: number,
  endK: number,
  startK: number,
  origin: Point,
  visit: SpanVisitor,
): void {
  const slopes: readonly Slope[] = [
    { dx, dy, k },
    { dx: -dy, dy: dx, k: endK },
    { dx: -dx, dy: -dy, k },
    { dx: dy, dy: -dx, k: startK },
  ];
  fillPolygon([top, right, bottom, left], slopes, origin.x, origin.y, visit);
}

/** A mitre longer than this, squared and times four, is cut off: 1 / sin² of 5.5 degrees. */
const mitreLimit = 108.856472512142;

/** Fills the corner between the start of one piece and the end of the one before. */
function join(start: Face, end: Face, joinsAll: boolean, visit: SpanVisitor): void {
  if (!joinsAll && (coversStart(start) || coversStart(end))) return;
  const denominator = -start.dx * end.dy + end.dx * start.dy;
  if (denominator === 0) return;
  const swapped = denominator <= 0;
  const left = swapped ? start : turned(start);
  const right = swapped ? turned(end) : end;
  const sign = swapped ? -1 : 1;
  const vertices: Vertex[] = [{ x: right.xa, y: right.ya }, origin, { x: left.xa, y: left.ya }];
  const slopes: Slope[] = [
    { dx: -right.dy, dy: right.dx, k: 0 },
    { dx: left.dy, dy: -left.dx, k: 0 },
  ];
  const tip = mitreTip(left, right, denominator);
  if ((tip.x * tip.x + tip.y * tip.y) * 4 > mitreLimit) {
    const x = right.xa - left.xa;
    const y = right.ya - left.ya;
    const scale = Math.max(Math.abs(x), Math.abs(y));
    const dx = Math.trunc((x * 65536) / scale);
    const dy = Math.trunc((y * 65536) / scale);
    const k = ((left.xa + right.xa) * dy - (left.ya + right.ya) * dx) / 2;
    slopes.push({ dx, dy, k });
  } else {
    vertices.push(tip);
    slopes.push({ dx: sign * left.dx, dy: sign * left.dy, k: sign * left.k });
    slopes.push({ dx: sign * right.dx, dy: sign * right.dy, k: sign * right.k });
  }
  fillPolygon(vertices, slopes, start.x, start.y, visit);
}

const origin: Vertex = { x: 0, y: 0 };

/** Whether the piece itself covers the pixel of the corner. */
function coversStart({ dx, dy }: Face): boolean {
  return dx > 0 || (dx === 0 && dy > 0);
}

function turned(face: Face): Face {
  return { ...face, xa: -face.xa, ya: -face.ya, dx: -face.dx, dy: -face.dy };
}

function mitreTip(left: Face, right: Face, denominator: number): Vertex {
  const y =
    (left.dy * (right.xa * right.dy - right.ya * right.dx) -
      right.dy * (left.xa * left.dy - left.ya * left.dx)) /
    denominator;
  const x =
    left.dy !== 0
      ? left.xa + ((y - left.ya) * left.dx) / left.dy
      : right.xa + ((y - right.ya) * right.dx) / right.dy;
  return { x, y };
}
