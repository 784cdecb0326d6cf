// Boxes and sets of pixels made of boxes that do not overlap.

import { type Box, boxAround } from "@caraway/canvas";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Boxes that do not overlap; none is empty. */
export type Region = readonly Box[];

/** More boxes than this become one around all of them. */
export const regionBoxesMax = 24;

export function boxAt(left: number, top: number, width: number, height: number): Box {
  return { left, top, right: left + width, bottom: top + height };
}

/** The part that both have; null if there is none. */
export function intersectBoxes(a: Box, b: Box): Box | null {
  const left = Math.max(a.left, b.left);
  const top = Math.max(a.top, b.top);
  const right = Math.min(a.right, b.right);
  const bottom = Math.min(a.bottom, b.bottom);
  return left < right && top < bottom ? { left, top, right, bottom } : null;
}

export function moveBox(box: Box, dx: number, dy: number): Box {
  return {
    left: box.left + dx,
    top: box.top + dy,
    right: box.right + dx,
    bottom: box.bottom + dy,
  };
}

export function growBox(box: Box, by: number): Box {
  return {
    left: box.left - by,
    top: box.top - by,
    right: box.right + by,
    bottom: box.bottom + by,
  };
}

export function isInside(box: Box, { x, y }: Point): boolean {
  return x >= box.left && x < box.right && y >= box.top && y < box.bottom;
}

export function isSameBox(a: Box, b: Box): boolean {
  return a.left === b.left && a.top === b.top && a.right === b.right && a.bottom === b.bottom;
}

export function intersectRegion(region: Region, box: Box): Region {
  const parts: Box[] = [];
  for (const part of region) {
    const common = intersectBoxes(part, box);
    if (common !== null) parts.push(common);
  }
  return parts;
}

export function subtractBox(region: Region, box: Box): Region {
  const parts: Box[] = [];
  for (const part of region) {
    const hole = intersectBoxes(part, box);
    if (hole === null) {
      parts.push(part);
      continue;
    }
    if (part.top < hole.top) parts.push({ ...part, bottom: hole.top });
    const band = { top: hole.top, bottom: hole.bottom };
    if (part.left < hole.left) parts.push({ left: part.left, right: hole.left, ...band });
    if (hole.right < part.right) parts.push({ left: hole.right, right: part.right, ...band });
    if (hole.bottom < part.bottom) parts.push({ ...part, top: hole.bottom });
  }
  return parts;
}

/** Both together; coarser when it would have too many boxes. */
export function addBox(region: Region, box: Box): Region {
  const united = [...subtractBox(region, box), box];
  return united.length <= regionBoxesMax ? united : [boxAround(united)];
}
