// DRAW_COPY, DRAW_BLEND, DRAW_OPAQUE, DRAW_TRANSPARENT and COPY_BITS: pictures onto a surface.

import { type Display, RopDescriptor, ScaleMode, type ServerMessage } from "@caraway/protocol";
import { type Box, isSameSize } from "./box.ts";
import { drawBrush } from "./brush.ts";
import { storePixel } from "./convert.ts";
import { type ImageLookup, type LoadedImage, rawPixels } from "./loaded-image.ts";
import type { Filter } from "./picture.ts";
import { copyPixmap, type Pixmap } from "./pixmap.ts";
import { blitRegion, blitTransparent, moveRegion } from "./raster.ts";
import { type Region, regionExtents } from "./region.ts";
import { Rop, ropOf } from "./rop.ts";
import { scaleRegion, stretch, stretchedRows } from "./scale.ts";

type Message = ServerMessage<typeof Display>;
export type Body<N extends Message["name"]> = Extract<Message, { name: N }>["body"];

/** DRAW_BLEND is the same. */
export function drawCopy(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_COPY">,
  images: ImageLookup,
): void {
  const rop = ropOf(body.ropDescriptor, RopDescriptor.INVERS_SRC, RopDescriptor.INVERS_DEST);
  const filter = filterOf(body.scaleMode);
  drawPicture(dest, region, images(body.srcBitmap), body.srcArea, body.base.box, filter, rop);
}

/** First the source, then the brush combined with it. */
export function drawOpaque(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_OPAQUE">,
  images: ImageLookup,
): void {
  const rop = ropOf(body.ropDescriptor, RopDescriptor.INVERS_BRUSH, RopDescriptor.INVERS_SRC);
  const filter = filterOf(body.scaleMode);
  const { box } = body.base;
  drawPicture(dest, region, images(body.srcBitmap), body.srcArea, box, filter, Rop.COPY);
  drawBrush(dest, region, body.brush, images, rop);
}

/** All pixels but those of `trueColor`, which is `0x00RRGGBB` on every surface. */
export function drawTransparent(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_TRANSPARENT">,
  images: ImageLookup,
): void {
  const source = separate(images(body.srcBitmap), dest);
  const { box } = body.base;
  const area = body.srcArea;
  const key = transparentPixel(dest, body.trueColor);
  if (isSameSize(box, area)) {
    const [x, y] = [box.left - area.left, box.top - area.top];
    blitTransparent(dest, region, source, x, y, key);
    return;
  }
  const extents = regionExtents(region);
  const rows = stretchedRows(
    stretch(source, area, box, "nearest"),
    extents,
    extents,
    source.format,
  );
  for (const part of region.boxes) {
    const width = part.right - part.left;
    for (let y = part.top; y < part.bottom; y++) {
      const pixels = rows(part.left, y, width);
      const line = { ...source, width, height: 1, pixels } as Pixmap;
      const lineRegion = { boxes: [{ ...part, top: y, bottom: y + 1 }], mask: null };
      blitTransparent(dest, lineRegion, line, part.left, y, key);
    }
  }
}

function transparentPixel(dest: Pixmap, trueColor: number): number {
  switch (dest.format) {
    case "a8":
    case "a1":
      return 0;
    default:
      return storePixel(dest.format, trueColor);
  }
}

export function copyBits(dest: Pixmap, region: Region, body: Body<"COPY_BITS">): void {
  const { box } = body.base;
  moveRegion(dest, region, box.left - body.srcPos.x, box.top - body.srcPos.y);
}

export function filterOf(scaleMode: number): Filter {
  return scaleMode === ScaleMode.NEAREST ? "nearest" : "bilinear";
}

function drawPicture(
  dest: Pixmap,
  region: Region,
  image: LoadedImage,
  area: Box,
  box: Box,
  filter: Filter,
  rop: number,
): void {
  if (isSameSize(box, area)) {
    const source = separate(image, dest);
    blitRegion(dest, region, source, box.left - area.left, box.top - area.top, rop);
    return;
  }
  // A surface is scaled as it is, and a picture in the destination's format.
  const direct = image.isSurface && rop === Rop.COPY && image.pixmap.pixels !== dest.pixels;
  const source = direct ? image.pixmap : separate(image, dest);
  scaleRegion(dest, region, source, area, box, filter, rop);
}

/** The raw pixels, copied when they are the destination's own. */
function separate(image: LoadedImage, dest: Pixmap): Pixmap {
  const raw = rawPixels(image, dest);
  return raw.pixels === dest.pixels ? copyPixmap(raw) : raw;
}
