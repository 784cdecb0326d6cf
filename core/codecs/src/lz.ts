// Decoder of LZ images. See docs/formats/lz.md.

import { flipRows } from "./image-size.ts";
import {
  checkEnd,
  checkPlausible,
  type LzHeader,
  LzType,
  lzHeaderSize,
  lzIndexLayout,
  readLzHeader,
} from "./lz-header.ts";
import { expandIndexRow, type IndexLayout, lzPaletteTable, widen555 } from "./palette.ts";
import { type AlphaImage, CodecError, type PixelImage } from "./pixel-image.ts";
import { copyColors, copyShort, repeatUnits, shortRun } from "./unit-copy.ts";

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
  const layout = lzIndexLayout(type);
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
