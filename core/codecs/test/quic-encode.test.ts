// The QUIC encoder, held against the bytes of the reference encoder.

import { describe, expect, test } from "vitest";
import {
  type ColorImage,
  decodeQuic,
  encodeQuic,
  type PixelImage,
  QuicType,
} from "../src/index.ts";
import { quicVectors, readVector } from "./quic-vectors.ts";

function encode(image: PixelImage, type: QuicType): Uint8Array {
  if (image.format === "a8") return encodeQuic(image, QuicType.GRAY);
  if (type === QuicType.GRAY) throw new Error("gray has one byte per pixel");
  return encodeQuic(image, type);
}

/** A picture with noise in all 32 bits, and repeated pixels so that runs begin. */
function noisyImage(width: number, height: number): ColorImage {
  const pixels = new Uint32Array(width * height);
  let state = 0x2545f491;
  for (let i = 0; i < pixels.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    pixels[i] = state >>> 30 === 0 || i < width ? state : pixels[i - (state & 4 ? 1 : width)]!;
  }
  return { format: "argb", width, height, pixels };
}

describe("encodeQuic", () => {
  test.each(quicVectors)("writes $file as the reference does", ({ file, type }) => {
    const data = readVector(file);
    expect(encode(decodeQuic(data), QuicType[type])).toEqual(data);
  });

  test("keeps all 32 bits of RGBA", () => {
    const image = noisyImage(71, 53);
    expect(decodeQuic(encodeQuic(image, QuicType.RGBA))).toEqual(image);
  });

  test("drops the high byte of RGB32 and RGB24, whatever it is", () => {
    const image = noisyImage(71, 53);
    const opaque = image.pixels.map((pixel) => pixel & 0xffffff);
    for (const type of [QuicType.RGB24, QuicType.RGB32]) {
      expect(decodeQuic(encodeQuic(image, type)).pixels).toEqual(opaque);
    }
  });

  test("keeps five bits of each colour in RGB16", () => {
    const image = noisyImage(71, 53);
    const widened = image.pixels.map((pixel) => {
      const top = pixel & 0xf8f8f8;
      return top | ((top >>> 5) & 0x070707);
    });
    expect(decodeQuic(encodeQuic(image, QuicType.RGB16)).pixels).toEqual(widened);
  });

  test("takes pixels from the middle of a buffer", () => {
    const image = noisyImage(9, 8);
    const pixels = new Uint32Array(image.pixels.length + 5).fill(0xffffffff);
    pixels.set(image.pixels, 3);
    const inside = { ...image, pixels: pixels.subarray(3, 3 + image.pixels.length) };
    expect(encodeQuic(inside, QuicType.RGBA)).toEqual(encodeQuic(image, QuicType.RGBA));
  });
});
