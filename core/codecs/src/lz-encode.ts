// Encoder of LZ images. See docs/formats/lz.md, "Encoding".

import {
  type Bitmap,
  BitmapFormat,
  bitmapIndexLayout,
  bitmapRowSize,
  narrow555,
} from "./bitmap.ts";
import { countPixels } from "./image-size.ts";
import { LzType, lzHeaderSize, lzMagic, lzRowSize, lzVersion } from "./lz-header.ts";
import { CodecError, type ColorImage, type PixelImage } from "./pixel-image.ts";

const hashBits = 13;

/** Units back that a near match reaches, and any match. */
const maxNearDistance = 8191;
const maxDistance = 8192 + 65535;

/** The formats of bitmaps that hold indices, as LZ types. */
const indexTypes: Readonly<Record<number, LzType>> = {
  [BitmapFormat["1BIT_LE"]]: LzType.PLT1_LE,
  [BitmapFormat["1BIT_BE"]]: LzType.PLT1_BE,
  [BitmapFormat["4BIT_LE"]]: LzType.PLT4_LE,
  [BitmapFormat["4BIT_BE"]]: LzType.PLT4_BE,
  [BitmapFormat["8BIT"]]: LzType.PLT8,
};

/** The types for `encodeLz`: those without a palette. */
export type LzColorType = Exclude<
  LzType,
  | typeof LzType.PLT1_LE
  | typeof LzType.PLT1_BE
  | typeof LzType.PLT4_LE
  | typeof LzType.PLT4_BE
  | typeof LzType.PLT8
>;

/** The type that keeps all of an image. */
function naturalType(image: PixelImage): LzColorType {
  if (image.format === "a8") return LzType.A8;
  return image.format === "argb" ? LzType.RGBA : LzType.RGB32;
}

/**
 * Encodes an image as LZ, rows from the top down. `type` may keep less than the image has: RGB16
 * the upper five bits of each colour, RGB24 and RGB32 no alpha, XXXA only alpha.
 *
 * @throws CodecError when the size is impossible or the type does not fit: A8 and XXXA are the
 *   types for coverage, the others and XXXA those for colours.
 */
export function encodeLz(image: PixelImage, type: LzColorType = naturalType(image)): Uint8Array {
  const { width, height } = image;
  const count = countPixels("LZ", 0, width, height);
  const header = { type, width, height, topDown: true };
  if (image.format === "a8") {
    if (type !== LzType.A8 && type !== LzType.XXXA) wrongType(type, image);
    const stream = new Uint8Array(maxLzSize(count, 1));
    writeHeader(stream, header);
    return stream.slice(0, encodeBytes(image.pixels, stream, lzHeaderSize));
  }
  if (type === LzType.A8) wrongType(type, image);

  const stream = new Uint8Array(maxLzSize(count, 4));
  writeHeader(stream, header);
  let end = lzHeaderSize;
  if (type === LzType.RGB16) {
    end = encodeColors(narrowPixels(image), stream, end, true);
  } else if (type !== LzType.XXXA) {
    end = encodeColors(image.pixels, stream, end, false);
  }
  if (type === LzType.RGBA || type === LzType.XXXA) {
    end = encodeBytes(splitAlpha(image), stream, end);
  }
  return stream.slice(0, end);
}

/**
 * Encodes a bitmap of indices as LZ of the corresponding palette type; the palette travels beside
 * it. Rows must have no padding.
 *
 * @throws CodecError when the bitmap has another format, or padding, or too little data.
 */
export function encodeLzIndices(bitmap: Bitmap): Uint8Array {
  const { format, width, height, stride, topDown } = bitmap;
  countPixels("LZ", 0, width, height);
  const type = indexTypes[format];
  if (type === undefined || bitmapIndexLayout(format) === undefined) {
    throw new CodecError("LZ", 0, `bitmap format ${format} has no indices`);
  }
  if (stride !== bitmapRowSize(format, width) || bitmap.data.length < stride * height) {
    throw new CodecError("LZ", 0, `rows of ${stride} bytes do not fit a width of ${width}`);
  }
  const stream = new Uint8Array(maxLzSize(stride * height, 1));
  writeHeader(stream, { type, width, height, topDown });
  const indices = bitmap.data.subarray(0, stride * height);
  return stream.slice(0, encodeBytes(indices, stream, lzHeaderSize));
}

function wrongType(type: LzType, image: PixelImage): never {
  throw new CodecError("LZ", 8, `type ${type} does not fit an image in ${image.format}`);
}

/** No choice of tokens is longer than literals only. */
function maxLzSize(units: number, unitBytes: number): number {
  return lzHeaderSize + units * unitBytes + 2 * Math.ceil(units / 32) + 16;
}

function writeHeader(
  stream: Uint8Array,
  header: { type: LzType; width: number; height: number; topDown: boolean },
): void {
  const view = new DataView(stream.buffer);
  view.setUint32(0, lzMagic);
  view.setUint32(4, lzVersion);
  view.setUint32(8, header.type);
  view.setUint32(12, header.width);
  view.setUint32(16, header.height);
  view.setUint32(20, lzRowSize(header.type, header.width));
  view.setUint32(24, header.topDown ? 1 : 0);
}

/** The colours of an image as 0555. */
export function narrowPixels(image: ColorImage): Uint32Array {
  const { pixels } = image;
  const narrow = new Uint32Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) narrow[at] = narrow555(pixels[at]!);
  return narrow;
}

function splitAlpha(image: ColorImage): Uint8Array {
  const { pixels } = image;
  const alpha = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) alpha[at] = pixels[at]! >>> 24;
  return alpha;
}

/** Writes one pass of colours; returns the offset behind it. Only the lower 24 bits count. */
function encodeColors(
  pixels: Uint32Array,
  stream: Uint8Array,
  start: number,
  sixteen: boolean,
): number {
  const size = pixels.length;
  const table = new Int32Array(1 << hashBits).fill(-1);
  const extraUnits = sixteen ? 1 : 0;
  let end = start;
  let literals = 0;
  let at = 0;
  while (at + 2 < size) {
    const first = pixels[at]! << 8;
    const second = pixels[at + 1]! << 8;
    const third = pixels[at + 2]! << 8;
    let candidate = at - 1;
    if (
      candidate < 0 ||
      pixels[candidate]! << 8 !== first ||
      first !== second ||
      second !== third
    ) {
      const slot = hash(first, second, third);
      candidate = table[slot]!;
      table[slot] = at;
      if (
        candidate < 0 ||
        pixels[candidate]! << 8 !== first ||
        pixels[candidate + 1]! << 8 !== second ||
        at - candidate > maxDistance
      ) {
        at++;
        continue;
      }
    }
    let length = 2;
    while (at + length < size && (pixels[candidate + length]! ^ pixels[at + length]!) << 8 === 0) {
      length++;
    }
    const distance = at - candidate;
    if (length === 2 && distance > maxNearDistance) {
      at++;
      continue;
    }
    end = writeColors(pixels, literals, at, stream, end, sixteen);
    end = writeMatch(stream, end, length - extraUnits, distance);
    at += length;
    literals = at;
    if (at < size) {
      const before = pixels[at - 2]! << 8;
      const last = pixels[at - 1]! << 8;
      const next = pixels[at]! << 8;
      table[hash(before, last, next)] = at - 2;
      if (at + 1 < size) table[hash(last, next, pixels[at + 1]! << 8)] = at - 1;
    }
  }
  return writeColors(pixels, literals, size, stream, end, sixteen);
}

function hash(first: number, second: number, third: number): number {
  const mixed =
    Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77) ^ Math.imul(third, 0xc2b2ae3d);
  return (mixed ^ (mixed >>> 15)) >>> (32 - hashBits);
}

/** Writes the pixels `from`..`to` as literals, in groups of at most 32. */
function writeColors(
  pixels: Uint32Array,
  from: number,
  to: number,
  stream: Uint8Array,
  start: number,
  sixteen: boolean,
): number {
  let end = start;
  for (let at = from; at < to; ) {
    const stop = Math.min(at + 32, to);
    stream[end++] = stop - at - 1;
    for (; at < stop; at++) {
      const pixel = pixels[at]!;
      if (sixteen) {
        stream[end++] = pixel >> 8;
        stream[end++] = pixel;
      } else {
        stream[end++] = pixel;
        stream[end++] = pixel >> 8;
        stream[end++] = pixel >> 16;
      }
    }
  }
  return end;
}

/** Writes a match; `length` is already less by what the pass adds to it. */
function writeMatch(stream: Uint8Array, start: number, length: number, distance: number): number {
  const far = distance > maxNearDistance;
  const upper = far ? 31 : (distance - 1) >> 8;
  let end = start;
  if (length < 7) {
    stream[end++] = (length << 5) | upper;
  } else {
    stream[end++] = (7 << 5) | upper;
    let rest = length - 7;
    for (; rest >= 255; rest -= 255) stream[end++] = 255;
    stream[end++] = rest;
  }
  if (far) {
    stream[end++] = 255;
    stream[end++] = (distance - maxNearDistance - 1) >> 8;
    stream[end++] = distance - maxNearDistance - 1;
  } else {
    stream[end++] = distance - 1;
  }
  return end;
}

/** Writes one pass of one-byte units; returns the offset behind it. */
function encodeBytes(bytes: Uint8Array, stream: Uint8Array, start: number): number {
  const size = bytes.length;
  const table = new Int32Array(1 << hashBits).fill(-1);
  let end = start;
  let literals = 0;
  let at = 0;
  while (at + 2 < size) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    let candidate = at - 1;
    if (candidate < 0 || Math.imul(bytes[candidate]!, 0x010101) !== word) {
      const slot = hashWord(word);
      candidate = table[slot]!;
      table[slot] = at;
      if (candidate < 0 || at - candidate > maxDistance) {
        at++;
        continue;
      }
    }
    let length = 0;
    while (at + length < size && bytes[candidate + length] === bytes[at + length]) length++;
    const distance = at - candidate;
    if (length < 3 || (length < 5 && distance > maxNearDistance)) {
      at++;
      continue;
    }
    end = writeBytes(bytes, literals, at, stream, end);
    end = writeMatch(stream, end, length - 2, distance);
    at += length;
    literals = at;
    if (at < size) {
      const word = bytes[at - 2]! | (bytes[at - 1]! << 8) | (bytes[at]! << 16);
      table[hashWord(word)] = at - 2;
      if (at + 1 < size) table[hashWord((word >> 8) | (bytes[at + 1]! << 16))] = at - 1;
    }
  }
  return writeBytes(bytes, literals, size, stream, end);
}

function hashWord(word: number): number {
  return Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);
}

function writeBytes(
  bytes: Uint8Array,
  from: number,
  to: number,
  stream: Uint8Array,
  start: number,
): number {
  let end = start;
  for (let at = from; at < to; ) {
    const stop = Math.min(at + 32, to);
    stream[end++] = stop - at - 1;
    while (at < stop) stream[end++] = bytes[at++]!;
  }
  return end;
}
