// Which parts of a screen have changed since it was painted: few boxes, so that painting costs what
// has changed and keeping count costs nothing.

import type { Box } from "@caraway/canvas";

/** Above as many boxes they become one around all. */
const boxesMax = 24;

export class DirtyRegion {
  #boxes: Box[] = [];

  get isEmpty(): boolean {
    return this.#boxes.length === 0;
  }

  /** Empty boxes count for nothing. */
  add(box: Box): void {
    if (box.left >= box.right || box.top >= box.bottom) return;
    if (this.#boxes.some((other) => holds(other, box))) return;
    let merged = box;
    // A box that grows may touch another one: until nothing is to be joined any more.
    for (let index = 0; index < this.#boxes.length; ) {
      const other = this.#boxes[index]!;
      if (!isWorthJoining(other, merged)) {
        index++;
        continue;
      }
      merged = around(other, merged);
      this.#boxes.splice(index, 1);
      index = 0;
    }
    this.#boxes.push(merged);
    if (this.#boxes.length > boxesMax) this.#boxes = [this.#boxes.reduce(around)];
  }

  /** The boxes, and none of them from then on. */
  take(): readonly Box[] {
    const boxes = this.#boxes;
    this.#boxes = [];
    return boxes;
  }
}

function holds(outer: Box, inner: Box): boolean {
  return (
    outer.left <= inner.left &&
    outer.top <= inner.top &&
    outer.right >= inner.right &&
    outer.bottom >= inner.bottom
  );
}

/** Whether one box around both has hardly more pixels than the two. */
function isWorthJoining(a: Box, b: Box): boolean {
  return area(around(a, b)) <= (area(a) + area(b)) * 1.1 + 256;
}

function around(a: Box, b: Box): Box {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function area(box: Box): number {
  return (box.right - box.left) * (box.bottom - box.top);
}
