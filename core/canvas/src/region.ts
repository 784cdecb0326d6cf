// The pixels that an operation may change: disjoint boxes, and optionally the picture of a mask
// that holds within them. Both come from the wire, so their cost is bounded by the surface.

import { ClipType } from "@caraway/protocol";
import { type Box, enclose, intersection, isEmptyBox } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";

/** Most boxes that a clip may fall into. */
export const maxRegionBoxes = 1 << 18;

/** A picture of one bit per pixel, laid over the destination. */
export interface RegionMask {
  /** One byte per pixel, 0 or 1. */
  readonly bits: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Where the picture's first pixel lies on the surface. */
  readonly left: number;
  readonly top: number;
  /** The byte that lets pixels through. */
  readonly open: 0 | 1;
}

export interface Region {
  /** Disjoint, not empty, sorted by top and then by left; boxes in one row share top and bottom. */
  readonly boxes: readonly Box[];
  readonly mask: RegionMask | null;
}

export type Clip =
  | { readonly type: typeof ClipType.NONE }
  | { readonly type: typeof ClipType.RECTS; readonly rects: readonly Box[] };

export const emptyRegion: Region = { boxes: [], mask: null };

export function boxRegion(box: Box): Region {
  return isEmptyBox(box) ? emptyRegion : { boxes: [box], mask: null };
}

/**
 * The part of `box` that lies in `bounds` and in the clip.
 *
 * @throws CanvasError when the clip falls into more boxes than `maxRegionBoxes`.
 */
export function clipRegion(box: Box, bounds: Box, clip: Clip): Region {
  const visible = intersection(box, bounds);
  if (isEmptyBox(visible)) return emptyRegion;
  if (clip.type === ClipType.NONE) return boxRegion(visible);
  const parts: Box[] = [];
  for (const rect of clip.rects) {
    const part = intersection(rect, visible);
    if (!isEmptyBox(part)) parts.push(part);
  }
  if (parts.length < 2) return { boxes: parts, mask: null };
  return { boxes: uniteBoxes(parts), mask: null };
}

/** The smallest box around a region, without regard to its mask. */
export function regionExtents(region: Region): Box {
  let extents: Box = { left: 0, top: 0, right: 0, bottom: 0 };
  for (const box of region.boxes) extents = enclose(extents, box);
  return extents;
}

/** The part of a region inside `bounds`. */
export function intersectRegion(region: Region, bounds: Box): Region {
  const boxes: Box[] = [];
  for (const box of region.boxes) {
    const part = intersection(box, bounds);
    if (!isEmptyBox(part)) boxes.push(part);
  }
  return { boxes, mask: region.mask };
}

/** The part of a region that a mask leaves open. Nothing outside the mask's picture is in it. */
export function maskRegion(region: Region, mask: RegionMask): Region {
  const { left, top, width, height } = mask;
  const bounds = { left, top, right: left + width, bottom: top + height };
  return { boxes: intersectRegion(region, bounds).boxes, mask };
}

/** Calls `visit` with disjoint boxes that make up the region, from the top down. */
export function eachBox(
  region: Region,
  visit: (left: number, top: number, right: number, bottom: number) => void,
): void {
  const { mask } = region;
  for (const { left, top, right, bottom } of region.boxes) {
    if (mask === null) {
      visit(left, top, right, bottom);
      continue;
    }
    for (let y = top; y < bottom; y++) {
      const row = (y - mask.top) * mask.width - mask.left;
      for (let x = left; x < right; ) {
        if (mask.bits[row + x] !== mask.open) {
          x++;
          continue;
        }
        const start = x;
        do x++;
        while (x < right && mask.bits[row + x] === mask.open);
        visit(start, y, x, y + 1);
      }
    }
  }
}

/** Finds the parts of single rows that lie in a region without mask. */
export class RowClip {
  readonly #boxes: readonly Box[];
  /** Where each band of boxes begins; one more at the end. */
  readonly #bands: number[] = [];

  constructor(region: Region) {
    this.#boxes = region.boxes;
    region.boxes.forEach((box, index) => {
      if (index === 0 || region.boxes[index - 1]!.top !== box.top) this.#bands.push(index);
    });
    this.#bands.push(region.boxes.length);
  }

  /** Calls `visit` for each part of row `y` from `left` to `right`, in order. */
  eachPart(
    y: number,
    left: number,
    right: number,
    visit: (left: number, right: number) => void,
  ): void {
    const band = lastWhere(this.#bands.length - 1, (i) => this.#boxes[this.#bands[i]!]!.top <= y);
    if (band < 0 || this.#boxes[this.#bands[band]!]!.bottom <= y) return;
    const [first, end] = [this.#bands[band]!, this.#bands[band + 1]!];
    const start = lastWhere(end - first, (i) => this.#boxes[first + i]!.left <= left);
    for (let i = first + Math.max(0, start); i < end; i++) {
      const box = this.#boxes[i]!;
      if (box.left >= right) break;
      if (box.right > left) visit(Math.max(box.left, left), Math.min(box.right, right));
    }
  }
}

/** The last of `count` places for which the test, true up to some place, is true; -1 for none. */
function lastWhere(count: number, test: (index: number) => boolean): number {
  let low = -1;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (test(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The union of boxes as disjoint boxes in bands. A sweep from the top down over the distinct edges
 * keeps how many boxes begin and end at each distinct x, so that its cost does not depend on how
 * much they overlap.
 */
function uniteBoxes(parts: readonly Box[]): readonly Box[] {
  const xs = distinct(parts.flatMap(({ left, right }) => [left, right]));
  const ys = distinct(parts.flatMap(({ top, bottom }) => [top, bottom]));
  const column = new Map(xs.map((x, index) => [x, index]));
  const entering = groupBy(parts, ys, (box) => box.top);
  const leaving = groupBy(parts, ys, (box) => box.bottom);

  const change = new Int32Array(xs.length);
  const boxes: Box[] = [];
  let band: Box[] = [];
  for (let i = 0; i + 1 < ys.length; i++) {
    for (const box of leaving[i]!) {
      change[column.get(box.left)!]!--;
      change[column.get(box.right)!]!++;
    }
    for (const box of entering[i]!) {
      change[column.get(box.left)!]!++;
      change[column.get(box.right)!]!--;
    }
    const next = sweepBand(xs, change, ys[i]!, ys[i + 1]!);
    if (continues(band, next)) {
      band = band.map((box) => ({ ...box, bottom: ys[i + 1]! }));
    } else {
      boxes.push(...band);
      band = next;
    }
    if (boxes.length + band.length > maxRegionBoxes) {
      throw new CanvasError("LIMIT", "the clip falls into too many boxes");
    }
  }
  boxes.push(...band);
  return boxes;
}

function distinct(values: number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function groupBy(parts: readonly Box[], ys: readonly number[], edge: (box: Box) => number) {
  const row = new Map(ys.map((y, index) => [y, index]));
  const groups: Box[][] = ys.map(() => []);
  for (const box of parts) groups[row.get(edge(box))!]!.push(box);
  return groups;
}

function sweepBand(xs: readonly number[], change: Int32Array, top: number, bottom: number): Box[] {
  const band: Box[] = [];
  let depth = 0;
  let left = 0;
  for (let i = 0; i < xs.length; i++) {
    const before = depth;
    depth += change[i]!;
    if (before === 0 && depth > 0) left = xs[i]!;
    if (before > 0 && depth === 0) band.push({ left, top, right: xs[i]!, bottom });
  }
  return band;
}

/** Whether the next band has the same boxes as the last one and touches it. */
function continues(band: readonly Box[], next: readonly Box[]): boolean {
  return (
    band.length === next.length &&
    band.every((box, i) => {
      const other = next[i]!;
      return box.left === other.left && box.right === other.right && box.bottom === other.top;
    })
  );
}
