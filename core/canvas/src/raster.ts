// Raw pixels onto raw pixels, with no regard to what they mean: solid fills, tiles, copies and the
// transparent copy, each within a region. Source and destination have the same depth; when they
// are the same pixels, the caller has made a copy of the source first.

import type { Box } from "./box.ts";
import { createPixmap, type PixelArray, type Pixmap, pixelMask } from "./pixmap.ts";
import { eachBox, intersectRegion, type Region } from "./region.ts";
import { combineColor, combinePixels, Rop } from "./rop.ts";

/** Combines one raw pixel value with the region. */
export function fillRegion(dest: Pixmap, region: Region, color: number, rop: number): void {
  const { pixels, width } = dest;
  const mask = pixelMask(dest.format);
  if (rop === Rop.COPY) {
    const value = (color & mask) >>> 0;
    eachBox(region, (left, top, right, bottom) => {
      if (right - left === width) {
        pixels.fill(value, top * width, bottom * width);
        return;
      }
      for (let y = top; y < bottom; y++) pixels.fill(value, y * width + left, y * width + right);
    });
    return;
  }
  eachBox(region, (left, top, right, bottom) => {
    for (let y = top; y < bottom; y++) {
      combineColor(rop, color, pixels, y * width + left, right - left, mask);
    }
  });
}

/** Combines a pixmap, repeated in both directions from the origin given, with the region. */
export function tileRegion(
  dest: Pixmap,
  region: Region,
  tile: Pixmap,
  originX: number,
  originY: number,
  rop: number,
): void {
  const mask = pixelMask(dest.format);
  const line = emptyPixels(dest, dest.width);
  eachBox(region, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      const row = modulo(y - originY, tile.height) * tile.width;
      repeatRow(tile, row, modulo(left - originX, tile.width), line, count);
      copyPixels(line, 0, dest.pixels, y * dest.width + left, count, rop, mask);
    }
  });
}

/** Fills `count` pixels of a line with a row of a tile, from one of its columns on. */
function repeatRow(
  tile: Pixmap,
  row: number,
  column: number,
  line: PixelArray,
  count: number,
): void {
  const { width, pixels } = tile;
  let done = Math.min(width - column, count);
  line.set(pixels.subarray(row + column, row + column + done));
  if (done === count) return;
  const period = Math.min(width, count - done);
  line.set(pixels.subarray(row, row + period), done);
  const start = done;
  done += period;
  // What is there repeats with the tile's width, so each copy can be as long as all before it.
  while (done < count) {
    const length = Math.min(done - start, count - done);
    line.copyWithin(done, start, start + length);
    done += length;
  }
}

/**
 * Combines a pixmap, whose first pixel lies at the origin given, with the region. Where the pixmap
 * has no pixels, nothing changes.
 */
export function blitRegion(
  dest: Pixmap,
  region: Region,
  source: Pixmap,
  originX: number,
  originY: number,
  rop: number,
): void {
  const mask = pixelMask(dest.format);
  const covered = intersectRegion(region, sourceBox(source, originX, originY));
  eachBox(covered, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      const from = (y - originY) * source.width + left - originX;
      copyPixels(source.pixels, from, dest.pixels, y * dest.width + left, count, rop, mask);
    }
  });
}

/** Copies all pixels but those of one colour; of 32-bit pixels the lower 24 bits are compared. */
export function blitTransparent(
  dest: Pixmap,
  region: Region,
  source: Pixmap,
  originX: number,
  originY: number,
  transparent: number,
): void {
  const significant = pixelMask(dest.format) & 0xffffff;
  const key = transparent & significant;
  const covered = intersectRegion(region, sourceBox(source, originX, originY));
  eachBox(covered, (left, top, right, bottom) => {
    for (let y = top; y < bottom; y++) {
      let from = (y - originY) * source.width + left - originX;
      const end = y * dest.width + right;
      for (let to = y * dest.width + left; to < end; to++, from++) {
        const pixel = source.pixels[from]!;
        if ((pixel & significant) !== key) dest.pixels[to] = pixel;
      }
    }
  });
}

/**
 * Copies within one pixmap: each pixel of the region takes the one `dx` to the left of it and `dy`
 * above it, as it was before.
 */
export function moveRegion(pixmap: Pixmap, region: Region, dx: number, dy: number): void {
  const { width, height, pixels } = pixmap;
  const bounds = { left: dx, top: dy, right: dx + width, bottom: dy + height };
  const moved = intersectRegion(region, bounds).boxes;
  if (moved.length === 1) {
    moveBox(pixels, width, moved[0]!, dx, dy);
    return;
  }
  if (moved.length === 0) return;
  // Boxes may overwrite what others are yet to copy, so all of them are read first.
  const parts = moved.map((box) => readBox(pixmap, shift(box, -dx, -dy)));
  moved.forEach((box, index) => {
    const part = parts[index]!;
    const count = box.right - box.left;
    for (let y = box.top; y < box.bottom; y++) {
      const from = (y - box.top) * count;
      pixels.set(part.subarray(from, from + count), y * width + box.left);
    }
  });
}

function moveBox(pixels: PixelArray, width: number, box: Box, dx: number, dy: number): void {
  const count = box.right - box.left;
  const rows = box.bottom - box.top;
  for (let i = 0; i < rows; i++) {
    // A move down starts with the last row, so that no row is overwritten before it is read.
    const y = dy > 0 ? box.bottom - 1 - i : box.top + i;
    const from = (y - dy) * width + box.left - dx;
    pixels.copyWithin(y * width + box.left, from, from + count);
  }
}

/** The raw pixels of a box that lies inside the pixmap. */
export function readBox(pixmap: Pixmap, box: Box): PixelArray {
  const count = box.right - box.left;
  const rows = box.bottom - box.top;
  const part = emptyPixels(pixmap, count * rows);
  for (let row = 0; row < rows; row++) {
    const from = (box.top + row) * pixmap.width + box.left;
    part.set(pixmap.pixels.subarray(from, from + count), row * count);
  }
  return part;
}

/** Zeros of the kind that a pixmap has. */
function emptyPixels(like: Pixmap, count: number): PixelArray {
  return createPixmap(like.format, count, 1).pixels;
}

function copyPixels(
  from: PixelArray,
  fromAt: number,
  to: PixelArray,
  toAt: number,
  count: number,
  rop: number,
  mask: number,
): void {
  if (rop === Rop.COPY) to.set(from.subarray(fromAt, fromAt + count), toAt);
  else combinePixels(rop, from, fromAt, to, toAt, count, mask);
}

function sourceBox(source: Pixmap, originX: number, originY: number): Box {
  return {
    left: originX,
    top: originY,
    right: originX + source.width,
    bottom: originY + source.height,
  };
}

function shift(box: Box, dx: number, dy: number): Box {
  return {
    left: box.left + dx,
    top: box.top + dy,
    right: box.right + dx,
    bottom: box.bottom + dy,
  };
}

function modulo(value: number, size: number): number {
  const rest = value % size;
  return rest < 0 ? rest + size : rest;
}
