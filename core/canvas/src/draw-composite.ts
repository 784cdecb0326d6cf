// DRAW_COMPOSITE and DRAW_ALPHA_BLEND.

import { AlphaFlag, CompositeFlag } from "@caraway/protocol";
import { type Box, intersection, isEmptyBox, isSameSize } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";
import { composite } from "./composite.ts";
import type { Body } from "./draw-copy.ts";
import { type ImageLookup, type LoadedImage, rawPixels } from "./loaded-image.ts";
import { Operator, operatorCount } from "./operator.ts";
import type { Filter, Repeat } from "./picture.ts";
import { asFormat, copyPixmap, type Pixmap } from "./pixmap.ts";
import type { PlacedPicture } from "./placed-picture.ts";
import { fillRegion } from "./raster.ts";
import { boxRegion, type Region, regionExtents } from "./region.ts";
import { Rop } from "./rop.ts";
import { identity, scaleTransform, type Transform } from "./transform.ts";

/** The wire's numbers for FAST, GOOD, BEST, NEAREST and BILINEAR; the convolutions need numbers that the wire has not. */
const filters: readonly Filter[] = ["nearest", "bilinear", "bilinear", "nearest", "bilinear"];
const repeats: readonly Repeat[] = ["none", "normal", "pad", "reflect"];

export function drawComposite(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_COMPOSITE">,
  images: ImageLookup,
): void {
  const { flags } = body;
  const { box } = body.base;
  const operator = flags & 0xff;
  if (operator >= operatorCount)
    throw new CanvasError("INVALID", `there is no operator ${operator}`);

  const image = images(body.srcBitmap);
  const isOpaque = (flags & CompositeFlag.SOURCE_OPAQUE) !== 0;
  const source: PlacedPicture = {
    picture: {
      pixmap:
        isOpaque && image.isSurface ? withoutAlpha(ownPixels(image, dest)) : ownPixels(image, dest),
      transform: transformOf(body.srcTransform),
      filter: filterOf(flags >> 8),
      repeat: repeats[(flags >> 14) & 3]!,
    },
    x: body.srcOrigin.x - box.left,
    y: body.srcOrigin.y - box.top,
  };
  const mask: PlacedPicture | null =
    body.maskBitmap === null
      ? null
      : {
          picture: {
            pixmap: ownPixels(images(body.maskBitmap), dest),
            transform: transformOf(body.maskTransform),
            filter: filterOf(flags >> 11),
            repeat: repeats[(flags >> 16) & 3]!,
          },
          x: body.maskOrigin.x - box.left,
          y: body.maskOrigin.y - box.top,
        };
  const componentAlpha = mask !== null && (flags & CompositeFlag.COMPONENT_ALPHA) !== 0;
  composite(dest, region, { operator, source, mask, componentAlpha, extents: box });
}

function filterOf(bits: number): Filter {
  const filter = filters[bits & 7];
  if (filter === undefined) throw new CanvasError("INVALID", `filter ${bits & 7} is not possible`);
  return filter;
}

function transformOf(fields: Body<"DRAW_COMPOSITE">["srcTransform"]): Transform {
  if (fields === null) return identity;
  const { t00, t01, t02, t10, t11, t12 } = fields;
  return { xx: t00, xy: t01, x0: t02, yx: t10, yy: t11, y0: t12 };
}

/** A picture is converted as for copying; a surface is read as it is. */
function ownPixels(image: LoadedImage, dest: Pixmap): Pixmap {
  const pixmap = image.isSurface ? image.pixmap : rawPixels(image, dest);
  return pixmap.pixels === dest.pixels ? copyPixmap(pixmap) : pixmap;
}

function withoutAlpha(pixmap: Pixmap): Pixmap {
  return pixmap.format === "a8r8g8b8" ? asFormat(pixmap, "x8r8g8b8") : pixmap;
}

function withAlpha(pixmap: Pixmap): Pixmap {
  return pixmap.format === "x8r8g8b8" ? asFormat(pixmap, "a8r8g8b8") : pixmap;
}

/** The source over the destination, both of which may have alpha although their format has not. */
export function drawAlphaBlend(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_ALPHA_BLEND">,
  images: ImageLookup,
): void {
  if (body.alpha === 0) return;
  const { box } = body.base;
  const area = body.srcArea;
  const image = images(body.srcBitmap);
  const separate = image.pixmap.pixels === dest.pixels ? copyPixmap(image.pixmap) : image.pixmap;
  const hasAlpha = image.isSurface && (body.alphaFlags & AlphaFlag.SRC_SURFACE_HAS_ALPHA) !== 0;
  const pixmap = hasAlpha ? withAlpha(separate) : separate;
  const isSame = isSameSize(box, area);
  const source: PlacedPicture = {
    picture: {
      pixmap,
      transform: isSame ? identity : scaleTransform(area, box),
      filter: "nearest",
      repeat: "none",
    },
    x: isSame ? area.left - box.left : -box.left,
    y: isSame ? area.top - box.top : -box.top,
  };
  const destHasAlpha = (body.alphaFlags & AlphaFlag.DEST_HAS_ALPHA) !== 0;
  const target = destHasAlpha ? withAlpha(dest) : dest;
  composite(target, region, {
    operator: Operator.OVER,
    source,
    mask: body.alpha === 0xff ? null : solidPicture((body.alpha << 24) >>> 0),
    componentAlpha: false,
    extents: regionExtents(region),
  });
  if (!destHasAlpha) clearUnusedAlpha(dest, box);
}

/** One colour `0xAARRGGBB` everywhere. */
export function solidPicture(color: number): PlacedPicture {
  const pixels = Uint32Array.of(color);
  const pixmap: Pixmap = { format: "a8r8g8b8", width: 1, height: 1, pixels };
  return {
    picture: { pixmap, transform: identity, filter: "nearest", repeat: "normal" },
    x: 0,
    y: 0,
  };
}

/**
 * Blending leaves 255 in the unused byte of 32_xRGB, which guests do not expect there. The
 * reference looks at the first pixel of the box, and if it has 255 clears the byte in all of the
 * box, whatever the clip.
 */
export function clearUnusedAlpha(dest: Pixmap, box: Box): void {
  if (dest.format !== "x8r8g8b8") return;
  const bounds = { left: 0, top: 0, right: dest.width, bottom: dest.height };
  const visible = intersection(box, bounds);
  if (isEmptyBox(visible)) return;
  const first = dest.pixels[visible.top * dest.width + visible.left]!;
  if (first >>> 24 === 0xff) fillRegion(dest, boxRegion(visible), 0xffffff, Rop.AND);
}
