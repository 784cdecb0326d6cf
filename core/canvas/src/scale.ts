// Scaled copies: a part of a picture stretched over a box, then combined with the destination.

import type { Box } from "./box.ts";
import { storePixel } from "./convert.ts";
import { type PixelArray, type Pixmap, pixelMask } from "./pixmap.ts";
import { eachBox, type Region, regionExtents } from "./region.ts";
import { combinePixels, Rop } from "./rop.ts";
import { canSample, type Filter, type Picture, sampleRow } from "./sampler.ts";
import { scaleTransform } from "./transform.ts";

/** A row of pixels of a scaled picture: `count` from (x, y) on, in the destination's space. */
export type RowSource = (x: number, y: number, count: number) => PixelArray;

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
  const rows = scaledRows(source, area, box, filter, region, rop === Rop.COPY ? dest : source);
  if (rows === null && rop === Rop.COPY) return;
  const mask = pixelMask(dest.format);
  eachBox(region, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      const at = y * dest.width + left;
      const row = rows === null ? new Uint32Array(count) : rows(left, y, count);
      if (rop === Rop.COPY) dest.pixels.set(row.subarray(0, count), at);
      else combinePixels(rop, row, 0, dest.pixels, at, count, mask);
    }
  });
}

/** The scaled picture row by row in the format of `like`; null where nothing can be drawn. */
export function scaledRows(
  source: Pixmap,
  area: Box,
  box: Box,
  filter: Filter,
  region: Region,
  like: Pixmap,
): RowSource | null {
  const transform = scaleTransform(area, box);
  const picture: Picture = { pixmap: source, transform, filter, repeat: "none" };
  const extents = regionExtents(region);
  const origin = {
    left: extents.left - box.left,
    top: extents.top - box.top,
    right: extents.right - box.left,
    bottom: extents.bottom - box.top,
  };
  if (!canSample(picture, origin)) return null;
  const width = extents.right - extents.left;
  const colors = new Uint32Array(width);
  return (x, y, count) => {
    sampleRow(picture, x - box.left, y - box.top, count, colors);
    for (let i = 0; i < count; i++) colors[i] = storePixel(like.format, colors[i]!);
    return colors;
  };
}
