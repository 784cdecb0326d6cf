// The images of a drawing: replaced one by one, for the server's own copy as bitmaps and for each
// client as it gets them.

import type { DrawMessage, WireImage } from "@caraway/canvas";
import { BrushType } from "@caraway/protocol";
import type { Drawing, DrawingBody, GuestImage } from "./guest-drawing.ts";

/** `mask`: a QMask's picture of one bit a pixel, which clients take as a bitmap only. */
export type ImageRole = "picture" | "mask";

type Replace = (image: GuestImage, role: ImageRole) => WireImage;

type GuestBrush = DrawingBody<"DRAW_FILL">["brush"];
type GuestMask = DrawingBody<"DRAW_FILL">["mask"];

/** The message that a client or a canvas understands. */
export function withImages(drawing: Drawing, replace: Replace): DrawMessage {
  const picture = (image: GuestImage) => replace(image, "picture");
  const brush = (value: GuestBrush) => {
    return value.type === BrushType.PATTERN ? { ...value, pat: picture(value.pat) } : value;
  };
  const mask = ({ flags, pos, bitmap }: GuestMask) => {
    return { flags, pos, bitmap: bitmap === null ? null : replace(bitmap, "mask") };
  };
  switch (drawing.name) {
    case "COPY_BITS":
      return drawing as DrawMessage;
    case "DRAW_FILL": {
      const { body } = drawing;
      return {
        name: drawing.name,
        body: { ...body, brush: brush(body.brush), mask: mask(body.mask) },
      } as DrawMessage;
    }
    case "DRAW_OPAQUE":
    case "DRAW_ROP3": {
      const { body } = drawing;
      return {
        name: drawing.name,
        body: {
          ...body,
          srcBitmap: picture(body.srcBitmap),
          brush: brush(body.brush),
          mask: mask(body.mask),
        },
      } as DrawMessage;
    }
    case "DRAW_COPY":
    case "DRAW_BLEND": {
      const { body } = drawing;
      return {
        name: drawing.name,
        body: { ...body, srcBitmap: picture(body.srcBitmap), mask: mask(body.mask) },
      } as DrawMessage;
    }
    case "DRAW_BLACKNESS":
    case "DRAW_WHITENESS":
    case "DRAW_INVERS": {
      const { body } = drawing;
      return { name: drawing.name, body: { ...body, mask: mask(body.mask) } } as DrawMessage;
    }
    case "DRAW_STROKE": {
      const { body } = drawing;
      return { name: drawing.name, body: { ...body, brush: brush(body.brush) } } as DrawMessage;
    }
    case "DRAW_TEXT": {
      const { body } = drawing;
      return {
        name: drawing.name,
        body: { ...body, foreBrush: brush(body.foreBrush), backBrush: brush(body.backBrush) },
      } as DrawMessage;
    }
    case "DRAW_TRANSPARENT":
    case "DRAW_ALPHA_BLEND": {
      const { body } = drawing;
      return {
        name: drawing.name,
        body: { ...body, srcBitmap: picture(body.srcBitmap) },
      } as DrawMessage;
    }
    case "DRAW_COMPOSITE": {
      const { body } = drawing;
      const maskBitmap = body.maskBitmap === null ? null : picture(body.maskBitmap);
      return {
        name: drawing.name,
        body: { ...body, srcBitmap: picture(body.srcBitmap), maskBitmap },
      } as DrawMessage;
    }
  }
}
