// Which encoding a picture gets, as users of `image-compression` know it from spice-server: the
// automatic choices take QUIC for photos and LZ or GLZ for the rest; the others take what they say
// where the format allows it, and raw pixels elsewhere.

import { BitmapFormat } from "@caraway/protocol";
import type { GuestPixels } from "./guest-drawing.ts";
import type { CompressionName } from "./options.ts";

export type PictureCodec = "raw" | "quic" | "lz" | "glz" | "lz4" | "jpeg";

export interface CompressionSituation {
  /** What the client prefers, or the server's choice. */
  readonly compression: CompressionName;
  /** Whether the client reads LZ4. */
  readonly hasLz4: boolean;
  /** Whether losses are allowed now. */
  readonly mayLose: boolean;
}

/** Smaller pictures are not worth a header, as in spice-server. */
const bytesMin = 54;
const quicSideMin = 3;
/** Below, JPEG's own tables are most of what is sent. */
const jpegPixelsMin = 1024;

export function chooseCodec(
  picture: GuestPixels,
  situation: CompressionSituation,
  isPhoto: () => boolean,
): PictureCodec {
  const { compression } = situation;
  const { width, height, stride, format } = picture;
  if (compression === "off" || stride * height < bytesMin) return "raw";
  const isColor = format >= BitmapFormat["16BIT"] && format <= BitmapFormat.RGBA;
  const fitsQuic = isColor && width >= quicSideMin && height >= quicSideMin;
  switch (compression) {
    case "quic":
      return fitsQuic ? withLosses(picture, situation, isPhoto) : "raw";
    case "auto_glz":
    case "auto_lz":
      if (fitsQuic && isPhoto()) return withLosses(picture, situation, () => true);
      return compression === "auto_glz" && isColor ? "glz" : "lz";
    case "glz":
      return isColor ? "glz" : "lz";
    case "lz4":
      return isColor && situation.hasLz4 ? "lz4" : "lz";
    case "lz":
      return "lz";
  }
}

function withLosses(
  { width, height }: GuestPixels,
  { mayLose }: CompressionSituation,
  isPhoto: () => boolean,
): PictureCodec {
  return mayLose && width * height >= jpegPixelsMin && isPhoto() ? "jpeg" : "quic";
}
