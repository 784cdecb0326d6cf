export {
  type Bitmap,
  BitmapFormat,
  bitmapRowSize,
  decodeBitmap,
  decodeMask,
  encodeBitmap,
} from "./bitmap.ts";
export { decodeLz, type LzHeader, LzType, parseLzHeader } from "./lz.ts";
export { widen555, widenPalette } from "./palette.ts";
export {
  type AlphaImage,
  CodecError,
  type ColorImage,
  maxImagePixels,
  type PixelImage,
} from "./pixel-image.ts";
export { decodeQuic } from "./quic/decode.ts";
export { type QuicHeader, QuicType, readQuicHeader } from "./quic/header.ts";
