// JPEG by the browser's own decoder, and a canvas to read the pixels back.

import { CodecError, type ColorImage } from "@caraway/codecs";

/**
 * Decodes a JPEG image whose size has been checked to `xrgb` with a high byte of 0. Rejects with
 * CodecError when the browser cannot read it.
 */
export async function decodeJpeg(data: Uint8Array): Promise<ColorImage> {
  try {
    const bitmap = await createImageBitmap(
      new Blob([data as Uint8Array<ArrayBuffer>], { type: "image/jpeg" }),
      { colorSpaceConversion: "none", premultiplyAlpha: "none" },
    );
    try {
      return readPixels(bitmap);
    } finally {
      bitmap.close();
    }
  } catch (error) {
    if (error instanceof CodecError) throw error;
    const detail = error instanceof Error ? error.message : "unknown reason";
    throw new CodecError("JPEG", 0, `the browser cannot decode it: ${detail}`);
  }
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** A canvas keeps the memory of its largest image; above this many pixels it is let go. */
const keptPixelsMax = 1 << 22;

let context: Context | null = null;

function readPixels(bitmap: ImageBitmap): ColorImage {
  const { width, height } = bitmap;
  const drawing = contextOf(width, height);
  drawing.drawImage(bitmap, 0, 0);
  const { data } = drawing.getImageData(0, 0, width, height);
  if (width * height > keptPixelsMax) context = null;
  const colors = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at++) {
    const color = colors[at]!;
    pixels[at] = ((color & 0xff) << 16) | (color & 0xff00) | ((color >>> 16) & 0xff);
  }
  return { format: "xrgb", width, height, pixels };
}

function contextOf(width: number, height: number): Context {
  if (context === null) {
    const options = { alpha: false, willReadFrequently: true } as const;
    const isOnPage = typeof OffscreenCanvas === "undefined";
    const canvas = isOnPage ? document.createElement("canvas") : new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", options) as Context | null;
  }
  if (context === null) throw new CodecError("JPEG", 0, "the browser gives no canvas");
  const { canvas } = context;
  if (canvas.width < width) canvas.width = width;
  if (canvas.height < height) canvas.height = height;
  return context;
}
