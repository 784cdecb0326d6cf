// Drawings on their way to a client: those that copy what is there now, and what may be lost on
// the way.

import type { Box, WireImage } from "@caraway/canvas";
import { ClipType, ImageType, RopDescriptor, SurfaceFormat } from "@caraway/protocol";
import type { DoneDrawing } from "./display-view.ts";
import { shapeOf } from "./drawing-shape.ts";
import type { Drawing } from "./guest-drawing.ts";
import type { ServedSurface } from "./served-surface.ts";

/** Stands for an image where only the visit matters. */
export const placeholder: WireImage = {
  id: 0n,
  type: ImageType.SURFACE,
  flags: 0,
  width: 0,
  height: 0,
  surfaceId: 0,
};

/** An image that stands for a surface which the client has. */
export function surfaceImage(surfaceId: number, { reads }: DoneDrawing): WireImage {
  const found = reads.find(({ surface }) => surface.id === surfaceId)?.surface;
  const { width, height } = found ?? { width: 0, height: 0 };
  return { id: 0n, type: ImageType.SURFACE, flags: 0, width, height, surfaceId };
}

/** Copying the pixels that are there now. */
export function refreshDrawing(surface: ServedSurface, box: Box): DoneDrawing {
  const picture = surface.read(box);
  const { width, height } = picture;
  const drawing: Drawing = {
    name: "DRAW_COPY",
    body: {
      base: { surfaceId: surface.id, box, clip: { type: ClipType.NONE } },
      srcBitmap: picture,
      srcArea: { left: 0, top: 0, right: width, bottom: height },
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: 0,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    },
  };
  const shape = shapeOf(drawing);
  return { drawing, surface, region: [box], bounds: box, reads: [], shape, isFirst: false };
}

/** Where losses are seen for a moment, and do no more harm than that. */
export function toleratesLosses({ drawing, surface }: DoneDrawing): boolean {
  const { format } = surface;
  if (format !== SurfaceFormat["32_xRGB"] && format !== SurfaceFormat["32_ARGB"]) return false;
  switch (drawing.name) {
    case "DRAW_COPY":
      return drawing.body.ropDescriptor === RopDescriptor.OP_PUT;
    case "DRAW_ALPHA_BLEND":
    case "DRAW_COMPOSITE":
      return true;
    default:
      return false;
  }
}
