export {
  type AlphaImage,
  CodecError,
  type ColorImage,
  maxImagePixels,
  type PixelImage,
} from "./pixel-image.ts";
export { decodeQuic } from "./quic/decode.ts";
export { type QuicHeader, QuicType, readQuicHeader } from "./quic/header.ts";
