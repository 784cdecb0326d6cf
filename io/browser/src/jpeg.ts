// JPEG by the browser's own decoder, and a canvas to read the pixels back.

import { CodecError, type ColorImage } from "@caraway/codecs";
import { readColors } from "./color-readback.ts";

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
      return readColors(bitmap, bitmap.width, bitmap.height);
    } finally {
      bitmap.close();
    }
  } catch (error) {
    if (error instanceof CodecError) throw error;
    const detail = error instanceof Error ? error.message : "unknown reason";
    throw new CodecError("JPEG", 0, `the browser cannot decode it: ${detail}`);
  }
}
