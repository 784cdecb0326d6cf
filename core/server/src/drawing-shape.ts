// What a drawing reads and covers, as far as it matters for the order and the dropping of drawings.

import { type Box, contains } from "@caraway/canvas";
import { BrushType, ClipType, RopDescriptor } from "@caraway/protocol";
import type { Drawing, GuestImage, GuestPixels } from "./guest-drawing.ts";

export interface DrawingShape {
  /** Surfaces that are read as images, and where; null: anywhere. */
  readonly reads: readonly { readonly surface: number; readonly area: Box | null }[];
  /** Whether it asks for pixels that its pictures do not have: some clients would read them. */
  readonly overreaches: boolean;
  /** Every pixel of the box is set, whatever was there before. */
  readonly covers: boolean;
  /** Bytes of images that it holds on to. */
  readonly imageBytes: number;
}

/** Bits that leave nothing of the destination. */
const replacing =
  RopDescriptor.OP_PUT |
  RopDescriptor.INVERS_SRC |
  RopDescriptor.INVERS_BRUSH |
  RopDescriptor.INVERS_RES;

export function shapeOf(drawing: Drawing): DrawingShape {
  const reads: { surface: number; area: Box | null }[] = [];
  let imageBytes = 0;
  let overreaches = false;
  eachImage(drawing, (image, area) => {
    if (image.kind === "surface") {
      reads.push({ surface: image.surface, area });
      return;
    }
    imageBytes += image.data.length;
    overreaches ||= area !== null && !contains(boxOf(image), area);
  });
  if (drawing.name === "COPY_BITS") {
    const { base, srcPos } = drawing.body;
    const { left, top, right, bottom } = base.box;
    const area = {
      left: srcPos.x,
      top: srcPos.y,
      right: srcPos.x + right - left,
      bottom: srcPos.y + bottom - top,
    };
    reads.push({ surface: base.surfaceId, area });
  }
  return { reads, overreaches, covers: coversBox(drawing), imageBytes };
}

function eachImage(drawing: Drawing, visit: (image: GuestImage, area: Box | null) => void): void {
  const { body } = drawing;
  if ("srcBitmap" in body) visit(body.srcBitmap, "srcArea" in body ? body.srcArea : null);
  if ("maskBitmap" in body && body.maskBitmap !== null) visit(body.maskBitmap, null);
  if ("mask" in body && body.mask.bitmap !== null) visit(body.mask.bitmap, null);
  for (const key of ["brush", "foreBrush", "backBrush"] as const) {
    const brush = key in body ? body[key as keyof typeof body] : null;
    if (isPattern(brush)) visit(brush.pat, null);
  }
}

function isPattern(brush: unknown): brush is { readonly pat: GuestImage } {
  return (brush as { readonly type?: number } | null)?.type === BrushType.PATTERN;
}

function coversBox(drawing: Drawing): boolean {
  if (drawing.body.base.clip.type !== ClipType.NONE) return false;
  if ("mask" in drawing.body && drawing.body.mask.bitmap !== null) return false;
  switch (drawing.name) {
    case "DRAW_BLACKNESS":
    case "DRAW_WHITENESS":
      return true;
    case "DRAW_FILL":
      return drawing.body.brush.type !== BrushType.NONE && isReplacing(drawing.body.ropDescriptor);
    case "DRAW_COPY":
      return isReplacing(drawing.body.ropDescriptor) && hasPixels(drawing.body);
    default:
      return false;
  }
}

function isReplacing(rop: number): boolean {
  return (rop & RopDescriptor.OP_PUT) !== 0 && (rop & ~replacing) === 0;
}

/** Where a picture has no pixels, the destination stays. */
function hasPixels(body: { readonly srcBitmap: GuestImage; readonly srcArea: Box }): boolean {
  const { srcBitmap, srcArea } = body;
  if (srcBitmap.kind === "surface") return false;
  return contains(boxOf(srcBitmap), srcArea);
}

function boxOf({ width, height }: GuestPixels): Box {
  return { left: 0, top: 0, right: width, bottom: height };
}
