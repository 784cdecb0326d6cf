// One drawing message onto one surface.

import { type Display, MaskFlag, type QMask, type ServerMessage } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import type { Box } from "./box.ts";
import { drawAlphaBlend, drawComposite } from "./draw-composite.ts";
import { type Body, copyBits, drawCopy, drawOpaque, drawTransparent } from "./draw-copy.ts";
import { drawBlackness, drawFill, drawInvers, drawWhiteness } from "./draw-fill.ts";
import { drawRop3 } from "./draw-rop3.ts";
import { drawStroke } from "./draw-stroke.ts";
import { drawText } from "./draw-text.ts";
import type { ImageLookup } from "./loaded-image.ts";
import type { Pixmap } from "./pixmap.ts";
import { clipRegion, maskRegion, type Region } from "./region.ts";

type Message = ServerMessage<typeof Display>;

const drawNames = [
  "COPY_BITS",
  "DRAW_FILL",
  "DRAW_OPAQUE",
  "DRAW_COPY",
  "DRAW_BLEND",
  "DRAW_BLACKNESS",
  "DRAW_WHITENESS",
  "DRAW_INVERS",
  "DRAW_ROP3",
  "DRAW_STROKE",
  "DRAW_TEXT",
  "DRAW_TRANSPARENT",
  "DRAW_ALPHA_BLEND",
  "DRAW_COMPOSITE",
] as const;

/** A message that draws: all of them name a surface, a box and a clip. */
export type DrawMessage = Extract<Message, { name: (typeof drawNames)[number] }>;

const names: ReadonlySet<string> = new Set(drawNames);

export function isDrawMessage(message: Message): message is DrawMessage {
  return names.has(message.name);
}

/**
 * Draws a message whose images are loaded, and returns what may have changed.
 *
 * @throws CanvasError when the message makes no sense.
 */
export function draw(message: DrawMessage, dest: Pixmap, images: ImageLookup): Region {
  const { box, clip } = message.body.base;
  const region = visibleRegion(message, dest, box, clip, images);
  if (region.boxes.length === 0) return region;
  switch (message.name) {
    case "COPY_BITS":
      copyBits(dest, region, message.body);
      break;
    case "DRAW_FILL":
      drawFill(dest, region, message.body, images);
      break;
    case "DRAW_OPAQUE":
      drawOpaque(dest, region, message.body, images);
      break;
    case "DRAW_COPY":
    case "DRAW_BLEND":
      drawCopy(dest, region, message.body, images);
      break;
    case "DRAW_BLACKNESS":
      drawBlackness(dest, region);
      break;
    case "DRAW_WHITENESS":
      drawWhiteness(dest, region);
      break;
    case "DRAW_INVERS":
      drawInvers(dest, region);
      break;
    case "DRAW_TRANSPARENT":
      drawTransparent(dest, region, message.body, images);
      break;
    case "DRAW_ROP3":
      drawRop3(dest, region, message.body, images);
      break;
    case "DRAW_STROKE":
      drawStroke(dest, region, message.body, images);
      break;
    case "DRAW_TEXT":
      drawText(dest, region, message.body, images);
      break;
    case "DRAW_ALPHA_BLEND":
      drawAlphaBlend(dest, region, message.body, images);
      break;
    case "DRAW_COMPOSITE":
      drawComposite(dest, region, message.body, images);
      break;
  }
  return region;
}

function visibleRegion(
  message: DrawMessage,
  dest: Pixmap,
  box: Box,
  clip: Body<"DRAW_FILL">["base"]["clip"],
  images: ImageLookup,
): Region {
  const bounds = { left: 0, top: 0, right: dest.width, bottom: dest.height };
  const region = clipRegion(box, bounds, clip);
  return "mask" in message.body ? withMask(region, message.body.mask, box, dest, images) : region;
}

function withMask(
  region: Region,
  mask: Infer<typeof QMask>,
  box: Box,
  dest: Pixmap,
  images: ImageLookup,
): Region {
  if (mask.bitmap === null) return region;
  const { pixmap } = images(mask.bitmap);
  const bits = pixmap.pixels as Uint8Array;
  return maskRegion(region, {
    // A surface may be its own mask, as it was before.
    bits: bits === dest.pixels ? bits.slice() : bits,
    width: pixmap.width,
    height: pixmap.height,
    left: box.left - mask.pos.x,
    top: box.top - mask.pos.y,
    open: (mask.flags & MaskFlag.INVERS) !== 0 ? 0 : 1,
  });
}
