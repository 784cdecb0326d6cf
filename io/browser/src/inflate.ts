// Inflates zlib streams for the core, which has no zlib of its own. The browser's own
// DecompressionStream answers later, and the GLZ window wants its bytes at once.

import { CodecError, type Inflate } from "@caraway/codecs";
import { Unzlib } from "fflate";

/**
 * What is handed to the library at once: it expands at most about 1,000 times, so that a stream
 * that holds more than it announced is given up after some MiB.
 */
const pieceSize = 1 << 14;
const checksumSize = 4;

/**
 * Inflates a zlib stream of exactly `size` bytes.
 *
 * @throws CodecError when the stream is damaged, longer or shorter.
 */
export const inflate: Inflate = (data, size) => {
  const bytes = new Uint8Array(size);
  let filled = 0;
  let ended = false;
  const stream = new Unzlib((piece, final) => {
    if (filled + piece.length > size)
      throw new CodecError("zlib", 0, `it holds more than ${size} bytes`);
    bytes.set(piece, filled);
    filled += piece.length;
    ended = final;
  });
  try {
    for (let at = 0; at < data.length; at += pieceSize) {
      stream.push(data.subarray(at, at + pieceSize), at + pieceSize >= data.length);
    }
  } catch (error) {
    if (error instanceof CodecError) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new CodecError("zlib", 0, `it does not inflate to ${size} bytes: ${detail}`);
  }
  if (!ended || filled !== size) {
    throw new CodecError("zlib", 0, `it inflates to ${filled} bytes instead of ${size}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint32(data.length - checksumSize) !== adler32(bytes)) {
    throw new CodecError("zlib", data.length - checksumSize, "its checksum is wrong");
  }
  return bytes;
};

/** RFC 1950; the sums of 3,000 bytes fit into 32 bits without a remainder in between. */
function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + 3000, bytes.length);
    for (; at < end; at++) {
      low += bytes[at]!;
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}
