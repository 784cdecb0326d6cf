// Which parts of a picture have changed: few boxes, of which no pixel is missing.

import type { Box } from "@caraway/canvas";

/** More of them cost more than the pixels between them. */
const boxesMax = 16;

export class ChangedBoxes {
  #boxes: Box[] = [];

  add(box: Box): void {
    for (let at = this.#boxes.length - 1; at >= 0; at--) {
      const other = this.#boxes[at]!;
      if (contains(other, box)) return;
      const both = union(other, box);
      // Together they are no larger than apart: they overlap, or lie side by side.
      if (area(both) > area(other) + area(box)) continue;
      this.#boxes.splice(at, 1);
      this.add(both);
      return;
    }
    this.#boxes.push(box);
    if (this.#boxes.length > boxesMax) this.#boxes = [this.#boxes.reduce(union)];
  }

  takeAll(): readonly Box[] {
    const boxes = this.#boxes;
    this.#boxes = [];
    return boxes;
  }

  clear(): void {
    this.#boxes = [];
  }
}

function area({ left, top, right, bottom }: Box): number {
  return (right - left) * (bottom - top);
}

function contains(outer: Box, { left, top, right, bottom }: Box): boolean {
  return outer.left <= left && outer.top <= top && outer.right >= right && outer.bottom >= bottom;
}

function union(one: Box, other: Box): Box {
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}
