// Encoder of LZ4 blocks and LZ4 images. See docs/formats/lz4.md.

import { type Bitmap, BitmapFormat, bitmapRowSize } from "./bitmap.ts";
import { countPixels } from "./image-size.ts";
import { CodecError } from "./pixel-image.ts";

const hashBits = 14;
const maxDistance = 65535;
/** No match begins in the last twelve bytes of a block, and the last five are literals. */
const lastMatchBytes = 12;
const lastLiteralBytes = 5;
/** Up to here a loop is faster than a view and a copy. */
const shortLiterals = 64;

const formats: readonly number[] = [
  BitmapFormat["16BIT"],
  BitmapFormat["24BIT"],
  BitmapFormat["32BIT"],
  BitmapFormat.RGBA,
];

/**
 * Encodes a bitmap of 16BIT, 24BIT, 32BIT or RGBA as the data of an LZ4 image, in one block. Rows
 * must have no padding. It may come out larger than the bitmap: then send the bitmap.
 *
 * @throws CodecError when the bitmap has another format, or padding, or too little data.
 */
export function encodeLz4Image(bitmap: Bitmap): Uint8Array {
  const bytes = checkLz4Bitmap(bitmap);
  const header = lz4ImageHeader(bitmap);
  const start = header.length + blockHeaderSize;
  const data = new Uint8Array(start + maxBlockSize(bytes.length));
  const end = encodeSequences(bytes, data, start);
  data.set(header);
  new DataView(data.buffer).setUint32(header.length, end - start);
  return data.slice(0, end);
}

/** Bytes of a block's size. */
const blockHeaderSize = 4;

/**
 * The bytes of a bitmap that can be sent as an LZ4 image.
 *
 * @throws CodecError as `encodeLz4Image`.
 */
export function checkLz4Bitmap({ format, width, height, stride, data }: Bitmap): Uint8Array {
  countPixels("LZ4", 0, width, height);
  if (!formats.includes(format)) {
    throw new CodecError("LZ4", 1, `bitmap format ${format} is not allowed`);
  }
  const size = stride * height;
  if (stride !== bitmapRowSize(format, width) || data.length < size) {
    throw new CodecError("LZ4", 2, `rows of ${stride} bytes do not fit a width of ${width}`);
  }
  return data.subarray(0, size);
}

/** What an LZ4 image has before its blocks. */
export function lz4ImageHeader({ topDown, format }: Bitmap): Uint8Array {
  return Uint8Array.of(topDown ? 1 : 0, format);
}

/** Encodes bytes as one LZ4 block that stands alone (COMPRESSED_DATA). */
export function encodeLz4Block(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(maxBlockSize(bytes.length));
  return block.slice(0, encodeSequences(bytes, block, 0));
}

/** The longest block: one sequence of literals. */
function maxBlockSize(size: number): number {
  return size + Math.ceil(size / 255) + 16;
}

/** Writes the sequences of one block from `start` on; returns the offset behind it. */
function encodeSequences(bytes: Uint8Array, block: Uint8Array, start: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const table = new Int32Array(1 << hashBits).fill(-1);
  const matchStop = bytes.length - lastMatchBytes;
  const literalStart = bytes.length - lastLiteralBytes;
  let end = start;
  let literals = 0;
  let at = 0;
  let misses = 0;
  while (at < matchStop) {
    const word = view.getUint32(at, true);
    const slot = hash(word, bytes[at + 4]!);
    let candidate = table[slot]!;
    table[slot] = at;
    if (candidate < 0 || at - candidate > maxDistance || view.getUint32(candidate, true) !== word) {
      // Where nothing matches, look less often.
      at += 1 + (misses++ >> 6);
      continue;
    }
    misses = 0;
    while (at > literals && candidate > 0 && bytes[at - 1] === bytes[candidate - 1]) {
      at--;
      candidate--;
    }
    const length = matchLength(bytes, view, candidate, at, literalStart);
    end = writeSequence(bytes, literals, at, length, block, end);
    block[end++] = at - candidate;
    block[end++] = (at - candidate) >> 8;
    if (length - 4 >= 15) end = writeRest(length - 4 - 15, block, end);
    at += length;
    literals = at;
    if (at < matchStop) {
      table[hash(view.getUint32(at - 2, true), bytes[at + 2]!)] = at - 2;
    }
  }
  return writeSequence(bytes, literals, bytes.length, 4, block, end);
}

/** How many bytes are the same at two places, of which the first four are, and before `stop`. */
function matchLength(
  bytes: Uint8Array,
  view: DataView,
  candidate: number,
  at: number,
  stop: number,
): number {
  let length = 4;
  while (
    at + length + 4 <= stop &&
    view.getUint32(candidate + length, true) === view.getUint32(at + length, true)
  ) {
    length += 4;
  }
  while (at + length < stop && bytes[candidate + length] === bytes[at + length]) length++;
  return length;
}

/** Of five bytes: with four, a colour finds its last place but rarely what followed it. */
function hash(word: number, next: number): number {
  return Math.imul(word ^ Math.imul(next, 0x85ebca77), 0x9e3779b1) >>> (32 - hashBits);
}

/** Writes the token and the literals of a sequence, all but its match. */
function writeSequence(
  bytes: Uint8Array,
  from: number,
  to: number,
  matched: number,
  block: Uint8Array,
  start: number,
): number {
  const literals = to - from;
  let end = start;
  block[end++] = (Math.min(literals, 15) << 4) | Math.min(matched - 4, 15);
  if (literals >= 15) end = writeRest(literals - 15, block, end);
  if (literals > shortLiterals) block.set(bytes.subarray(from, to), end);
  else for (let at = 0; at < literals; at++) block[end + at] = bytes[from + at]!;
  return end + literals;
}

/** Writes what a count has beyond the 15 of its token. */
function writeRest(rest: number, block: Uint8Array, start: number): number {
  let left = rest;
  let end = start;
  for (; left >= 255; left -= 255) block[end++] = 255;
  block[end++] = left;
  return end;
}
