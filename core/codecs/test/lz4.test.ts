import { describe, expect, it } from "vitest";
import { BitmapFormat, CodecError, decodeLz4Block, decodeLz4Image } from "../src/index.ts";
import { bitFlips, pixelHash, readManifest, readVector, truncations } from "./vectors.ts";

interface Lz4Vector {
  readonly file: string;
  readonly format: keyof typeof BitmapFormat;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

const vectors = readManifest<Lz4Vector[]>("lz4/manifest.json");
const block = (...bytes: number[]) => [0, 0, 0, bytes.length, ...bytes];
const image = (format: number, ...bytes: number[]) => Uint8Array.of(1, format, ...bytes);

describe("decodeLz4Image", () => {
  it.each(vectors)("decodes $file as the reference wrote it", ({ file, width, height, sha256 }) => {
    expect(pixelHash(decodeLz4Image(readVector(`lz4/${file}`), width, height))).toBe(sha256);
  });

  it("reaches back into the output of earlier blocks", () => {
    const data = image(
      BitmapFormat["8BIT_A"],
      ...block(0x40, 1, 2, 3, 4),
      ...block(0x04, 4, 0, 0x10, 9),
    );
    expect(decodeLz4Image(data, 13, 1)).toEqual({
      format: "a8",
      width: 13,
      height: 1,
      pixels: Uint8Array.of(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 9),
    });
  });

  it.each([
    ["no header", Uint8Array.of(1)],
    ["no block", image(BitmapFormat["8BIT_A"])],
    ["a palette format", image(BitmapFormat["8BIT"], ...block(0x40, 1, 2, 3, 4))],
    ["an empty block", image(BitmapFormat["8BIT_A"], ...block(0), ...block(0x40, 1, 2, 3, 4))],
    ["a block of no bytes", image(BitmapFormat["8BIT_A"], 0, 0, 0, 0)],
    ["a block that is cut off", image(BitmapFormat["8BIT_A"], 0, 0, 0, 6, 0x40, 1, 2, 3, 4)],
    ["too few pixels", image(BitmapFormat["8BIT_A"], ...block(0x30, 1, 2, 3))],
    ["too many pixels", image(BitmapFormat["8BIT_A"], ...block(0x50, 1, 2, 3, 4, 5))],
    [
      "another block after the last pixel",
      image(10, ...block(0x40, 1, 2, 3, 4), ...block(0x10, 1)),
    ],
  ])("refuses %s", (_name, data) => {
    expect(() => decodeLz4Image(data, 4, 1)).toThrow(CodecError);
  });

  it("refuses sizes that its bytes cannot hold", () => {
    const data = image(BitmapFormat.RGBA, ...block(0x40, 1, 2, 3, 4));
    expect(() => decodeLz4Image(data, 1000, 1000)).toThrow(CodecError);
    expect(() => decodeLz4Image(data, 0, 1)).toThrow(CodecError);
    expect(() => decodeLz4Image(data, 2 ** 31, 2 ** 31)).toThrow(CodecError);
  });

  it("survives truncations and flipped bits", () => {
    for (const { file, width, height } of vectors.filter((v) => v.file.includes("61x40"))) {
      const data = readVector(`lz4/${file}`);
      for (const part of truncations(data)) {
        expect(() => decodeLz4Image(part, width, height)).toThrow(CodecError);
      }
      for (const damaged of bitFlips(data.slice(0, 600))) {
        const whole = data.slice();
        whole.set(damaged);
        try {
          decodeLz4Image(whole, width, height);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }
    }
  });
});

describe("decodeLz4Block", () => {
  it("repeats bytes when a match overlaps itself", () => {
    const long = decodeLz4Block(Uint8Array.of(0x1f, 7, 1, 0, 255, 10, 0x10, 8), 286);
    expect([...long]).toEqual([...Array(285).fill(7), 8]);
    const pattern = decodeLz4Block(Uint8Array.of(0x3f, 1, 2, 3, 3, 0, 50, 0x00), 72);
    expect([...pattern]).toEqual(Array.from({ length: 72 }, (_, at) => 1 + (at % 3)));
  });

  it("decodes a block of nothing", () => {
    expect(decodeLz4Block(Uint8Array.of(0), 0)).toEqual(new Uint8Array(0));
  });

  it.each([
    ["no bytes", [], 0],
    ["missing literals", [0x20, 1], 2],
    ["a missing count", [0xf0], 20],
    ["half a distance", [0x14, 1, 1], 9],
    ["distance 0", [0x14, 1, 0, 0, 0x00], 9],
    ["a distance before the first byte", [0x14, 1, 2, 0, 0x00], 9],
    ["a missing length", [0x1f, 1, 1, 0], 30],
    ["a match at its end", [0x10, 1, 1, 0], 5],
    ["more bytes than announced", [0x20, 1, 2], 1],
    ["fewer bytes than announced", [0x20, 1, 2], 3],
    ["a size beyond all possibility", [0x20, 1, 2], 2 ** 31],
  ] as [string, number[], number][])("refuses %s", (_name, bytes, size) => {
    expect(() => decodeLz4Block(Uint8Array.from(bytes), size)).toThrow(CodecError);
  });
});
