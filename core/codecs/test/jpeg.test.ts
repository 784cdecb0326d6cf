import { describe, expect, it } from "vitest";
import {
  CodecError,
  type ColorImage,
  joinJpegAlpha,
  readJpegSize,
  splitJpegAlpha,
} from "../src/index.ts";
import { bitFlips, readVector, truncations } from "./vectors.ts";

const files = ["420.jpg", "422.jpg", "444.jpg", "progressive.jpg", "gray.jpg", "restart.jpg"];

describe("readJpegSize", () => {
  it.each(files)("finds the size of %s", (file) => {
    expect(readJpegSize(readVector(`jpeg/${file}`))).toEqual({ width: 77, height: 50 });
  });

  it("skips padding between segments", () => {
    const data = Uint8Array.of(255, 0xd8, 255, 255, 0xfe, 0, 2, 255, 0xc0, 0, 8, 8, 1, 2, 3, 4, 0);
    expect(readJpegSize(data)).toEqual({ width: 0x304, height: 0x102 });
  });

  it.each([
    ["no bytes", []],
    ["another file", [0x89, 0x50, 0x4e, 0x47]],
    ["a scan without a frame", [0xff, 0xd8, 0xff, 0xda, 0, 2]],
    ["an end without a frame", [0xff, 0xd8, 0xff, 0xd9]],
    ["a segment that is cut off", [0xff, 0xd8, 0xff, 0xc0, 0, 8, 8, 0, 1]],
    ["a segment of impossible length", [0xff, 0xd8, 0xff, 0xe0, 0, 1]],
    ["a frame header without a size", [0xff, 0xd8, 0xff, 0xc0, 0, 4, 8, 0]],
    ["no height", [0xff, 0xd8, 0xff, 0xc0, 0, 8, 8, 0, 0, 0, 5, 1]],
    ["bytes where a marker should be", [0xff, 0xd8, 0x00]],
    [
      "more pixels than an image may have",
      [0xff, 0xd8, 0xff, 0xc0, 0, 8, 8, 255, 255, 255, 255, 1],
    ],
  ])("refuses %s", (_name, bytes) => {
    expect(() => readJpegSize(Uint8Array.from(bytes))).toThrow(CodecError);
  });

  it("survives truncations and flipped bits", () => {
    const data = readVector("jpeg/420.jpg").slice(0, 200);
    for (const damaged of [...truncations(data), ...bitFlips(data)]) {
      try {
        readJpegSize(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    }
  });
});

describe("splitJpegAlpha", () => {
  it("divides at the size of the JPEG part", () => {
    expect(splitJpegAlpha(Uint8Array.of(1, 2, 3), 1)).toEqual({
      jpeg: Uint8Array.of(1),
      alpha: Uint8Array.of(2, 3),
    });
    expect(() => splitJpegAlpha(Uint8Array.of(1, 2, 3), 4)).toThrow(CodecError);
  });
});

describe("joinJpegAlpha", () => {
  const pixels = Uint32Array.from({ length: 77 * 50 }, (_, at) => at * 4099);
  const colors: ColorImage = { format: "xrgb", width: 77, height: 50, pixels };

  it.each([
    ["alpha-top-down", true],
    ["alpha-bottom-up", false],
  ])("joins colours with %s", (file, topDown) => {
    const alpha = readVector(`jpeg/${file}.a8`);
    const image = joinJpegAlpha(colors, readVector(`jpeg/${file}.lz`), topDown);
    expect(image.format).toBe("argb");
    const expected = pixels.map((color, at) => (color & 0xffffff) | (alpha[at]! << 24));
    expect(image.pixels).toEqual(expected);
  });

  it("refuses alpha of another order, size or type", () => {
    const alpha = readVector("jpeg/alpha-top-down.lz");
    expect(() => joinJpegAlpha(colors, alpha, false)).toThrow(CodecError);
    expect(() => joinJpegAlpha({ ...colors, width: 50, height: 77 }, alpha, true)).toThrow(
      CodecError,
    );
    const other = readVector("lz/a8-screen-53x21.bin");
    const small = { ...colors, width: 53, height: 21 };
    expect(() => joinJpegAlpha(small, other, true)).toThrow(CodecError);
  });
});
