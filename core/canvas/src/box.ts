// Rectangles with exclusive right and bottom edges.

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function isEmptyBox(box: Box): boolean {
  return box.left >= box.right || box.top >= box.bottom;
}

/** Pixels of a box that is not empty. */
export function areaOf(box: Box): number {
  return (box.right - box.left) * (box.bottom - box.top);
}

export function contains(outer: Box, inner: Box): boolean {
  return (
    outer.left <= inner.left &&
    outer.top <= inner.top &&
    outer.right >= inner.right &&
    outer.bottom >= inner.bottom
  );
}

export function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** What both have; empty when they do not overlap. */
export function intersection(a: Box, b: Box): Box {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

/** The smallest box around both; an empty one counts for nothing. */
export function enclose(a: Box, b: Box): Box {
  if (isEmptyBox(a)) return b;
  if (isEmptyBox(b)) return a;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** The smallest box around all; an empty one counts for nothing. */
export function boxAround(boxes: readonly Box[]): Box {
  return boxes.reduce(enclose);
}

export function boxWidth(box: Box): number {
  return box.right - box.left;
}

export function boxHeight(box: Box): number {
  return box.bottom - box.top;
}

export function isSameSize(a: Box, b: Box): boolean {
  return boxWidth(a) === boxWidth(b) && boxHeight(a) === boxHeight(b);
}
