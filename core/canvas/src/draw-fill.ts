// DRAW_FILL, DRAW_BLACKNESS, DRAW_WHITENESS and DRAW_INVERS: a brush or a constant onto a surface.

import { RopDescriptor } from "@caraway/protocol";
import { drawBrush } from "./brush.ts";
import type { Body } from "./draw-copy.ts";
import type { ImageLookup } from "./loaded-image.ts";
import type { Pixmap } from "./pixmap.ts";
import { fillRegion } from "./raster.ts";
import type { Region } from "./region.ts";
import { Rop, ropOf } from "./rop.ts";

export function drawFill(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_FILL">,
  images: ImageLookup,
): void {
  const rop = ropOf(body.ropDescriptor, RopDescriptor.INVERS_BRUSH, RopDescriptor.INVERS_DEST);
  drawBrush(dest, region, body.brush, images, rop);
}

export function drawBlackness(dest: Pixmap, region: Region): void {
  fillRegion(dest, region, 0, Rop.COPY);
}

/** All bits, those of the unused high byte too. */
export function drawWhiteness(dest: Pixmap, region: Region): void {
  fillRegion(dest, region, 0xffffffff, Rop.COPY);
}

export function drawInvers(dest: Pixmap, region: Region): void {
  fillRegion(dest, region, 0, Rop.INVERT);
}
