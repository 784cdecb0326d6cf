// Filling a convex polygon of a few corners with spans. A pixel belongs to it when its centre lies
// inside; on an edge, when the inside is to its right. Edges step in whole numbers.

import type { SpanVisitor } from "./solid-line.ts";

export interface Vertex {
  readonly x: number;
  readonly y: number;
}

/** The edge from one vertex to the next: all its points have x · dy - y · dx = k. */
export interface Slope {
  readonly dx: number;
  readonly dy: number;
  readonly k: number;
}

/** One edge of the polygon on its way down. */
interface Edge {
  /** Rows that are left. */
  height: number;
  /** The next row's column. */
  x: number;
  error: number;
  /** How column and error change from row to row. */
  readonly step: number;
  readonly sign: 1 | -1;
  readonly dx: number;
  readonly dy: number;
}

/**
 * Calls `visit` for the rows of a polygon, whose vertices are relative to the pixel (x0, y0) and
 * whose slope at each place leads from the vertex at that place to the next one.
 */
export function fillPolygon(
  vertices: readonly Vertex[],
  slopes: readonly Slope[],
  x0: number,
  y0: number,
  visit: SpanVisitor,
): void {
  let top = 0;
  let bottom = 0;
  vertices.forEach(({ y }, i) => {
    if (y < vertices[top]!.y) top = i;
    if (i > 0 && y >= vertices[bottom]!.y) bottom = i;
  });
  const count = vertices.length;
  const before = slopes[(top + count - 1) % count]!;
  const after = slopes[top]!;
  const direction = before.dy * after.dx > after.dy * before.dx ? -1 : 1;
  const right = edgesDown(vertices, slopes, top, bottom, direction, x0);
  const left = edgesDown(vertices, slopes, top, bottom, direction === 1 ? -1 : 1, x0 + 1);
  fillBetween(left, right, Math.ceil(vertices[top]!.y) + y0, visit);
}

/** The edges from the top vertex to the bottom one in one direction. */
function edgesDown(
  vertices: readonly Vertex[],
  slopes: readonly Slope[],
  top: number,
  bottom: number,
  direction: 1 | -1,
  x0: number,
): Edge[] {
  const count = vertices.length;
  const edges: Edge[] = [];
  let last = 0;
  for (let i = top; i !== bottom; i = (i + count + direction) % count) {
    const slope = slopes[direction === 1 ? i : (i + count - 1) % count]!;
    if (slope.dy === 0) continue;
    const y = Math.ceil(vertices[i]!.y);
    const previous = edges.at(-1);
    if (previous !== undefined) previous.height = y - last;
    edges.push(startEdge(slope, y, x0));
    last = y;
  }
  const previous = edges.at(-1);
  if (previous !== undefined) previous.height = Math.ceil(vertices[bottom]!.y) - last;
  return edges;
}

/** The edge in row `y`, where it is in the last column before the line. */
function startEdge(slope: Slope, y: number, x0: number): Edge {
  const down = slope.dy > 0;
  const dx = down ? slope.dx : -slope.dx;
  const dy = Math.abs(slope.dy);
  const xady = Math.ceil(down ? slope.k : -slope.k) + y * dx;
  const x = xady <= 0 ? -Math.floor(-xady / dy) - 1 : Math.floor((xady - 1) / dy);
  const rest = xady - x * dy;
  const common = { height: 0, x: x + x0, dy };
  if (dx >= 0) {
    return { ...common, error: rest - dy, step: Math.floor(dx / dy), sign: 1, dx: dx % dy };
  }
  return { ...common, error: 1 - rest, step: -Math.floor(-dx / dy), sign: -1, dx: -dx % dy };
}

function fillBetween(
  lefts: readonly Edge[],
  rights: readonly Edge[],
  top: number,
  visit: SpanVisitor,
): void {
  let y = top;
  let [l, r] = [0, 0];
  while (l < lefts.length && r < rights.length) {
    const left = lefts[l]!;
    const right = rights[r]!;
    const rows = Math.min(left.height, right.height);
    for (let i = 0; i < rows; i++, y++) {
      if (right.x >= left.x) visit(left.x, y, right.x - left.x + 1);
      descend(left);
      descend(right);
    }
    left.height -= rows;
    right.height -= rows;
    if (left.height === 0) l++;
    if (right.height === 0) r++;
  }
}

function descend(edge: Edge): void {
  edge.x += edge.step;
  edge.error += edge.dx;
  if (edge.error > 0) {
    edge.x += edge.sign;
    edge.error -= edge.dy;
  }
}
