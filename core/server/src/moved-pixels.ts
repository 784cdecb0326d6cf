// Finds what has only moved in a framebuffer: a window that is dragged, a text that scrolls. Short
// strips of the new picture are looked up in the old one, and vote for how far they have come; the
// largest rectangle that has come just so is what moved.

import type { Box } from "@caraway/canvas";
import type { PixelArea } from "./changed-tiles.ts";

export interface PixelMove {
  /** Where it is now. */
  readonly to: Box;
  /** Where its corner was. */
  readonly from: { readonly x: number; readonly y: number };
}

/** Pixels of a strip. */
const stripSize = 16;
/** Old strips are known on every so-manieth row, new ones asked for at every so-manieth column. */
const rowStep = 8;
const columnStep = 16;
const tableBits = 16;
const tableSize = 1 << tableBits;
const ambiguous = -2;
const votesMin = 6;
const tileSide = 16;
/** Fewer pixels are sent as they are. */
const areaMin = 4096;
/** So far around what has changed something may have come from. */
const reach = 96;

const hashes = new Uint32Array(tableSize);
const places = new Int32Array(tableSize);

/**
 * What of `box` came from elsewhere, or null. `next` begins at the box's corner, `before`
 * at the surface's.
 */
export function movedPixels(before: PixelArea, next: PixelArea, box: Box): PixelMove | null {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  if (width < 2 * tileSide || height < 2 * tileSide || width * height < areaMin) return null;
  rememberStrips(before, box);
  const way = vote(before, next, box, width, height);
  if (way === null) return null;
  return largestMoved(before, next, box, way);
}

function stripHash(pixels: Uint32Array, at: number, mask: number): number {
  const first = pixels[at]! & mask;
  let hash = first;
  let isPlain = true;
  for (let x = 1; x < stripSize; x++) {
    const pixel = pixels[at + x]! & mask;
    if (pixel !== first) isPlain = false;
    hash = Math.imul(hash ^ pixel, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  // A strip of one colour is everywhere.
  return isPlain ? 0 : hash >>> 0 || 1;
}

function rememberStrips({ pixels, stride, mask }: PixelArea, box: Box): void {
  places.fill(-1);
  const left = Math.max(0, box.left - reach);
  const right = Math.min(stride, box.right + reach);
  const bottom = Math.min(Math.floor(pixels.length / stride), box.bottom + reach);
  for (let y = Math.max(0, box.top - reach); y < bottom; y += rowStep) {
    for (let x = left; x + stripSize <= right; x++) {
      const hash = stripHash(pixels, y * stride + x, mask);
      if (hash === 0) continue;
      const slot = hash >>> (32 - tableBits);
      if (places[slot] === -1) {
        hashes[slot] = hash;
        places[slot] = y * stride + x;
      } else if (hashes[slot] === hash) places[slot] = ambiguous;
    }
  }
}

interface Way {
  readonly dx: number;
  readonly dy: number;
}

function vote(
  before: PixelArea,
  next: PixelArea,
  box: Box,
  width: number,
  height: number,
): Way | null {
  const votes = new Map<number, number>();
  let best = 0;
  let bestVotes = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x + stripSize <= width; x += columnStep) {
      const at = y * next.stride + x;
      // What is as it was has not moved.
      const old = (box.top + y) * before.stride + box.left + x;
      if (((before.pixels[old]! ^ next.pixels[at]!) & before.mask) === 0) continue;
      const hash = stripHash(next.pixels, at, before.mask);
      if (hash === 0) continue;
      const slot = hash >>> (32 - tableBits);
      const place = places[slot]!;
      if (place < 0 || hashes[slot] !== hash) continue;
      const dx = box.left + x - (place % before.stride);
      const dy = box.top + y - Math.floor(place / before.stride);
      if (dx === 0 && dy === 0) continue;
      const key = dy * 65_536 + dx;
      const count = (votes.get(key) ?? 0) + 1;
      votes.set(key, count);
      if (count > bestVotes) {
        bestVotes = count;
        best = key;
      }
    }
  }
  if (bestVotes < votesMin) return null;
  const dy = Math.round(best / 65_536);
  return { dx: best - dy * 65_536, dy };
}

/** By tiles, whose largest rectangle grows to the pixel. */
function largestMoved(before: PixelArea, next: PixelArea, box: Box, way: Way): PixelMove | null {
  const { dx, dy } = way;
  // Where there was something to come from.
  const height = Math.floor(before.pixels.length / before.stride);
  const area = {
    left: Math.max(box.left, dx),
    top: Math.max(box.top, dy),
    right: Math.min(box.right, before.stride + dx),
    bottom: Math.min(box.bottom, height + dy),
  };
  const columns = Math.floor((area.right - area.left) / tileSide);
  const rows = Math.floor((area.bottom - area.top) / tileSide);
  if (columns < 1 || rows < 1) return null;
  const heights = new Int32Array(columns);
  let found: Box | null = null;
  let foundArea = 0;
  for (let row = 0; row < rows; row++) {
    const top = area.top + row * tileSide;
    for (let column = 0; column < columns; column++) {
      const left = area.left + column * tileSide;
      const tile = { left, top, right: left + tileSide, bottom: top + tileSide };
      const isMoved = hasMoved(before, next, box, tile, way);
      heights[column] = isMoved ? heights[column]! + 1 : 0;
    }
    for (let column = 0; column < columns; column++) {
      let least = heights[column]!;
      for (let end = column; end < columns && heights[end]! > 0; end++) {
        least = Math.min(least, heights[end]!);
        const size = least * (end - column + 1);
        if (size <= foundArea) continue;
        foundArea = size;
        found = {
          left: area.left + column * tileSide,
          top: top + tileSide - least * tileSide,
          right: area.left + (end + 1) * tileSide,
          bottom: top + tileSide,
        };
      }
    }
  }
  if (found === null) return null;
  const to = grown(before, next, box, area, found, way);
  if ((to.right - to.left) * (to.bottom - to.top) < areaMin) return null;
  return { to, from: { x: to.left - dx, y: to.top - dy } };
}

function grown(before: PixelArea, next: PixelArea, box: Box, area: Box, found: Box, way: Way): Box {
  let { left, top, right, bottom } = found;
  const isMoved = (part: Box): boolean => hasMoved(before, next, box, part, way);
  while (top > area.top && isMoved({ left, top: top - 1, right, bottom: top })) top--;
  while (bottom < area.bottom && isMoved({ left, top: bottom, right, bottom: bottom + 1 }))
    bottom++;
  while (left > area.left && isMoved({ left: left - 1, top, right: left, bottom })) left--;
  while (right < area.right && isMoved({ left: right, top, right: right + 1, bottom })) right++;
  return { left, top, right, bottom };
}

function hasMoved(
  before: PixelArea,
  next: PixelArea,
  box: Box,
  { left, top, right, bottom }: Box,
  { dx, dy }: Way,
): boolean {
  const { mask } = before;
  for (let y = top; y < bottom; y++) {
    const old = (y - dy) * before.stride - dx;
    const now = (y - box.top) * next.stride - box.left;
    for (let x = left; x < right; x++) {
      if (((before.pixels[old + x]! ^ next.pixels[now + x]!) & mask) !== 0) return false;
    }
  }
  return true;
}
