// The instantiated kernels, held against the plain decoders.

import {
  type Bitmap,
  BitmapFormat,
  bitmapRowSize,
  CodecError,
  type ColorImage,
  decodeBitmap,
  decodeLz4Image,
  decodeQuic,
  encodeLz4Image,
  encodeQuic,
  type PixelImage,
  QuicType,
} from "@caraway/codecs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bitFlips,
  pixelHash,
  quicVectors,
  readVector,
  truncations,
} from "../../../core/codecs/test/quic-vectors.ts";
import { encoderKernels, loadKernels } from "../src/kernels.ts";

const { quic } = loadKernels();

/** What a decoder makes of the data, in words that can be compared. */
function outcome(decode: (data: Uint8Array) => PixelImage, data: Uint8Array): string {
  try {
    const image = decode(data);
    return `${image.format} ${image.width} ${image.height} ${pixelHash(image)}`;
  } catch (error) {
    if (error instanceof CodecError) return error.message.replace(/ at offset \d+/, "");
    throw error;
  }
}

describe("the QUIC kernel", () => {
  test.each(quicVectors)("makes the same of $file as the plain decoder", ({ file }) => {
    const data = readVector(file);
    expect(outcome(quic.decode, data)).toBe(outcome(decodeQuic, data));
  });

  test("hands out pixels that the next image does not overwrite", () => {
    const { file, sha256 } = quicVectors[0]!;
    const image = quic.decode(readVector(file));
    for (const vector of quicVectors) quic.decode(readVector(vector.file));
    expect(pixelHash(image)).toBe(sha256);
  });

  test("accepts and rejects the same truncated data", { timeout: 30_000 }, () => {
    for (const { file } of quicVectors) {
      const data = readVector(file);
      if (data.length > 600) continue;
      for (const cut of truncations(data)) {
        expect(outcome(quic.decode, cut)).toBe(outcome(decodeQuic, cut));
      }
    }
  });

  test("accepts and rejects the same data with a flipped bit", { timeout: 30_000 }, () => {
    for (const { file } of quicVectors) {
      const data = readVector(file);
      if (data.length > 600) continue;
      for (const flipped of bitFlips(data)) {
        expect(outcome(quic.decode, flipped)).toBe(outcome(decodeQuic, flipped));
      }
    }
  });

  test("leaves rows that would take too much of its memory to the plain decoder", () => {
    const width = 70_000;
    const image = new Uint8Array(20 + width);
    // Gray: the first symbol by code 7, the others by code 0.
    new Uint32Array(image.buffer, 0, 5).set([0x43495551, 0, 1, width, 1]);
    image.fill(0xff, 20);
    const decoded = quic.decode(image);
    expect([decoded.width, decoded.height]).toEqual([width, 1]);
    expect(outcome(quic.decode, image)).toBe(outcome(decodeQuic, image));
  });
});

describe("the QUIC encoding kernel", () => {
  const { quic: encoder } = encoderKernels();
  const types = [QuicType.RGB16, QuicType.RGB24, QuicType.RGB32, QuicType.RGBA] as const;

  /** Colours, of which many are those beside them, so that there are runs of every length. */
  function pictureOf(width: number, height: number, seed: number): ColorImage {
    const pixels = new Uint32Array(width * height);
    let state = seed;
    for (let at = 0; at < pixels.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const kind = (state >>> 28) % 8;
      const beside = pixels[at - (kind === 7 ? width : 1)] ?? 0;
      pixels[at] = kind < 2 ? state : kind === 2 ? beside + (state & 0x030303) : beside;
    }
    return { format: "argb", width, height, pixels };
  }

  test.each(quicVectors)("writes $file as the plain encoder does", ({ file, type }) => {
    const image = decodeQuic(readVector(file));
    if (image.format === "a8" || type === "GRAY") return;
    expect(encoder.encode(image, QuicType[type])).toEqual(encodeQuic(image, QuicType[type]));
  });

  test("writes any colours as the plain encoder does", () => {
    const type = fc.constantFrom(...types);
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.nat(), type, (width, height, seed, kind) => {
        const image = pictureOf(width + 1, height + 1, seed);
        expect(encoder.encode(image, kind)).toEqual(encodeQuic(image, kind));
      }),
    );
  });

  test("writes bands as one image, narrow and wide", () => {
    for (const [width, height] of [
      [1, 40_000],
      [300, 200],
      [16_384, 3],
      [16_385, 2],
      [127, 1000],
    ] as const) {
      const image = pictureOf(width, height, width);
      expect(encoder.encode(image, QuicType.RGB32)).toEqual(encodeQuic(image, QuicType.RGB32));
      const plain: ColorImage = {
        ...image,
        pixels: new Uint32Array(width * height).fill(0x123456),
      };
      expect(encoder.encode(plain, QuicType.RGB16)).toEqual(encodeQuic(plain, QuicType.RGB16));
    }
  });

  test("takes pixels from the middle of a buffer, and gives out what is kept", () => {
    const { pixels } = pictureOf(50, 21, 9);
    const image: ColorImage = {
      format: "xrgb",
      width: 50,
      height: 20,
      pixels: pixels.subarray(50),
    };
    const first = encoder.encode(image, QuicType.RGB32);
    encoder.encode(pictureOf(50, 20, 3), QuicType.RGB32);
    expect(first).toEqual(encodeQuic(image, QuicType.RGB32));
  });
});

describe("the LZ4 kernel", () => {
  const { lz4 } = encoderKernels();

  /** A bitmap of 32BIT whose bytes are pieces, some of which come again, near and far. */
  function bitmapOf(width: number, height: number, seed: number): Bitmap {
    const format = BitmapFormat["32BIT"];
    const stride = bitmapRowSize(format, width);
    const data = new Uint8Array(stride * height);
    let state = seed;
    const next = (bound: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % bound;
    };
    for (let at = 0; at < data.length; ) {
      const length = 1 + next(next(8) === 0 ? 3000 : 30);
      const stop = Math.min(at + length, data.length);
      const back = at === 0 ? 0 : 1 + next(Math.min(at, next(2) === 0 ? 70_000 : 300));
      const kind = next(3);
      for (; at < stop; at++) {
        if (kind === 0) data[at] = next(256);
        else data[at] = data[at - back] ?? kind;
      }
    }
    return { format, width, height, stride, topDown: true, data };
  }

  function expectSame(bitmap: Bitmap): void {
    const { width, height } = bitmap;
    const decoded = decodeLz4Image(lz4.encode(bitmap), width, height);
    expect(pixelHash(decoded)).toBe(pixelHash(decodeBitmap(bitmap, null)));
  }

  test("gives back any bitmap", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.nat(), (width, height, seed) => {
        expectSame(bitmapOf(width + 1, height + 1, seed));
      }),
    );
  });

  test("gives back what it takes in several parts", () => {
    // A part has 65536 pixels; the last one may have less than a match needs.
    for (const width of [65_535, 65_536, 65_537, 65_538, 65_540, 300_000]) {
      expectSame(bitmapOf(width, 1, width));
      expectSame(bitmapOf(1, width, 7 * width));
    }
  });

  test("finds in one part what was in the part before", () => {
    const bitmap = bitmapOf(65_536 * 2, 1, 1);
    const noise = bitmapOf(8000, 1, 3).data.map((_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24);
    bitmap.data.set(noise, 65_536 * 4 - noise.length);
    bitmap.data.set(noise, 65_536 * 4);
    const apart = { ...bitmap, data: bitmap.data.slice() };
    for (let at = 0; at < noise.length; at++) apart.data[65_536 * 4 + at]! ^= at + 1;
    expectSame(bitmap);
    expect(lz4.encode(bitmap).length).toBeLessThan(lz4.encode(apart).length - noise.length / 2);
  });

  test("compresses as well as the plain encoder, and keeps what it has given out", () => {
    const bitmap = bitmapOf(500, 300, 5);
    const first = lz4.encode(bitmap);
    const copy = first.slice();
    lz4.encode(bitmapOf(500, 300, 6));
    expect(first).toEqual(copy);
    expect(first.length).toBeLessThan(encodeLz4Image(bitmap).length * 1.05);
  });

  test("refuses what the plain encoder refuses", () => {
    const bitmap = bitmapOf(4, 4, 1);
    expect(() => lz4.encode({ ...bitmap, format: BitmapFormat["8BIT"] })).toThrow(CodecError);
    expect(() => lz4.encode({ ...bitmap, stride: 20 })).toThrow(CodecError);
    expect(() => lz4.encode({ ...bitmap, data: bitmap.data.subarray(1) })).toThrow(CodecError);
  });
});
