// A guest's picture made definite. A format may leave a byte of a pixel open, and what a client
// finds there depends on how the picture came to it; where such a byte could be seen, namely on
// surfaces with alpha, the picture is widened to 32 bits and the byte set, so that the server's own
// copy and all clients agree.

import type { WireImage } from "@caraway/canvas";
import {
  bitmapRowSize,
  CodecError,
  type ColorImage,
  decodeBitmap,
  encodeBitmap,
  maxImagePixels,
  type PixelImage,
} from "@caraway/codecs";
import { BitmapFlag, BitmapFormat, ImageFlag, ImageType, SurfaceFormat } from "@caraway/protocol";
import type { GuestPixels } from "./guest-drawing.ts";

/**
 * The picture as it is drawn onto a surface of this format.
 *
 * @throws CodecError when it is none.
 */
export function definitePicture(offered: GuestPixels, target: SurfaceFormat): GuestPixels {
  checkPicture(offered);
  const picture = bigEndian(offered);
  switch (target) {
    case SurfaceFormat["16_555"]:
    case SurfaceFormat["32_xRGB"]:
      return picture;
    case SurfaceFormat["16_565"]:
      // spice-gtk has no palettes on such a surface, nor on those without colours, and ends.
      return picture.palette === null ? picture : asSixteen(picture);
    case SurfaceFormat["32_ARGB"]:
      return withDefiniteAlpha(picture);
    default:
      return picture.palette === null ? picture : widened(picture, false);
  }
}

function withDefiniteAlpha(picture: GuestPixels): GuestPixels {
  switch (picture.format) {
    case BitmapFormat.RGBA:
    case BitmapFormat["8BIT_A"]:
      return picture;
    case BitmapFormat["32BIT"]:
      return picture.highBitsSet || hasClearHighBytes(picture) ? picture : widened(picture, false);
    default:
      // The reference reads 16-bit pictures as opaque, and others as having no alpha at all.
      return widened(picture, picture.format === BitmapFormat["16BIT"]);
  }
}

/** Indices with the leftmost pixel in the upper bits: spice-gtk knows no others as colours. */
function bigEndian(picture: GuestPixels): GuestPixels {
  switch (picture.format) {
    case BitmapFormat["1BIT_LE"]:
      return { ...picture, format: BitmapFormat["1BIT_BE"], data: picture.data.map(reversedBits) };
    case BitmapFormat["4BIT_LE"]:
      return { ...picture, format: BitmapFormat["4BIT_BE"], data: picture.data.map(swapped) };
    default:
      return picture;
  }
}

function reversedBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}

function swapped(byte: number): number {
  return ((byte << 4) | (byte >> 4)) & 0xff;
}

function checkPicture({ width, height, format, stride, data }: GuestPixels): void {
  const isPossible = width > 0 && height > 0 && width * height <= maxImagePixels;
  if (!isPossible) throw new CodecError("bitmap", 0, `an image of ${width} by ${height} pixels`);
  const rowSize = bitmapRowSize(format, width);
  if (stride < rowSize || data.length < stride * (height - 1) + rowSize) {
    throw new CodecError("bitmap", data.length, "it has too few bytes for its size");
  }
}

function hasClearHighBytes({ width, height, stride, data }: GuestPixels): boolean {
  for (let y = 0; y < height; y++) {
    const row = y * stride + 3;
    for (let at = row; at < row + width * 4; at += 4) if (data[at] !== 0) return false;
  }
  return true;
}

function widened(picture: GuestPixels, highBitsSet: boolean): GuestPixels {
  const image = decodePicture(picture) as ColorImage;
  const bitmap = encodeBitmap(withClearHighBytes(image), BitmapFormat["32BIT"]);
  return {
    ...picture,
    format: BitmapFormat["32BIT"],
    stride: bitmap.stride,
    topDown: true,
    data: bitmap.data,
    palette: null,
    highBitsSet,
  };
}

/** A picture whose palette has 0555 colours. */
function asSixteen(picture: GuestPixels): GuestPixels {
  const { pixels } = decodePicture(picture) as ColorImage;
  const data = new Uint8Array(Uint16Array.from(pixels).buffer);
  const format = BitmapFormat["16BIT"];
  return { ...picture, format, stride: picture.width * 2, topDown: true, data, palette: null };
}

/** The pixels as every encoder takes them. */
export function decodePicture(picture: GuestPixels): PixelImage {
  const { width, height, format, stride, topDown, data, palette } = picture;
  const colors = palette === null ? null : Uint32Array.from(palette.colors);
  return decodeBitmap({ width, height, format, stride, topDown, data }, colors);
}

/** 32-bit pixels whose unused byte is 0. */
export function withClearHighBytes(image: ColorImage): ColorImage {
  if (image.format === "argb" || areHighBytesClear(image.pixels)) return image;
  return { ...image, pixels: clearHighBytes(image.pixels) };
}

function areHighBytesClear(pixels: Uint32Array): boolean {
  let all = 0;
  for (let at = 0; at < pixels.length; at++) all |= pixels[at]!;
  return all >>> 24 === 0;
}

function clearHighBytes(pixels: Uint32Array): Uint32Array {
  const cleared = new Uint32Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) cleared[at] = pixels[at]! & 0xffffff;
  return cleared;
}

/** The picture as a bitmap without padding, rows from the top down, for a message. */
export function bitmapImage(picture: GuestPixels): WireImage & { type: typeof ImageType.BITMAP } {
  const { width, height, format, palette } = picture;
  const stride = bitmapRowSize(format, width);
  return {
    id: 0n,
    type: ImageType.BITMAP,
    flags: imageFlags(picture),
    width,
    height,
    format,
    bitmapFlags: BitmapFlag.TOP_DOWN,
    x: width,
    y: height,
    stride,
    paletteId: null,
    palette: palette === null ? null : { unique: 0n, ents: palette.colors.slice() },
    data: tightRows(picture, stride),
  };
}

/** Clients take most pictures of 16 bits as opaque by themselves, but not those in GLZ. */
export function imageFlags({ format, highBitsSet }: GuestPixels): number {
  const isOpaque = highBitsSet || format === BitmapFormat["16BIT"];
  return isOpaque ? ImageFlag.HIGH_BITS_SET : 0;
}

/** Rows from the top down, one behind the other. */
export function tightRows(picture: GuestPixels, rowSize: number): Uint8Array {
  const { height, stride, topDown, data } = picture;
  if (topDown && stride === rowSize) return data.subarray(0, rowSize * height);
  const rows = new Uint8Array(rowSize * height);
  for (let y = 0; y < height; y++) {
    const from = (topDown ? y : height - 1 - y) * stride;
    rows.set(data.subarray(from, from + rowSize), y * rowSize);
  }
  return rows;
}
