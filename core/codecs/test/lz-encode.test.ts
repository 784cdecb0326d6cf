import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AlphaImage,
  BitmapFormat,
  bitmapRowSize,
  CodecError,
  type ColorImage,
  decodeBitmap,
  decodeLz,
  encodeBitmap,
  encodeLz,
  encodeLzIndices,
  LzType,
  type PixelImage,
  readLzHeader,
} from "../src/index.ts";
import { expectSame } from "./vectors.ts";

/** Pixels with runs and repeats, so that every kind of token occurs. */
const pixels = fc
  .array(
    fc.record({
      value: fc.integer({ min: 0, max: 5 }).map((n) => Math.imul(n, 0x51a7c3d9) >>> 0),
      count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 600 })),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((runs) => Uint32Array.from(runs.flatMap(({ value, count }) => Array(count).fill(value))));

const image = (data: Uint32Array): ColorImage => ({
  format: "argb",
  width: data.length,
  height: 1,
  pixels: data,
});

const noise = (count: number) =>
  Uint32Array.from({ length: count }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 0);

describe("encodeLz", () => {
  it("gives back all of an image with alpha", () => {
    fc.assert(
      fc.property(pixels, (data) => {
        expectSame(decodeLz(encodeLz(image(data)), null), image(data));
      }),
    );
  });

  it("gives back what a type keeps", () => {
    fc.assert(
      fc.property(pixels, (data) => {
        const whole = image(data);
        const colors: ColorImage = {
          ...whole,
          format: "xrgb",
          pixels: data.map((color) => color & 0xffffff),
        };
        expectSame(decodeLz(encodeLz(whole, LzType.RGB32), null), colors);
        expectSame(decodeLz(encodeLz(whole, LzType.RGB24), null), colors);
        const sixteen = decodeBitmap(encodeBitmap(whole, BitmapFormat["16BIT"]), null);
        expectSame(decodeLz(encodeLz(whole, LzType.RGB16), null), sixteen);
        const alpha: AlphaImage = {
          ...whole,
          format: "a8",
          pixels: Uint8Array.from(data, (color) => color >>> 24),
        };
        expectSame(decodeLz(encodeLz(whole, LzType.XXXA), null), alpha);
        expectSame(decodeLz(encodeLz(alpha), null), alpha);
      }),
    );
  });

  it.each([8190, 8191, 8192, 8193, 73_726, 73_727, 73_728])(
    "reaches %i units back, or does without",
    (distance) => {
      const block = noise(300);
      const data = new Uint32Array(distance + 300);
      data.set(block);
      data.set(block, distance);
      const whole = image(data);
      expectSame(decodeLz(encodeLz(whole), null), whole);
      const size = encodeLz(whole, LzType.RGB32).length;
      const blockCount = distance <= 73_727 ? 1 : 2;
      expect(Math.round((size - distance / 255) / (300 * 3))).toBe(blockCount);
    },
  );

  it("makes a plain image tiny", () => {
    const plain = { format: "xrgb", width: 640, height: 480, pixels: new Uint32Array(640 * 480) };
    expect(encodeLz(plain as ColorImage).length).toBeLessThan(1300);
  });

  it("makes noise hardly longer than its literals", () => {
    const whole = image(noise(10_000));
    expect(encodeLz(whole, LzType.RGB32).length).toBeLessThanOrEqual(28 + 10_000 * 3 + 313);
  });

  it("says in its header what the image is", () => {
    const whole: ColorImage = { format: "xrgb", width: 3, height: 2, pixels: new Uint32Array(6) };
    const header = { width: 3, height: 2, topDown: true };
    expect(readLzHeader(encodeLz(whole))).toEqual({ ...header, type: LzType.RGB32, stride: 12 });
    const sixteen = readLzHeader(encodeLz(whole, LzType.RGB16));
    expect(sixteen).toEqual({ ...header, type: LzType.RGB16, stride: 6 });
  });

  it("refuses a type that does not fit", () => {
    const alpha: PixelImage = { format: "a8", width: 1, height: 1, pixels: new Uint8Array(1) };
    expect(() => encodeLz(alpha, LzType.RGB32)).toThrow(CodecError);
    expect(() => encodeLz(image(noise(1)), LzType.A8)).toThrow(CodecError);
    expect(() => encodeLz({ ...alpha, width: 0 })).toThrow(CodecError);
  });
});

describe("encodeLzIndices", () => {
  const palette = Uint32Array.from({ length: 256 }, (_, index) => index * 0x010203);

  it.each([
    BitmapFormat["1BIT_LE"],
    BitmapFormat["1BIT_BE"],
    BitmapFormat["4BIT_LE"],
    BitmapFormat["4BIT_BE"],
    BitmapFormat["8BIT"],
  ])("gives back the indices of format %i, in either order of rows", (format) => {
    const width = 77;
    const height = 40;
    const stride = bitmapRowSize(format, width);
    const data = Uint8Array.from({ length: stride * height }, (_, at) => (at % 19) * (at % 3));
    for (const topDown of [true, false]) {
      const bitmap = { format, width, height, stride, topDown, data };
      expect(decodeLz(encodeLzIndices(bitmap), palette)).toEqual(decodeBitmap(bitmap, palette));
    }
  });

  it("refuses padding, other formats and missing rows", () => {
    const data = new Uint8Array(12);
    const bitmap = { format: BitmapFormat["8BIT"], width: 3, height: 3, stride: 3, topDown: true };
    expect(encodeLzIndices({ ...bitmap, data }).length).toBeGreaterThan(28);
    expect(() => encodeLzIndices({ ...bitmap, data, stride: 4 })).toThrow(CodecError);
    expect(() => encodeLzIndices({ ...bitmap, data, format: 8 })).toThrow(CodecError);
    expect(() => encodeLzIndices({ ...bitmap, data: data.subarray(8) })).toThrow(CodecError);
  });
});
