export {
  type AlphaImage,
  CodecError,
  type ColorImage,
  maxImagePixels,
  type PixelImage,
} from "./pixel-image.ts";
