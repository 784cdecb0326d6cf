// Which pixels of a framebuffer are others than before: what a guest paints again without a change
// costs nothing.

import type { Box } from "@caraway/canvas";

/** Pixels of 32 bits; those that nobody sees are not compared. */
export interface PixelArea {
  readonly pixels: Uint32Array;
  /** Pixels from one row to the next. */
  readonly stride: number;
  /** Bits of a pixel that count. */
  readonly mask: number;
}

const tileSide = 32;

/**
 * The parts of `box` in which `next` differs from `before`: found by tiles, exact at their edges. `next` begins at the box's
 * corner, `before` at the surface's.
 */
export function changedTiles(before: PixelArea, next: PixelArea, box: Box): readonly Box[] {
  const done: Box[] = [];
  /** Boxes that end at the row of tiles above. */
  let open: Box[] = [];
  for (let top = box.top; top < box.bottom; top += tileSide) {
    const bottom = Math.min(box.bottom, top + tileSide);
    const row: Box[] = [];
    for (let left = box.left; left < box.right; left += tileSide) {
      const right = Math.min(box.right, left + tileSide);
      if (areSame(before, next, box, left, top, right, bottom)) continue;
      const last = row.at(-1);
      if (last?.right === left) row[row.length - 1] = { ...last, right };
      else row.push({ left, top, right, bottom });
    }
    const joined = row.map((run) => {
      const above = open.find((one) => one.left === run.left && one.right === run.right);
      return above === undefined ? run : { ...run, top: above.top };
    });
    done.push(...open.filter((one) => !joined.some((run) => isGrown(one, run))));
    open = joined;
  }
  return [...done, ...open].map((one) => trimmed(before, next, box, one));
}

/** Without the rows and columns at its edges that are as they were. */
function trimmed(before: PixelArea, next: PixelArea, box: Box, one: Box): Box {
  let { left, top, right, bottom } = one;
  while (areSame(before, next, box, left, top, right, top + 1)) top++;
  while (areSame(before, next, box, left, bottom - 1, right, bottom)) bottom--;
  while (areSame(before, next, box, left, top, left + 1, bottom)) left++;
  while (areSame(before, next, box, right - 1, top, right, bottom)) right--;
  return { left, top, right, bottom };
}

function isGrown(one: Box, run: Box): boolean {
  return run.left === one.left && run.right === one.right && run.top === one.top;
}

function areSame(
  before: PixelArea,
  next: PixelArea,
  box: Box,
  left: number,
  top: number,
  right: number,
  bottom: number,
): boolean {
  const { mask } = before;
  const width = right - left;
  for (let y = top; y < bottom; y++) {
    const at = y * before.stride + left;
    const from = (y - box.top) * next.stride + (left - box.left);
    for (let x = 0; x < width; x++) {
      if (((before.pixels[at + x]! ^ next.pixels[from + x]!) & mask) !== 0) return false;
    }
  }
  return true;
}
