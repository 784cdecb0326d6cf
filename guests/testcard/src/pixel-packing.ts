// Pixels of a surface in few bytes: as one LZ4 block.

import type { Pixmap } from "@caraway/canvas";
import { decodeLz4Block, encodeLz4Block } from "@caraway/codecs";
import { TestcardError } from "./errors.ts";

export function packPixels({ pixels }: Pixmap): Uint8Array {
  return encodeLz4Block(bytesOf(pixels));
}

/**
 * Fills a pixmap that nothing has been drawn on yet.
 *
 * @throws CarawayError when the bytes are not exactly its pixels.
 */
export function unpackPixels(packed: Uint8Array, { format, pixels }: Pixmap): void {
  bytesOf(pixels).set(decodeLz4Block(packed, pixels.byteLength));
  if (format === "a1" && pixels.some((bit) => bit > 1)) {
    throw new TestcardError("TESTCARD_STATE", "a surface of one bit a pixel has more");
  }
}

/** As they lie in memory, which is with the lowest byte first on every machine that we run on. */
function bytesOf({ buffer, byteOffset, byteLength }: Pixmap["pixels"]): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
