// Which parts of a picture have changed since somebody looked: few boxes, of which no changed pixel
// is missing, so that looking again costs what has changed and keeping count costs nothing.

import { areaOf, type Box, contains, enclose, isEmptyBox } from "./box.ts";

/** Above as many boxes they become one around all. */
const boxesMax = 24;

export class ChangedBoxes {
  #boxes: Box[] = [];

  get isEmpty(): boolean {
    return this.#boxes.length === 0;
  }

  /** Empty boxes count for nothing. */
  add(box: Box): void {
    if (isEmptyBox(box)) return;
    if (this.#boxes.some((other) => contains(other, box))) return;
    let merged = box;
    // A box that grows may touch another one: until nothing is to be joined any more.
    for (let index = 0; index < this.#boxes.length; ) {
      const other = this.#boxes[index]!;
      if (!isWorthJoining(other, merged)) {
        index++;
        continue;
      }
      merged = enclose(other, merged);
      this.#boxes.splice(index, 1);
      index = 0;
    }
    this.#boxes.push(merged);
    if (this.#boxes.length > boxesMax) this.#boxes = [this.#boxes.reduce(enclose)];
  }

  /** The boxes, and none of them from then on. */
  takeAll(): readonly Box[] {
    const boxes = this.#boxes;
    this.#boxes = [];
    return boxes;
  }

  clear(): void {
    this.#boxes = [];
  }
}

/** Whether one box around both has hardly more pixels than the two. */
function isWorthJoining(a: Box, b: Box): boolean {
  return areaOf(enclose(a, b)) <= (areaOf(a) + areaOf(b)) * 1.1 + 256;
}
