// A guest's drawing as a message of the display channel, with every image as a plain bitmap: what
// the renderer takes.

import type { DisplayMessage } from "@caraway/canvas";
import { BitmapFlag, BrushType, ImageFlag, ImageType } from "@caraway/protocol";
import type { Drawing, DrawingBody, GuestImage } from "@caraway/server";

type Body<N extends Drawing["name"]> = Extract<DisplayMessage, { readonly name: N }>["body"];
type WireImage = Body<"DRAW_COPY">["srcBitmap"];

export function wireDrawing(drawing: Drawing): DisplayMessage {
  switch (drawing.name) {
    case "COPY_BITS":
      return drawing;
    case "DRAW_FILL": {
      const { body, name } = drawing;
      return { name, body: { ...body, brush: wireBrush(body.brush), mask: wireMask(body.mask) } };
    }
    case "DRAW_OPAQUE": {
      const { body, name } = drawing;
      return { name, body: { ...body, ...wireSource(body), brush: wireBrush(body.brush) } };
    }
    case "DRAW_ROP3": {
      const { body, name } = drawing;
      return { name, body: { ...body, ...wireSource(body), brush: wireBrush(body.brush) } };
    }
    case "DRAW_COPY":
    case "DRAW_BLEND": {
      const { body, name } = drawing;
      return { name, body: { ...body, ...wireSource(body) } };
    }
    case "DRAW_BLACKNESS":
    case "DRAW_WHITENESS":
    case "DRAW_INVERS": {
      const { body, name } = drawing;
      return { name, body: { ...body, mask: wireMask(body.mask) } };
    }
    case "DRAW_STROKE": {
      const { body, name } = drawing;
      return { name, body: { ...body, brush: wireBrush(body.brush) } };
    }
    case "DRAW_TEXT": {
      const { body, name } = drawing;
      const foreBrush = wireBrush(body.foreBrush);
      return { name, body: { ...body, foreBrush, backBrush: wireBrush(body.backBrush) } };
    }
    case "DRAW_TRANSPARENT": {
      const { body, name } = drawing;
      return { name, body: { ...body, srcBitmap: wireImage(body.srcBitmap) } };
    }
    case "DRAW_ALPHA_BLEND": {
      const { body, name } = drawing;
      return { name, body: { ...body, srcBitmap: wireImage(body.srcBitmap) } };
    }
    case "DRAW_COMPOSITE": {
      const { body, name } = drawing;
      const maskBitmap = body.maskBitmap === null ? null : wireImage(body.maskBitmap);
      return { name, body: { ...body, srcBitmap: wireImage(body.srcBitmap), maskBitmap } };
    }
  }
}

function wireSource({ srcBitmap, mask }: Pick<DrawingBody<"DRAW_COPY">, "srcBitmap" | "mask">) {
  return { srcBitmap: wireImage(srcBitmap), mask: wireMask(mask) };
}

function wireBrush(brush: DrawingBody<"DRAW_FILL">["brush"]): Body<"DRAW_FILL">["brush"] {
  return brush.type === BrushType.PATTERN ? { ...brush, pat: wireImage(brush.pat) } : brush;
}

function wireMask(mask: DrawingBody<"DRAW_FILL">["mask"]): Body<"DRAW_FILL">["mask"] {
  return { ...mask, bitmap: mask.bitmap === null ? null : wireImage(mask.bitmap) };
}

function wireImage(image: GuestImage): WireImage {
  if (image.kind === "surface") {
    const { surface: surfaceId } = image;
    return { id: 0n, type: ImageType.SURFACE, flags: 0, width: 0, height: 0, surfaceId };
  }
  const { width, height, palette } = image;
  return {
    id: 0n,
    type: ImageType.BITMAP,
    flags: image.highBitsSet ? ImageFlag.HIGH_BITS_SET : 0,
    width,
    height,
    format: image.format,
    bitmapFlags: image.topDown ? BitmapFlag.TOP_DOWN : 0,
    x: width,
    y: height,
    stride: image.stride,
    paletteId: null,
    palette: palette === null ? null : { unique: palette.key ?? 0n, ents: palette.colors },
    data: image.data,
  };
}
