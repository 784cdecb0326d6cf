// Cursor shapes to pixels; docs/formats/cursor.md.

import { CodecError, type ColorImage } from "./pixel-image.ts";

/** Numbers of the wire (`SPICE_CURSOR_TYPE_*`). */
export const CursorDataType = {
  ALPHA: 0,
  MONO: 1,
  COLOR4: 2,
  COLOR8: 3,
  COLOR16: 4,
  COLOR24: 5,
  COLOR32: 6,
} as const;

export interface CursorData {
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface CursorPicture {
  /** `argb`; transparent where the screen stays or is inverted. */
  readonly image: ColorImage;
  /** 1 for each pixel that inverts the screen; null when none does. */
  readonly inverts: Uint8Array | null;
}

/** Larger than any pointer; the wire's 16-bit sizes would allow 16 GiB. */
const sideMax = 1024;
const opaque = 0xff000000;

/** @throws CodecError when the data is too short, of an unknown type or too large. */
export function decodeCursor(cursor: CursorData): CursorPicture {
  const { type, width, height } = cursor;
  if (width > sideMax || height > sideMax) {
    throw new CodecError("cursor", 0, `${width} by ${height} pixels, at most ${sideMax} a side`);
  }
  switch (type) {
    case CursorDataType.ALPHA:
      return decodeAlpha(cursor);
    case CursorDataType.MONO:
      return decodeMono(cursor);
    default:
      return decodeColor(cursor, layoutOf(cursor));
  }
}

function decodeAlpha({ width, height, data }: CursorData): CursorPicture {
  need(data, width * height * 4);
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at++) pixels[at] = readU32(data, at * 4);
  return { image: { format: "argb", width, height, pixels }, inverts: null };
}

function decodeMono({ width, height, data }: CursorData): CursorPicture {
  const rowSize = (width + 7) >> 3;
  need(data, rowSize * height * 2);
  return build(width, height, (at) => {
    const x = at % width;
    const byte = rowSize * ((at / width) | 0) + (x >> 3);
    const bit = 0x80 >> (x & 7);
    const keeps = (data[byte]! & bit) !== 0;
    const white = (data[byte + rowSize * height]! & bit) !== 0;
    return { color: white ? 0xffffff : 0, white, keeps };
  });
}

interface ColorLayout {
  readonly white: number;
  /** Where the mask begins. */
  readonly maskOffset: number;
  /** Colour as the wire has it, compared with `white`. */
  readonly read: (at: number) => number;
  readonly widen: (value: number) => number;
}

const same = (value: number) => value;

function layoutOf({ type, width, height, data }: CursorData): ColorLayout {
  const count = width * height;
  const white = 0xffffff;
  switch (type) {
    case CursorDataType.COLOR4: {
      const rowSize = (width + 1) >> 1;
      const palette = rowSize * height;
      const index = (at: number) => {
        const x = at % width;
        const byte = data[rowSize * ((at / width) | 0) + (x >> 1)]!;
        return x & 1 ? byte & 15 : byte >> 4;
      };
      const read = (at: number) => readU32(data, palette + index(at) * 4) & 0xffffff;
      return { white, maskOffset: palette + 16 * 4, read, widen: same };
    }
    case CursorDataType.COLOR8: {
      const read = (at: number) => readU32(data, count + data[at]! * 4) & 0xffffff;
      return { white, maskOffset: count + 256 * 4, read, widen: same };
    }
    case CursorDataType.COLOR16: {
      const read = (at: number) => (data[at * 2]! | (data[at * 2 + 1]! << 8)) & 0x7fff;
      return { white: 0x7fff, maskOffset: count * 2, read, widen: widen15 };
    }
    case CursorDataType.COLOR24: {
      const read = (at: number) =>
        data[at * 3]! | (data[at * 3 + 1]! << 8) | (data[at * 3 + 2]! << 16);
      return { white, maskOffset: count * 3, read, widen: same };
    }
    case CursorDataType.COLOR32: {
      const read = (at: number) => readU32(data, at * 4) & 0xffffff;
      return { white, maskOffset: count * 4, read, widen: same };
    }
    default:
      throw new CodecError("cursor", 0, `unknown type ${type}`);
  }
}

function decodeColor({ width, height, data }: CursorData, layout: ColorLayout): CursorPicture {
  const { maskOffset } = layout;
  need(data, maskOffset + ((width * height + 7) >> 3));
  return build(width, height, (at) => {
    const value = layout.read(at);
    const keeps = (data[maskOffset + (at >> 3)]! & (0x80 >> (at & 7))) !== 0;
    return { color: layout.widen(value), white: value === layout.white, keeps };
  });
}

/** `keeps`: the screen shows through, and is inverted where the shape is white. */
function build(
  width: number,
  height: number,
  pixelAt: (at: number) => { color: number; white: boolean; keeps: boolean },
): CursorPicture {
  const pixels = new Uint32Array(width * height);
  let inverts: Uint8Array | null = null;
  for (let at = 0; at < pixels.length; at++) {
    const { color, white, keeps } = pixelAt(at);
    if (!keeps) {
      pixels[at] = color | opaque;
    } else if (white) {
      inverts ??= new Uint8Array(width * height);
      inverts[at] = 1;
    }
  }
  return { image: { format: "argb", width, height, pixels }, inverts };
}

function widen15(value: number): number {
  const widen = (five: number) => (five << 3) | (five >> 2);
  return (widen(value >> 10) << 16) | (widen((value >> 5) & 31) << 8) | widen(value & 31);
}

function need(data: Uint8Array, size: number): void {
  if (data.length >= size) return;
  throw new CodecError("cursor", data.length, `${data.length} bytes where ${size} are needed`);
}

function readU32(data: Uint8Array, at: number): number {
  return (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0;
}
