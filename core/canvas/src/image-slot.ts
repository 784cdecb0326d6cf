// The images of one message on their way to pixels: what each of them needs before the message can
// be drawn, found out in the order of the wire, so that palettes are the right ones.

import {
  type Bitmap,
  maxImagePixels,
  type PixelImage,
  splitJpegAlpha,
  widenPalette,
} from "@caraway/codecs";
import type { ServerMessage, SurfaceFormat } from "@caraway/protocol";
import { BitmapFlag, BrushType, type Display, ImageType, JpegAlphaFlag } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { WireBrush } from "./brush.ts";
import { CanvasError } from "./canvas-error.ts";
import type { DecodeJob } from "./decode-job.ts";
import type { WireImage } from "./loaded-image.ts";
import type { PaletteCache } from "./palette-cache.ts";
import { pixelDepth, surfacePixelFormat } from "./pixmap.ts";

export type SlotState =
  /** A job that has not been handed out yet. */
  | { readonly kind: "job"; readonly job: DecodeJob }
  | { readonly kind: "running"; readonly task: number }
  /** A GLZ stream that has not been decoded yet. */
  | { readonly kind: "glz"; readonly data: Uint8Array }
  /** Decoded when the message is drawn. */
  | { readonly kind: "bitmap"; readonly bitmap: Bitmap; readonly palette: Uint32Array | null }
  | { readonly kind: "decoded"; readonly image: PixelImage }
  | { readonly kind: "cached"; readonly lossless: boolean }
  | { readonly kind: "surface"; readonly surfaceId: number }
  | { readonly kind: "failed"; readonly error: CarawayError };

/** An image of a drawing message. */
export interface ImageSlot {
  readonly role: "picture" | "mask";
  readonly image: WireImage;
  /** Pixels that decoding will give; 0 where there is nothing to decode ahead. */
  readonly pixels: number;
  /** Whether the operation reads the image in its own format, not in that of the surface. */
  readonly isOriginal: boolean;
  state: SlotState;
}

/** A frame of a stream. */
export interface FrameSlot {
  readonly role: "frame";
  readonly pixels: number;
  state: SlotState;
}

export type Slot = ImageSlot | FrameSlot;

type Message = ServerMessage<typeof Display>;

/**
 * The images of a message, in the order in which they are loaded.
 *
 * @param format The format of the surface that is drawn on, which decides what palettes mean.
 * @throws CarawayError when an image cannot possibly be decoded.
 */
export function planImages(
  message: Message,
  format: SurfaceFormat,
  palettes: PaletteCache,
): ImageSlot[] {
  const slots: ImageSlot[] = [];
  const picture = (image: WireImage) =>
    slots.push({
      role: "picture",
      image,
      pixels: decodedPixels(image),
      isOriginal: message.name === "DRAW_ALPHA_BLEND",
      state: planPicture(image, format, palettes),
    });
  const mask = ({ bitmap }: { readonly bitmap: WireImage | null }) => {
    if (bitmap === null) return;
    slots.push({
      role: "mask",
      image: bitmap,
      pixels: 0,
      isOriginal: true,
      state: planMask(bitmap),
    });
  };
  const brush = (value: WireBrush) => {
    if (value.type === BrushType.PATTERN) picture(value.pat);
  };
  switch (message.name) {
    case "DRAW_FILL":
      mask(message.body.mask);
      brush(message.body.brush);
      break;
    case "DRAW_OPAQUE":
    case "DRAW_ROP3":
      mask(message.body.mask);
      picture(message.body.srcBitmap);
      brush(message.body.brush);
      break;
    case "DRAW_COPY":
    case "DRAW_BLEND":
      mask(message.body.mask);
      picture(message.body.srcBitmap);
      break;
    case "DRAW_BLACKNESS":
    case "DRAW_WHITENESS":
    case "DRAW_INVERS":
      mask(message.body.mask);
      break;
    case "DRAW_STROKE":
      brush(message.body.brush);
      break;
    case "DRAW_TEXT":
      brush(message.body.foreBrush);
      brush(message.body.backBrush);
      break;
    case "DRAW_TRANSPARENT":
    case "DRAW_ALPHA_BLEND":
      picture(message.body.srcBitmap);
      break;
    case "DRAW_COMPOSITE":
      picture(message.body.srcBitmap);
      if (message.body.maskBitmap !== null) picture(message.body.maskBitmap);
      break;
    default:
      break;
  }
  return slots;
}

function decodedPixels(image: WireImage): number {
  switch (image.type) {
    case ImageType.SURFACE:
    case ImageType.FROM_CACHE:
    case ImageType.FROM_CACHE_LOSSLESS:
    case ImageType.BITMAP:
      return 0;
    default:
      return image.width * image.height;
  }
}

function planPicture(image: WireImage, format: SurfaceFormat, palettes: PaletteCache): SlotState {
  const { width, height } = image;
  if (width * height > maxImagePixels) {
    throw new CanvasError("LIMIT", `an image of ${width} by ${height} pixels is too large`);
  }
  switch (image.type) {
    case ImageType.BITMAP: {
      const palette = localPalette(palettes.resolve(image), format);
      return { kind: "bitmap", bitmap: bitmapOf(image), palette };
    }
    case ImageType.LZ_PLT: {
      const palette = localPalette(palettes.resolve(image), format);
      return { kind: "job", job: { codec: "lz", data: image.data, palette } };
    }
    case ImageType.LZ_RGB:
      return { kind: "job", job: { codec: "lz", data: image.data, palette: null } };
    case ImageType.QUIC:
      return { kind: "job", job: { codec: "quic", data: image.data } };
    case ImageType.LZ4:
      return { kind: "job", job: { codec: "lz4", data: image.data, width, height } };
    case ImageType.JPEG:
      return { kind: "job", job: { codec: "jpeg", data: image.data } };
    case ImageType.JPEG_ALPHA: {
      const parts = splitJpegAlpha(image.data, image.jpegSize);
      const topDown = (image.jpegAlphaFlags & JpegAlphaFlag.TOP_DOWN) !== 0;
      return { kind: "job", job: { codec: "jpeg-alpha", ...parts, topDown } };
    }
    case ImageType.GLZ_RGB:
      return { kind: "glz", data: image.data };
    case ImageType.ZLIB_GLZ_RGB:
      return { kind: "job", job: { codec: "inflate", data: image.data, size: image.glzDataSize } };
    case ImageType.FROM_CACHE:
      return { kind: "cached", lossless: false };
    case ImageType.FROM_CACHE_LOSSLESS:
      return { kind: "cached", lossless: true };
    case ImageType.SURFACE:
      return { kind: "surface", surfaceId: image.surfaceId };
  }
}

function planMask(image: WireImage): SlotState {
  switch (image.type) {
    case ImageType.BITMAP:
      return { kind: "bitmap", bitmap: bitmapOf(image), palette: null };
    case ImageType.FROM_CACHE:
      return { kind: "cached", lossless: false };
    case ImageType.FROM_CACHE_LOSSLESS:
      return { kind: "cached", lossless: true };
    case ImageType.SURFACE:
      return { kind: "surface", surfaceId: image.surfaceId };
    default:
      throw new CanvasError("BAD_IMAGE", `a mask cannot be an image of type ${image.type}`);
  }
}

function bitmapOf(image: WireImage & { type: typeof ImageType.BITMAP }): Bitmap {
  return {
    format: image.format,
    width: image.x,
    height: image.y,
    stride: image.stride,
    topDown: (image.bitmapFlags & BitmapFlag.TOP_DOWN) !== 0,
    data: image.data,
  };
}

/** On a 16-bit surface the entries of a palette are 16-bit colours. */
function localPalette(palette: Uint32Array | null, format: SurfaceFormat): Uint32Array | null {
  if (palette === null || pixelDepth(surfacePixelFormat(format)) !== 16) return palette;
  return widenPalette(palette);
}
