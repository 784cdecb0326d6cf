// Pixels to QUIC images (docs/formats/quic.md): byte for byte what the reference encoder writes.

import type { AlphaImage, ColorImage } from "../pixel-image.ts";
import { type BitOutput, createBitOutput, finishBits, writeBits } from "./bit-output.ts";
import { encodeColorSegment } from "./encode-color.ts";
import { encodePlaneSegment } from "./encode-plane.ts";
import { QuicType, quicMagic, quicVersion } from "./header.ts";
import { completeSegment, createPass, type Pass, segmentEnd } from "./pass.ts";
import { family5, family8 } from "./tables.ts";

/** The image types that hold colours. */
export type QuicColorType = Exclude<QuicType, typeof QuicType.GRAY>;

/**
 * Encodes an image, which must have a pixel at least. RGB16 keeps the top five bits of each colour;
 * only RGBA keeps the high bytes.
 */
export function encodeQuic(image: AlphaImage, type: typeof QuicType.GRAY): Uint8Array;
export function encodeQuic(image: ColorImage, type: QuicColorType): Uint8Array;
export function encodeQuic(image: ColorImage | AlphaImage, type: QuicType): Uint8Array {
  const output = createBitOutput();
  for (const word of [quicMagic, quicVersion, type, image.width, image.height]) {
    writeBits(output, word, 32);
  }
  if (image.format === "a8") encodeGray(output, image);
  else encodeColors(output, image, type);
  return finishBits(output);
}

function encodeGray(output: BitOutput, { width, pixels }: AlphaImage): void {
  const plane = createPass(family8, 1, width);
  for (let row = 0; row < pixels.length; row += width) {
    encodePlaneRow(plane, output, pixels, 1, row - width, row, width);
  }
}

function encodeColors(output: BitOutput, { width, pixels }: ColorImage, type: QuicType): void {
  const { buffer, byteOffset, length } = pixels;
  const isShort = type === QuicType.RGB16;
  const colors = isShort ? narrowToFiveBits(pixels) : new Int32Array(buffer, byteOffset, length);
  const color = createPass(isShort ? family5 : family8, 3, width);
  const bytes = new Uint8Array(buffer, byteOffset, length * 4);
  const alpha = type === QuicType.RGBA ? createPass(family8, 1, width) : null;
  for (let row = 0; row < length; row += width) {
    const above = row - width;
    encodeColorRow(color, output, colors, above, row, width);
    if (alpha) encodePlaneRow(alpha, output, bytes, 4, above * 4 + 3, row * 4 + 3, width);
  }
}

function encodeColorRow(
  pass: Pass,
  output: BitOutput,
  pixels: Int32Array,
  above: number,
  row: number,
  width: number,
): void {
  for (let from = 0; from < width; ) {
    const end = segmentEnd(pass, from, width);
    encodeColorSegment(pass, output, pixels, above, row, from, end);
    completeSegment(pass, end - from);
    from = end;
  }
}

function encodePlaneRow(
  pass: Pass,
  output: BitOutput,
  bytes: Uint8Array,
  step: number,
  above: number,
  row: number,
  width: number,
): void {
  for (let from = 0; from < width; ) {
    const end = segmentEnd(pass, from, width);
    encodePlaneSegment(pass, output, bytes, step, above, row, from, end);
    completeSegment(pass, end - from);
    from = end;
  }
}

/** The top five bits of each component, as `000rrrrr 000ggggg 000bbbbb`. */
function narrowToFiveBits(pixels: Uint32Array): Int32Array {
  const narrow = new Int32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) narrow[i] = (pixels[i]! >>> 3) & 0x1f1f1f;
  return narrow;
}
