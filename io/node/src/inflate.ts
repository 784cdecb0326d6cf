// Inflates zlib streams for the core, which has no zlib of its own.

import { inflateSync } from "node:zlib";
import { CodecError, type Inflate } from "@caraway/codecs";

/**
 * Inflates a zlib stream of exactly `size` bytes; takes no more memory than that.
 *
 * @throws CodecError when the stream is damaged, longer or shorter.
 */
export const inflate: Inflate = (data, size) => {
  let bytes: Buffer;
  try {
    bytes = inflateSync(data, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new CodecError("zlib", 0, `it does not inflate to ${size} bytes: ${detail}`);
  }
  if (bytes.length !== size) {
    throw new CodecError("zlib", 0, `it inflates to ${bytes.length} bytes instead of ${size}`);
  }
  return bytes;
};
