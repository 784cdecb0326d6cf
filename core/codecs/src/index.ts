export {
  type Bitmap,
  BitmapFormat,
  bitmapRowSize,
  decodeBitmap,
  decodeMask,
  encodeBitmap,
} from "./bitmap.ts";
export {
  type CanvasPixelsExports,
  kernelCanvasPixels,
  type PixelRows,
  plainCanvasPixels,
  type ToCanvasPixels,
} from "./canvas-pixels.ts";
export { type CursorData, CursorDataType, type CursorPicture, decodeCursor } from "./cursor.ts";
export { canvasPixelsKernelBytes } from "./generated/canvas-pixels-kernel.ts";
export { lz4KernelBytes } from "./generated/lz4-kernel.ts";
export { quicEncodeKernelBytes } from "./generated/quic-encode-kernel.ts";
export { quicKernelBytes } from "./generated/quic-kernel.ts";
export { GlzDictionary, type GlzSentImage, type GlzType } from "./glz-dictionary.ts";
export { type GlzHeader, readGlzHeader } from "./glz-header.ts";
export {
  type GlzOutcome,
  GlzWindow,
  type Inflate,
  inflateGlz,
  maxGlzWindowPixels,
} from "./glz-window.ts";
export { joinJpegAlpha, readJpegSize, splitJpegAlpha } from "./jpeg.ts";
export { decodeLz } from "./lz.ts";
export { encodeLz, encodeLzIndices, type LzColorType } from "./lz-encode.ts";
export { type LzHeader, LzType, readLzHeader } from "./lz-header.ts";
export { decodeLz4Block, decodeLz4Image } from "./lz4.ts";
export { encodeLz4Block, encodeLz4Image } from "./lz4-encode.ts";
export { createLz4Kernel, type Lz4Kernel, type Lz4KernelExports } from "./lz4-kernel.ts";
export { widen555, widenPalette } from "./palette.ts";
export {
  type AlphaImage,
  CodecError,
  type ColorImage,
  maxImagePixels,
  type PixelImage,
} from "./pixel-image.ts";
export { decodeQuic } from "./quic/decode.ts";
export { encodeQuic, type QuicColorType } from "./quic/encode.ts";
export {
  createQuicEncodeKernel,
  type QuicEncodeKernel,
  type QuicEncodeKernelExports,
} from "./quic/encode-kernel.ts";
export { type QuicHeader, QuicType, readQuicHeader } from "./quic/header.ts";
export { createQuicKernel, type QuicKernel, type QuicKernelExports } from "./quic/kernel.ts";
