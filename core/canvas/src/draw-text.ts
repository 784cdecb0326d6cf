// DRAW_TEXT: glyphs of one colour or pattern, on a background that may be filled first.

import { BrushType, RopDescriptor, StringFlag } from "@caraway/protocol";
import { type Box, intersection, isEmptyBox } from "./box.ts";
import { drawBrush, type WireBrush } from "./brush.ts";
import { composite } from "./composite.ts";
import { clearUnusedAlpha, solidPicture } from "./draw-composite.ts";
import type { Body } from "./draw-copy.ts";
import { type ImageLookup, rawPixels } from "./loaded-image.ts";
import { Operator } from "./operator.ts";
import { maxPictureSide } from "./picture.ts";
import { copyPixmap, type Pixmap, pixelDepth } from "./pixmap.ts";
import type { PlacedPicture } from "./placed-picture.ts";
import { intersectRegion, type Region, regionExtents } from "./region.ts";
import { Rop } from "./rop.ts";
import { identity, toFixed } from "./transform.ts";

type Text = Body<"DRAW_TEXT">;
type Glyph = NonNullable<Text["str"]["glyphsA8"]>[number];

export function drawText(dest: Pixmap, region: Region, body: Text, images: ImageLookup): void {
  if (!isEmptyBox(body.backArea)) {
    // With a background nothing but plain text makes sense, and the reference draws nothing else.
    if (body.foreMode !== RopDescriptor.OP_PUT) return;
    const back = intersectRegion(region, body.backArea);
    drawBrush(dest, back, body.backBrush, images, Rop.COPY);
  }
  const { bits, glyphs } = glyphsOf(body.str);
  const bounds = textBounds(glyphs);
  const visible = intersectRegion(region, bounds);
  const extents = regionExtents(visible);
  const source = brushPicture(dest, body.foreBrush, bounds, images);
  if (source === null || glyphs.length === 0) return;
  const isDrawable =
    bounds.right - bounds.left < maxPictureSide && bounds.bottom - bounds.top < maxPictureSide;
  if (!isEmptyBox(extents) && isDrawable) {
    const topDown = (body.str.flags & StringFlag.RASTER_TOP_DOWN) !== 0;
    const pixmap = rasterize(glyphs, bits, topDown, extents);
    const mask: PlacedPicture = {
      picture: { pixmap, transform: identity, filter: "nearest", repeat: "none" },
      x: -extents.left,
      y: -extents.top,
    };
    const operator = Operator.OVER;
    composite(dest, visible, { operator, source, mask, componentAlpha: false, extents });
  }
  clearUnusedAlpha(dest, bounds);
}

function glyphsOf(text: Text["str"]): { bits: 1 | 4 | 8; glyphs: readonly Glyph[] } {
  if (text.glyphsA1 !== null) return { bits: 1, glyphs: text.glyphsA1 };
  if (text.glyphsA4 !== null) return { bits: 4, glyphs: text.glyphsA4 };
  return { bits: 8, glyphs: text.glyphsA8 ?? [] };
}

function glyphBox({ renderPos, glyphOrigin, width, height }: Glyph): Box {
  const left = renderPos.x + glyphOrigin.x;
  const top = renderPos.y + glyphOrigin.y;
  return { left, top, right: left + width, bottom: top + height };
}

/** Around all glyphs, those without pixels included. */
function textBounds(glyphs: readonly Glyph[]): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const glyph of glyphs) {
    const box = glyphBox(glyph);
    left = Math.min(left, box.left);
    top = Math.min(top, box.top);
    right = Math.max(right, box.right);
    bottom = Math.max(bottom, box.bottom);
  }
  return { left, top, right, bottom };
}

/** The brush as a picture; a pattern starts at the corner of the text's bounds. */
function brushPicture(
  dest: Pixmap,
  brush: WireBrush,
  bounds: Box,
  images: ImageLookup,
): PlacedPicture | null {
  switch (brush.type) {
    case BrushType.NONE:
      return null;
    case BrushType.SOLID:
      return solidPicture(brushColor(dest, brush.color));
    case BrushType.PATTERN: {
      const image = images(brush.pat);
      const pixmap = image.isSurface ? image.pixmap : rawPixels(image, dest);
      const transform = {
        ...identity,
        x0: toFixed(-brush.pos.x * 0x10000),
        y0: toFixed(-brush.pos.y * 0x10000),
      };
      return {
        picture: {
          pixmap: pixmap.pixels === dest.pixels ? copyPixmap(pixmap) : pixmap,
          transform,
          filter: "nearest",
          repeat: "normal",
        },
        x: -bounds.left,
        y: -bounds.top,
      };
    }
  }
}

/** On a 16-bit surface a colour of text has five bits a channel, also where green has six. */
function brushColor(dest: Pixmap, color: number): number {
  const [size, most] = pixelDepth(dest.format) === 16 ? [5, 31] : [8, 255];
  let result = 0xff;
  for (let channel = 2; channel >= 0; channel--) {
    const value = (color >>> (channel * size)) & most;
    result = (result << 8) | (Math.floor((value * 0xffff) / most) >> 8);
  }
  return result >>> 0;
}

/** The glyphs' coverage inside `extents`. */
function rasterize(
  glyphs: readonly Glyph[],
  bits: 1 | 4 | 8,
  topDown: boolean,
  extents: Box,
): Pixmap {
  const width = extents.right - extents.left;
  const height = extents.bottom - extents.top;
  const pixels = new Uint8Array(width * height);
  for (const glyph of glyphs) {
    const box = glyphBox(glyph);
    const part = intersection(box, extents);
    const stride = Math.ceil((glyph.width * bits) / 8);
    for (let y = part.top; y < part.bottom; y++) {
      const row = topDown ? y - box.top : box.bottom - 1 - y;
      const to = (y - extents.top) * width + part.left - extents.left;
      coverRow(glyph.data, row * stride, bits, part.left - box.left, pixels, to, part);
    }
  }
  return { format: "a8", width, height, pixels };
}

/** Where glyphs overlap, the stronger coverage counts. */
function coverRow(
  data: Uint8Array,
  from: number,
  bits: 1 | 4 | 8,
  skip: number,
  pixels: Uint8Array,
  to: number,
  { left, right }: Box,
): void {
  const count = right - left;
  for (let i = 0; i < count; i++) {
    const x = skip + i;
    if (bits === 1) {
      if (((data[from + (x >> 3)]! << (x & 7)) & 0x80) !== 0) pixels[to + i] = 255;
    } else if (bits === 8) {
      pixels[to + i] = Math.max(pixels[to + i]!, data[from + x]!);
    } else if ((x & 1) === 0) {
      pixels[to + i] = Math.max(pixels[to + i]!, data[from + (x >> 1)]! & 0xf0);
    } else {
      // The reference compares before it drops the pair's other half, so that the new coverage
      // counts wherever that half is not empty.
      const value = data[from + (x >> 1)]! << 4;
      if (value > pixels[to + i]!) pixels[to + i] = value;
    }
  }
}
