// Filling a region with a brush: one colour, a pattern that repeats, or nothing at all.

import { type Brush, BrushType } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import { type ImageLookup, rawPixels } from "./loaded-image.ts";
import { copyPixmap, type Pixmap } from "./pixmap.ts";
import { fillRegion, tileRegion } from "./raster.ts";
import type { Region } from "./region.ts";

export type WireBrush = Infer<typeof Brush>;

/** Without a brush the operation still counts, with 0 as the brush: it may invert, say. */
export function drawBrush(
  dest: Pixmap,
  region: Region,
  brush: WireBrush,
  images: ImageLookup,
  rop: number,
): void {
  switch (brush.type) {
    case BrushType.SOLID:
      fillRegion(dest, region, brush.color, rop);
      break;
    case BrushType.PATTERN: {
      const raw = rawPixels(images(brush.pat), dest);
      const tile = raw.pixels === dest.pixels ? copyPixmap(raw) : raw;
      tileRegion(dest, region, tile, brush.pos.x, brush.pos.y, rop);
      break;
    }
    case BrushType.NONE:
      fillRegion(dest, region, 0, rop);
      break;
  }
}
