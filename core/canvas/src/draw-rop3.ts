// DRAW_ROP3: source, brush and destination combined by any operation of three inputs.

import { BrushType } from "@caraway/protocol";
import { type Box, boxHeight, boxWidth, isSameSize } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";
import { type Body, filterOf } from "./draw-copy.ts";
import { type ImageLookup, rawPixels } from "./loaded-image.ts";
import { createPixmap, type PixelArray, type Pixmap, pixelMask } from "./pixmap.ts";
import { blitRegion, fillRegion, readBox, tileRegion } from "./raster.ts";
import { boxRegion, type Region, regionExtents } from "./region.ts";
import { combinePixels, Rop } from "./rop.ts";
import { stretchedRows } from "./scale.ts";
import { identity, toFixed } from "./transform.ts";

/**
 * `rop3` is a truth table: bit (4 · brush + 2 · source + destination) is the result. Its two halves
 * are operations on source and destination, between which each bit of the brush chooses.
 *
 * @throws CanvasError when the source is smaller than the area taken of it.
 */
export function drawRop3(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_ROP3">,
  images: ImageLookup,
): void {
  const extents = regionExtents(region);
  const source = sourcePixels(dest, extents, body, images);
  const brush = brushPixels(dest, extents, body, images);
  const result = readBox(dest, extents);
  const withBrush = result.slice();
  const mask = pixelMask(dest.format);
  combinePixels(body.rop3 & 15, source, 0, result, 0, result.length, mask);
  combinePixels(body.rop3 >> 4, source, 0, withBrush, 0, result.length, mask);
  for (let at = 0; at < result.length; at++) {
    result[at] = (result[at]! & ~brush[at]!) | (withBrush[at]! & brush[at]!);
  }
  const [width, height] = [boxWidth(extents), boxHeight(extents)];
  const drawn = { format: dest.format, width, height, pixels: result } as Pixmap;
  blitRegion(dest, region, drawn, extents.left, extents.top, Rop.COPY);
}

/** Raw pixels of the source for all of `extents`. */
function sourcePixels(
  dest: Pixmap,
  extents: Box,
  body: Body<"DRAW_ROP3">,
  images: ImageLookup,
): PixelArray {
  const { box } = body.base;
  const area = body.srcArea;
  const source = rawPixels(images(body.srcBitmap), dest);
  if (isSameSize(box, area)) {
    const { left, top, right, bottom } = area;
    if (left < 0 || top < 0 || right > source.width || bottom > source.height) {
      throw new CanvasError("BAD_IMAGE", "the source of DRAW_ROP3 is smaller than its area");
    }
    const [dx, dy] = [left - box.left, top - box.top];
    return readBox(source, {
      left: extents.left + dx,
      top: extents.top + dy,
      right: extents.right + dx,
      bottom: extents.bottom + dy,
    });
  }
  const sx = boxWidth(area) / boxWidth(box);
  const sy = boxHeight(area) / boxHeight(box);
  // Unlike other operations this one moves by whole pixels of the destination.
  const transform = { ...identity, xx: toFixed(sx * 0x10000), yy: toFixed(sy * 0x10000) };
  const filter = filterOf(body.scaleMode);
  const placed = {
    picture: { pixmap: source, transform, filter, repeat: "none" } as const,
    x: Math.floor(area.left / sx + 0.5) - box.left,
    y: Math.floor(area.top / sy + 0.5) - box.top,
  };
  const rows = stretchedRows(placed, box, extents, source.format);
  const pixels = createPixmap(dest.format, boxWidth(extents), boxHeight(extents)).pixels;
  for (let y = extents.top; y < extents.bottom; y++) {
    const row = rows(extents.left, y, boxWidth(extents));
    pixels.set(row, (y - extents.top) * boxWidth(extents));
  }
  return pixels;
}

/** Raw pixels of the brush for all of `extents`. */
function brushPixels(
  dest: Pixmap,
  extents: Box,
  body: Body<"DRAW_ROP3">,
  images: ImageLookup,
): PixelArray {
  const { brush } = body;
  const [width, height] = [boxWidth(extents), boxHeight(extents)];
  const pixmap = createPixmap(dest.format, width, height);
  const whole = boxRegion({ left: 0, top: 0, right: width, bottom: height });
  if (brush.type === BrushType.PATTERN) {
    const tile = rawPixels(images(brush.pat), dest);
    const { x, y } = brush.pos;
    tileRegion(pixmap, whole, tile, x - extents.left, y - extents.top, Rop.COPY);
  } else {
    fillRegion(pixmap, whole, brush.type === BrushType.SOLID ? brush.color : 0, Rop.COPY);
  }
  return pixmap.pixels;
}
