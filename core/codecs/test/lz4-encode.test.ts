import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BitmapFormat,
  bitmapRowSize,
  CodecError,
  decodeBitmap,
  decodeLz4Block,
  decodeLz4Image,
  encodeLz4Block,
  encodeLz4Image,
} from "../src/index.ts";

const bytes = fc
  .array(
    fc.record({
      piece: fc.uint8Array({ minLength: 1, maxLength: 6 }),
      count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300 })),
    }),
    { maxLength: 30 },
  )
  .map((runs) =>
    Uint8Array.from(
      runs.flatMap(({ piece, count }) =>
        Array(count)
          .fill([...piece])
          .flat(),
      ),
    ),
  );

describe("encodeLz4Block", () => {
  it("gives back any bytes", () => {
    fc.assert(
      fc.property(bytes, (data) => {
        const back = decodeLz4Block(encodeLz4Block(data), data.length);
        expect(Buffer.compare(back, data)).toBe(0);
      }),
    );
  });

  it("writes short blocks as literals", () => {
    const data = new Uint8Array(12);
    expect([...encodeLz4Block(data)]).toEqual([12 << 4, ...data]);
    expect([...encodeLz4Block(new Uint8Array(0))]).toEqual([0]);
  });

  it("ends with five literals, as fast decoders need it", () => {
    for (let size = 14; size < 40; size++) {
      const block = encodeLz4Block(new Uint8Array(size).fill(9));
      expect([...block.subarray(-6)]).toEqual([5 << 4, 9, 9, 9, 9, 9]);
    }
  });

  it("does not refer further back than a distance can say", () => {
    const data = Uint8Array.from(
      { length: 140_000 },
      (_, at) => Math.imul(at % 70_000, 0x9e3779b1) >>> 24,
    );
    const block = encodeLz4Block(data);
    expect(Buffer.compare(decodeLz4Block(block, data.length), data)).toBe(0);
  });
});

describe("encodeLz4Image", () => {
  it.each([BitmapFormat["16BIT"], BitmapFormat["24BIT"], BitmapFormat["32BIT"], BitmapFormat.RGBA])(
    "gives back a bitmap of format %i, in either order of rows",
    (format) => {
      const width = 61;
      const height = 30;
      const stride = bitmapRowSize(format, width);
      const data = Uint8Array.from({ length: stride * height }, (_, at) => (at % 23) * (at % 5));
      for (const topDown of [true, false]) {
        const bitmap = { format, width, height, stride, topDown, data };
        const stream = encodeLz4Image(bitmap);
        expect(stream.length).toBeLessThan(data.length);
        expect(decodeLz4Image(stream, width, height)).toEqual(decodeBitmap(bitmap, null));
      }
    },
  );

  it("refuses padding, other formats and missing rows", () => {
    const data = new Uint8Array(24);
    const bitmap = { format: BitmapFormat["16BIT"], width: 2, height: 3, stride: 4, topDown: true };
    expect(encodeLz4Image({ ...bitmap, data }).length).toBeGreaterThan(6);
    expect(() => encodeLz4Image({ ...bitmap, data, stride: 6 })).toThrow(CodecError);
    expect(() => encodeLz4Image({ ...bitmap, data, format: BitmapFormat["8BIT"] })).toThrow(
      CodecError,
    );
    expect(() => encodeLz4Image({ ...bitmap, data: data.subarray(13) })).toThrow(CodecError);
  });
});
