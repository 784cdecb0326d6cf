// Cursor shapes, laid out by hand from docs/formats/cursor.md.

import { describe, expect, it } from "vitest";
import { CodecError, CursorDataType, decodeCursor } from "../src/index.ts";

const palette = (count: number, colors: Readonly<Record<number, number>>) => {
  const bytes = new Uint8Array(count * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, color] of Object.entries(colors))
    view.setUint32(Number(index) * 4, color, true);
  return [...bytes];
};

const decode = (type: number, width: number, height: number, data: number[]) => {
  const { image, inverts } = decodeCursor({ type, width, height, data: Uint8Array.from(data) });
  return { pixels: [...image.pixels], inverts: inverts && [...inverts] };
};

describe("decodeCursor", () => {
  it("takes alpha shapes as they are", () => {
    expect(decode(CursorDataType.ALPHA, 2, 1, [1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc])).toEqual({
      pixels: [0x04030201, 0xfcfdfeff],
      inverts: null,
    });
  });

  it("makes black, white, transparent and inverting pixels of two masks", () => {
    const and = [0b00110000, 0];
    const xor = [0b01010000, 0];
    const shape = decode(CursorDataType.MONO, 9, 1, [...and, ...xor]);
    expect(shape.pixels.slice(0, 5)).toEqual([0xff000000, 0xffffffff, 0, 0, 0xff000000]);
    expect(shape.inverts?.slice(0, 5)).toEqual([0, 0, 0, 1, 0]);
  });

  it("reads four-bit rows that are padded, beside a mask that is not", () => {
    const rows = [0x12, 0x30, 0x32, 0x10];
    const mask = [0b00000100];
    const colors = palette(16, { 1: 0x111111, 2: 0x222222, 3: 0xffffff });
    expect(decode(CursorDataType.COLOR4, 3, 2, [...rows, ...colors, ...mask])).toEqual({
      pixels: [0xff111111, 0xff222222, 0xffffffff, 0xffffffff, 0xff222222, 0],
      inverts: null,
    });
  });

  it("inverts where a masked pixel is white, in every colour depth", () => {
    const mask = [0b11000000];
    const cases: [number, number[]][] = [
      [CursorDataType.COLOR8, [7, 8, 7, ...palette(256, { 7: 0xffffff, 8: 0x102030 })]],
      [CursorDataType.COLOR16, [0xff, 0x7f, 0x00, 0x7c, 0xff, 0x7f]],
      [CursorDataType.COLOR24, [255, 255, 255, 0x30, 0x20, 0x10, 255, 255, 255]],
      [CursorDataType.COLOR32, [255, 255, 255, 0, 0x30, 0x20, 0x10, 0, 255, 255, 255, 0]],
    ];
    for (const [type, data] of cases) {
      expect(decode(type, 3, 1, [...data, ...mask])).toEqual({
        pixels: [0, 0, 0xffffffff],
        inverts: [1, 0, 0],
      });
    }
  });

  it("widens five-bit colours by their upper bits", () => {
    expect(decode(CursorDataType.COLOR16, 1, 1, [0x21, 0x44, 0]).pixels).toEqual([0xff8c0808]);
  });

  it("refuses short data, unknown types and sizes beyond any pointer", () => {
    expect(() => decode(CursorDataType.COLOR32, 2, 2, new Array(16).fill(0))).toThrow(CodecError);
    expect(() => decode(CursorDataType.MONO, 8, 2, [0, 0, 0])).toThrow(CodecError);
    expect(() => decode(9, 1, 1, [0])).toThrow(CodecError);
    expect(() => decode(CursorDataType.ALPHA, 65535, 65535, [])).toThrow(CodecError);
  });
});
