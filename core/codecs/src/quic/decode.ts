// QUIC images to pixels (docs/formats/quic.md), in plain TypeScript: what every faster decoder is
// held against, and what runs where WebAssembly may not.

import type { AlphaImage, ColorImage } from "../pixel-image.ts";
import { type BitInput, createBitInput } from "./bit-input.ts";
import { decodeColorSegment } from "./decode-color.ts";
import { decodePlaneSegment } from "./decode-plane.ts";
import { QuicType, quicHeaderSize, readQuicHeader } from "./header.ts";
import { completeSegment, createPass, type Pass, segmentEnd } from "./pass.ts";
import { family5, family8 } from "./tables.ts";

/**
 * Decodes an image: GRAY to `a8`, RGBA to `argb`, the others to `xrgb` with a high byte of 0.
 *
 * @throws CodecError if the data is no QUIC image, ends early, or breaks the format's rules.
 */
export function decodeQuic(data: Uint8Array): ColorImage | AlphaImage {
  const { type, width, height } = readQuicHeader(data);
  const input = createBitInput(data, quicHeaderSize * 8);
  if (type === QuicType.GRAY) {
    const pixels = new Uint8Array(width * height);
    const plane = createPass(family8, 1, width);
    for (let row = 0; row < pixels.length; row += width) {
      decodePlaneRow(plane, input, pixels, 1, row - width, row, width);
    }
    return { format: "a8", width, height, pixels };
  }

  const pixels = new Uint32Array(width * height);
  // The hot loop computes with signed numbers, which engines keep in registers.
  const signed = new Int32Array(pixels.buffer);
  const color = createPass(type === QuicType.RGB16 ? family5 : family8, 3, width);
  if (type === QuicType.RGBA) {
    const bytes = new Uint8Array(pixels.buffer);
    const alpha = createPass(family8, 1, width);
    for (let row = 0; row < pixels.length; row += width) {
      const above = row - width;
      decodeColorRow(color, input, signed, above, row, width);
      decodePlaneRow(alpha, input, bytes, 4, above * 4 + 3, row * 4 + 3, width);
    }
    return { format: "argb", width, height, pixels };
  }

  for (let row = 0; row < pixels.length; row += width) {
    decodeColorRow(color, input, signed, row - width, row, width);
  }
  if (type === QuicType.RGB16) expandFiveBits(pixels);
  return { format: "xrgb", width, height, pixels };
}

function decodeColorRow(
  pass: Pass,
  input: BitInput,
  pixels: Int32Array,
  above: number,
  row: number,
  width: number,
): void {
  for (let from = 0; from < width; ) {
    const end = segmentEnd(pass, from, width);
    decodeColorSegment(pass, input, pixels, above, row, from, end);
    completeSegment(pass, end - from);
    from = end;
  }
}

function decodePlaneRow(
  pass: Pass,
  input: BitInput,
  bytes: Uint8Array,
  step: number,
  above: number,
  row: number,
  width: number,
): void {
  for (let from = 0; from < width; ) {
    const end = segmentEnd(pass, from, width);
    decodePlaneSegment(pass, input, bytes, step, above, row, from, end);
    completeSegment(pass, end - from);
    from = end;
  }
}

/** Widens the components of `000rrrrr 000ggggg 000bbbbb` to eight bits each. */
export function expandFiveBits(pixels: Uint32Array): void {
  for (let i = 0; i < pixels.length; i++) {
    const pixel = pixels[i]!;
    pixels[i] = (pixel << 3) | ((pixel >>> 2) & 0x070707);
  }
}
