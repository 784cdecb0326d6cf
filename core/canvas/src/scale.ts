// Scaled copies: a part of a picture stretched over a box, then combined with the destination.

import type { Box } from "./box.ts";
import { storePixel } from "./convert.ts";
import { canSample, type Filter, withUnusedByte } from "./picture.ts";
import { type PixelFormat, type Pixmap, pixelMask } from "./pixmap.ts";
import { type PlacedPicture, placedBox } from "./placed-picture.ts";
import { eachBox, type Region, regionExtents } from "./region.ts";
import { combinePixels, Rop } from "./rop.ts";
import { rowRead, sampleRow } from "./sampler.ts";
import { scaleTransform } from "./transform.ts";

/** Raw pixels of a stretched picture: `count` from (x, y) of the destination on. */
export type RowSource = (x: number, y: number, count: number) => Uint32Array;

/**
 * Stretches `area` of the source over `box` of the destination, within the region. Pixels outside
 * the source count as transparent black, as do those beside its edges when it is smoothed.
 */
export function scaleRegion(
  dest: Pixmap,
  region: Region,
  source: Pixmap,
  area: Box,
  box: Box,
  filter: Filter,
  rop: number,
): void {
  const placed = stretch(source, area, box, filter);
  const extents = regionExtents(region);
  if (rop === Rop.COPY && !canDraw(placed, extents)) return;
  const format = rop === Rop.COPY ? dest.format : source.format;
  const rows = stretchedRows(placed, extents, extents, format);
  const mask = pixelMask(dest.format);
  eachBox(region, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      const at = y * dest.width + left;
      const row = rows(left, y, count);
      if (rop === Rop.COPY) dest.pixels.set(row.subarray(0, count), at);
      else combinePixels(rop, row, 0, dest.pixels, at, count, mask);
    }
  });
}

export function stretch(source: Pixmap, area: Box, box: Box, filter: Filter): PlacedPicture {
  const transform = scaleTransform(area, box);
  const picture = { pixmap: source, transform, filter, repeat: "none" } as const;
  return { picture, x: -box.left, y: -box.top };
}

/**
 * Rows of the picture in a format, for places in `extents`; zeros if it cannot be drawn for all of
 * `asked`.
 */
export function stretchedRows(
  placed: PlacedPicture,
  asked: Box,
  extents: Box,
  format: PixelFormat,
): RowSource {
  const { x: dx, y: dy } = placed;
  const row = new Uint32Array(extents.right - extents.left);
  if (!canDraw(placed, asked)) return () => row;
  const isUnused = format === "x8r8g8b8";
  const picture = isUnused
    ? withUnusedByte(placed.picture, placedBox(placed, asked), false)
    : placed.picture;
  const isStored = format === "a8r8g8b8" || format === "x8r8g8b8";
  // What is stretched has the same row several times.
  let last: number | null = null;
  let [lastX, lastCount] = [0, 0];
  return (x, y, count) => {
    const read = rowRead(picture, y + dy);
    if (read !== null && read === last && x === lastX && count === lastCount) return row;
    [last, lastX, lastCount] = [read, x, count];
    sampleRow(picture, x + dx, y + dy, count, row);
    if (!isStored) for (let i = 0; i < count; i++) row[i] = storePixel(format, row[i]!);
    return row;
  };
}

function canDraw(placed: PlacedPicture, box: Box): boolean {
  return canSample(placed.picture, placedBox(placed, box));
}
