// An area as disjoint boxes: what a client's surface lacks, or has only with losses. It may grow
// beyond what was added, to the box around all, when it would fall into too many parts.

import { areaOf, type Box, boxAround, contains, isEmptyBox, overlap } from "@caraway/canvas";

/** Boxes of a set. */
export const partsMax = 48;

export class BoxSet {
  #parts: Box[] = [];

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get boxes(): readonly Box[] {
    return this.#parts;
  }

  get pixelCount(): number {
    return this.#parts.reduce((sum, box) => sum + areaOf(box), 0);
  }

  add(box: Box): void {
    if (isEmptyBox(box)) return;
    if (this.#parts.some((part) => contains(part, box))) return;
    const kept = this.#parts.filter((part) => !contains(box, part));
    const fresh = kept.reduce<Box[]>((rest, part) => rest.flatMap((one) => cut(one, part)), [box]);
    this.#parts = [...kept, ...fresh];
    if (this.#parts.length > partsMax) this.#parts = [boxAround(this.#parts)];
  }

  addAll(boxes: Iterable<Box>): void {
    for (const box of boxes) this.add(box);
  }

  subtract(box: Box): void {
    if (!this.touches(box)) return;
    const rest = this.#parts.flatMap((part) => cut(part, box));
    // To fall into many parts is no reason to hold more than before.
    if (rest.length <= partsMax) this.#parts = rest;
  }

  touches(box: Box): boolean {
    return this.#parts.some((part) => overlap(part, box));
  }

  clear(): void {
    this.#parts = [];
  }

  /** Takes one part out; null when there is none. */
  take(): Box | null {
    return this.#parts.shift() ?? null;
  }
}

/** `box` without `hole`: at most four boxes. */
function cut(box: Box, hole: Box): Box[] {
  if (!overlap(box, hole)) return [box];
  const { left, top, right, bottom } = box;
  const middleTop = Math.max(top, hole.top);
  const middleBottom = Math.min(bottom, hole.bottom);
  return [
    { left, top, right, bottom: middleTop },
    { left, top: middleTop, right: hole.left, bottom: middleBottom },
    { left: hole.right, top: middleTop, right, bottom: middleBottom },
    { left, top: middleBottom, right, bottom },
  ].filter((part) => !isEmptyBox(part));
}
