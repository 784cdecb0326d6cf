// Decoder of LZ images. See docs/formats/lz.md.

import { countPixels, flipRows } from "./image-size.ts";
import {
  expandIndexRow,
  type IndexLayout,
  indexRowSize,
  lzPaletteTable,
  widen555,
} from "./palette.ts";
import { type AlphaImage, CodecError, type PixelImage } from "./pixel-image.ts";
import { repeatUnits, shortRun } from "./repeat.ts";

/** LZ_IMAGE_TYPE_*. GLZ uses those up to RGBA. */
export const LzType = {
  PLT1_LE: 1,
  PLT1_BE: 2,
  PLT4_LE: 3,
  PLT4_BE: 4,
  PLT8: 5,
  RGB16: 6,
  RGB24: 7,
  RGB32: 8,
  RGBA: 9,
  XXXA: 10,
  A8: 11,
} as const;

export type LzType = (typeof LzType)[keyof typeof LzType];

export interface LzHeader {
  readonly type: LzType;
  readonly width: number;
  readonly height: number;
  /** Bytes of a row in the sender's bitmap. */
  readonly stride: number;
  readonly topDown: boolean;
}

export const lzMagic = 0x20205a4c;
export const lzVersion = 0x00010001;
export const lzHeaderSize = 28;

const layouts: Readonly<Record<number, IndexLayout>> = {
  [LzType.PLT1_LE]: { bits: 1, upperFirst: false },
  [LzType.PLT1_BE]: { bits: 1, upperFirst: true },
  [LzType.PLT4_LE]: { bits: 4, upperFirst: false },
  [LzType.PLT4_BE]: { bits: 4, upperFirst: true },
  [LzType.PLT8]: { bits: 8, upperFirst: true },
};

/** How the indices of a palette type lie in their bytes; undefined for the other types. */
export function lzIndexLayout(type: number): IndexLayout | undefined {
  return layouts[type];
}

/** Bytes per pixel of a row in the sender's bitmap, for the types without palette. */
const bytesPerPixel: Readonly<Record<number, number>> = {
  [LzType.RGB16]: 2,
  [LzType.RGB24]: 3,
  [LzType.RGB32]: 4,
  [LzType.RGBA]: 4,
  [LzType.XXXA]: 4,
  [LzType.A8]: 1,
};

/** Bytes of a row without padding in the bitmap that an image of this type comes from. */
export function lzRowSize(type: LzType, width: number): number {
  const layout = layouts[type];
  return layout === undefined ? width * bytesPerPixel[type]! : indexRowSize(layout, width);
}

/**
 * Reads the header of an LZ image.
 *
 * @throws CodecError when it is not one or when its numbers do not fit together.
 */
export function readLzHeader(data: Uint8Array): LzHeader {
  if (data.length < lzHeaderSize) throw new CodecError("LZ", data.length, "its header is cut off");
  const view = new DataView(data.buffer, data.byteOffset, lzHeaderSize);
  checkLzStart("LZ", view);
  const type = view.getUint32(8);
  if (type < LzType.PLT1_LE || type > LzType.A8) {
    throw new CodecError("LZ", 8, `there is no type ${type}`);
  }
  const header: LzHeader = {
    type: type as LzType,
    width: view.getUint32(12),
    height: view.getUint32(16),
    stride: view.getUint32(20),
    topDown: view.getUint32(24) !== 0,
  };
  countPixels("LZ", 12, header.width, header.height);
  checkStride("LZ", 20, header);
  return header;
}

/** Checks magic and version, which LZ and GLZ have in common. */
export function checkLzStart(codec: string, view: DataView): void {
  if (view.getUint32(0) !== lzMagic) throw new CodecError(codec, 0, "it does not begin with LZ");
  if (view.getUint32(4) !== lzVersion) {
    throw new CodecError(codec, 4, `its version 0x${view.getUint32(4).toString(16)} is unknown`);
  }
}

export function checkStride(codec: string, offset: number, header: LzHeader): void {
  if (header.stride !== lzRowSize(header.type, header.width)) {
    const detail = `a stride of ${header.stride} does not fit a width of ${header.width}`;
    throw new CodecError(codec, offset, detail);
  }
}

/**
 * Decodes an LZ image. The palette types need `palette`: entries `0x00RRGGBB`, whose high byte is
 * dropped (for a 16-bit surface, pass it through `widenPalette`).
 *
 * The result is `argb` for RGBA, `a8` for A8 and XXXA, and `xrgb` with a high byte of 0 otherwise.
 *
 * @throws CodecError when the stream is damaged, too short or too long, or a palette is missing.
 */
export function decodeLz(data: Uint8Array, palette: Uint32Array | null): PixelImage {
  const header = readLzHeader(data);
  const { type, width, height } = header;
  const layout = layouts[type];
  if (layout !== undefined) return decodePalette(data, header, layout, palette);
  checkPlausible("LZ", data.length - lzHeaderSize, width * height);
  if (type === LzType.XXXA || type === LzType.A8) return decodeAlpha(data, header);

  const pixels = new Uint32Array(width * height);
  const high = type === LzType.RGBA ? 0xff000000 : 0;
  let at = decodeColors(data, lzHeaderSize, pixels, type === LzType.RGB16, high);
  if (type === LzType.RGBA) {
    const alpha = new Uint8Array(pixels.length);
    at = decodeBytes(data, at, alpha);
    mergeAlpha(pixels, alpha);
  }
  checkEnd("LZ", data, at);
  if (!header.topDown) flipRows(pixels, width);
  return { format: type === LzType.RGBA ? "argb" : "xrgb", width, height, pixels };
}

/**
 * Refuses a stream that cannot possibly hold so many units: no byte stands for more than 255.
 * So memory taken stays in proportion to the bytes received.
 */
export function checkPlausible(codec: string, byteCount: number, unitCount: number): void {
  if (unitCount > 255 * byteCount) {
    throw new CodecError(codec, byteCount, `${byteCount} bytes cannot hold ${unitCount} units`);
  }
}

export function checkEnd(codec: string, data: Uint8Array, at: number): void {
  if (at !== data.length)
    throw new CodecError(codec, at, `${data.length - at} bytes are left over`);
}

/** Puts alpha into the high bytes of pixels that are opaque so far, as most of them stay. */
function mergeAlpha(pixels: Uint32Array, alpha: Uint8Array): void {
  const fours = new Uint32Array(alpha.buffer, 0, alpha.length >> 2);
  for (let four = 0; four < fours.length; four++) {
    if (fours[four] === 0xffffffff) continue;
    const at = four * 4;
    pixels[at]! &= 0xffffff | (alpha[at]! << 24);
    pixels[at + 1]! &= 0xffffff | (alpha[at + 1]! << 24);
    pixels[at + 2]! &= 0xffffff | (alpha[at + 2]! << 24);
    pixels[at + 3]! &= 0xffffff | (alpha[at + 3]! << 24);
  }
  for (let at = fours.length * 4; at < alpha.length; at++) {
    pixels[at]! &= 0xffffff | (alpha[at]! << 24);
  }
}

function decodePalette(
  data: Uint8Array,
  header: LzHeader,
  layout: IndexLayout,
  palette: Uint32Array | null,
): PixelImage {
  const { width, height, stride } = header;
  if (palette === null) throw new CodecError("LZ", 8, "its palette is missing");
  checkPlausible("LZ", data.length - lzHeaderSize, stride * height);
  const indices = new Uint8Array(stride * height);
  checkEnd("LZ", data, decodeBytes(data, lzHeaderSize, indices));
  const table = lzPaletteTable(layout, palette);
  const pixels = new Uint32Array(width * height);
  for (let row = 0; row < height; row++) {
    const to = (header.topDown ? row : height - 1 - row) * width;
    expandIndexRow(layout, table, indices, row * stride, pixels, to, width);
  }
  return { format: "xrgb", width, height, pixels };
}

function decodeAlpha(data: Uint8Array, header: LzHeader): AlphaImage {
  const { width, height } = header;
  const pixels = new Uint8Array(width * height);
  checkEnd("LZ", data, decodeBytes(data, lzHeaderSize, pixels));
  if (!header.topDown) flipRows(pixels, width);
  return { format: "a8", width, height, pixels };
}

function cutOff(at: number): never {
  throw new CodecError("LZ", at, "it is cut off");
}

function tooLong(at: number): never {
  throw new CodecError("LZ", at, "a token goes beyond the last pixel");
}

function tooFar(at: number): never {
  throw new CodecError("LZ", at, "a match begins before the first pixel");
}

/**
 * Decodes one pass of RGB16, RGB24 or RGB32 units; returns the offset behind it. The pixels get
 * the high byte of `high`.
 */
function decodeColors(
  data: Uint8Array,
  start: number,
  pixels: Uint32Array,
  sixteen: boolean,
  high: number,
): number {
  const end = data.length;
  const view = new DataView(data.buffer, data.byteOffset, end);
  const size = pixels.length;
  const unitBytes = sixteen ? 2 : 3;
  let at = start;
  let out = 0;
  while (out < size) {
    const token = at;
    if (at + 1 >= end) cutOff(at);
    const control = data[at++]!;
    if (control < 32) {
      const stop = out + control + 1;
      if (stop > size) tooLong(token);
      if (at + (control + 1) * unitBytes > end) cutOff(end);
      if (sixteen) {
        for (; out < stop; out++, at += 2) {
          pixels[out] = widen555((data[at]! << 8) | data[at + 1]!);
        }
      } else {
        copyColors(data, view, at, pixels, out, stop, high);
        at += (control + 1) * 3;
        out = stop;
      }
      continue;
    }

    let length = control >> 5;
    if (length === 7) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        length += more;
      } while (more === 255);
    }
    if (sixteen) length++;
    if (at >= end) cutOff(at);
    let distance = (((control & 31) << 8) | data[at++]!) + 1;
    if (distance === 8192) {
      if (at + 2 > end) cutOff(end);
      distance += (data[at]! << 8) | data[at + 1]!;
      at += 2;
    }
    const stop = out + length;
    if (stop > size) tooLong(token);
    if (distance > out) tooFar(token);
    if (length <= 8 && distance >= 8 && out + 8 <= size) {
      copyShort(pixels, out - distance, pixels, out, length);
      out = stop;
    } else if (length < shortRun) {
      for (; out < stop; out++) pixels[out] = pixels[out - distance]!;
    } else {
      repeatUnits(pixels, out, distance, stop);
      out = stop;
    }
  }
  return at;
}

/**
 * Copies up to eight pixels, by four or eight at a time: most matches are that short, and a loop
 * would stumble over its end. Pixels copied too many are overwritten by the next token.
 */
export function copyShort(
  source: Uint32Array,
  from: number,
  target: Uint32Array,
  to: number,
  length: number,
): void {
  target[to] = source[from]!;
  target[to + 1] = source[from + 1]!;
  target[to + 2] = source[from + 2]!;
  target[to + 3] = source[from + 3]!;
  if (length <= 4) return;
  target[to + 4] = source[from + 4]!;
  target[to + 5] = source[from + 5]!;
  target[to + 6] = source[from + 6]!;
  target[to + 7] = source[from + 7]!;
}

/** Puts bytes B, G, R together to the pixels `startOut`..`stop`, with the high byte of `high`. */
export function copyColors(
  data: Uint8Array,
  view: DataView,
  start: number,
  pixels: Uint32Array,
  startOut: number,
  stop: number,
  high: number,
): void {
  let at = start;
  let out = startOut;
  // Three words are four pixels, which is twice as fast as twelve bytes.
  for (; out + 3 < stop; out += 4, at += 12) {
    const first = view.getUint32(at, true);
    const second = view.getUint32(at + 4, true);
    const third = view.getUint32(at + 8, true);
    pixels[out] = (first & 0xffffff) | high;
    pixels[out + 1] = (first >>> 24) | ((second & 0xffff) << 8) | high;
    pixels[out + 2] = (second >>> 16) | ((third & 0xff) << 16) | high;
    pixels[out + 3] = (third >>> 8) | high;
  }
  for (; out < stop; out++, at += 3) {
    pixels[out] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | high;
  }
}

/** Decodes one pass of one-byte units: packed indices or alpha; returns the offset behind it. */
function decodeBytes(data: Uint8Array, start: number, bytes: Uint8Array): number {
  const end = data.length;
  const size = bytes.length;
  let at = start;
  let out = 0;
  while (out < size) {
    const token = at;
    if (at + 1 >= end) cutOff(at);
    const control = data[at++]!;
    if (control < 32) {
      const stop = out + control + 1;
      if (stop > size) tooLong(token);
      if (at + control + 1 > end) cutOff(end);
      while (out < stop) bytes[out++] = data[at++]!;
      continue;
    }

    let length = control >> 5;
    if (length === 7) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        length += more;
      } while (more === 255);
    }
    length += 2;
    if (at >= end) cutOff(at);
    let distance = (((control & 31) << 8) | data[at++]!) + 1;
    if (distance === 8192) {
      if (at + 2 > end) cutOff(end);
      distance += (data[at]! << 8) | data[at + 1]!;
      at += 2;
    }
    const stop = out + length;
    if (stop > size) tooLong(token);
    if (distance > out) tooFar(token);
    if (length < shortRun) {
      for (; out < stop; out++) bytes[out] = bytes[out - distance]!;
    } else {
      repeatUnits(bytes, out, distance, stop);
      out = stop;
    }
  }
  return at;
}
