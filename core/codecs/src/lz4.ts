// Decoder of LZ4 blocks, and of LZ4 images, whose blocks share one history. See
// docs/formats/lz4.md.

import { BitmapFormat, bitmapRowSize, decodeBitmap } from "./bitmap.ts";
import { countPixels } from "./image-size.ts";
import { CodecError, type PixelImage } from "./pixel-image.ts";
import { repeatUnits, shortRun } from "./unit-copy.ts";

/** Below this many bytes a loop beats the call of `set`. */
const shortCopy = 32;

const formats: readonly number[] = [
  BitmapFormat["16BIT"],
  BitmapFormat["24BIT"],
  BitmapFormat["32BIT"],
  BitmapFormat.RGBA,
  BitmapFormat["8BIT_A"],
];

/**
 * Decodes an LZ4 image, whose size stands in the image's descriptor: `argb` for RGBA, `a8` for
 * 8BIT_A, otherwise `xrgb` with a high byte as in `decodeBitmap`.
 *
 * @throws CodecError when the stream is damaged or gives more or fewer pixels.
 */
export function decodeLz4Image(data: Uint8Array, width: number, height: number): PixelImage {
  countPixels("LZ4", 0, width, height);
  if (data.length < 2) throw new CodecError("LZ4", data.length, "its header is cut off");
  const topDown = data[0] !== 0;
  const format = data[1]!;
  if (!formats.includes(format)) {
    throw new CodecError("LZ4", 1, `it has bitmap format ${format}, which is not allowed`);
  }
  const stride = bitmapRowSize(format, width);
  const size = stride * height;
  checkPlausible(data.length, size);
  const rows = new Uint8Array(size);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 2;
  let out = 0;
  do {
    if (at + 4 > data.length) throw new CodecError("LZ4", at, "the size of a block is cut off");
    const blockSize = view.getUint32(at);
    at += 4;
    if (blockSize > data.length - at) throw new CodecError("LZ4", at, "a block is cut off");
    const done = decodeSequences(data, at, at + blockSize, rows, out, size);
    if (done === out) throw new CodecError("LZ4", at, "a block is empty");
    out = done;
    at += blockSize;
  } while (at < data.length);
  if (out !== size) throw new CodecError("LZ4", at, `${size - out} bytes of pixels are missing`);
  return decodeBitmap({ format, width, height, stride, topDown, data: rows }, null);
}

/**
 * Decodes one LZ4 block that stands alone and holds exactly `size` bytes (COMPRESSED_DATA of the
 * usbredir, port and webdav channels).
 *
 * @throws CodecError when the block is damaged or holds more or fewer bytes.
 */
export function decodeLz4Block(data: Uint8Array, size: number): Uint8Array {
  checkPlausible(data.length, size);
  const bytes = new Uint8Array(size);
  const done = decodeSequences(data, 0, data.length, bytes, 0, size);
  if (done !== size) {
    throw new CodecError("LZ4", data.length, `it holds ${done} bytes instead of ${size}`);
  }
  return bytes;
}

/** No byte of a block stands for more than 255; so memory stays in proportion to the input. */
function checkPlausible(byteCount: number, size: number): void {
  if (size > 255 * byteCount) {
    throw new CodecError("LZ4", byteCount, `${byteCount} bytes cannot hold ${size}`);
  }
}

function cutOff(at: number): never {
  throw new CodecError("LZ4", at, "a block is cut off");
}

function tooLong(at: number): never {
  throw new CodecError("LZ4", at, "a block gives more bytes than there is room for");
}

/**
 * Decodes the sequences between `start` and `end` into `bytes` from `out` on; matches may reach
 * back to the first byte of `bytes`. Returns the offset behind the last byte written.
 */
function decodeSequences(
  data: Uint8Array,
  start: number,
  end: number,
  bytes: Uint8Array,
  startOut: number,
  size: number,
): number {
  let at = start;
  let out = startOut;
  for (;;) {
    if (at >= end) cutOff(at);
    const token = data[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        literals += more;
      } while (more === 255);
    }
    if (literals > end - at) cutOff(end);
    if (literals > size - out) tooLong(at);
    if (literals < shortCopy) {
      for (let stop = at + literals; at < stop; ) bytes[out++] = data[at++]!;
    } else {
      bytes.set(data.subarray(at, at + literals), out);
      at += literals;
      out += literals;
    }
    if (at === end) return out;

    if (at + 2 > end) cutOff(end);
    const distance = data[at]! | (data[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > out) {
      throw new CodecError("LZ4", at - 2, `a match lies ${distance} bytes back, at byte ${out}`);
    }
    let length = (token & 15) + 4;
    if (length === 19) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        length += more;
      } while (more === 255);
    }
    if (length > size - out) tooLong(at);
    const stop = out + length;
    if (length < shortRun) {
      for (; out < stop; out++) bytes[out] = bytes[out - distance]!;
    } else {
      repeatUnits(bytes, out, distance, stop);
      out = stop;
    }
  }
}
