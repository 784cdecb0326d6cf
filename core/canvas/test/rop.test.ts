import { RopDescriptor } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { combineColor, combinePixels, Rop, ropOf } from "../src/rop.ts";

const { INVERS_SRC, INVERS_BRUSH, INVERS_DEST, INVERS_RES } = RopDescriptor;

/** What a truth table says for the bits of two numbers. */
function byTable(rop: number, s: number, d: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) {
    const place = 2 * ((s >>> bit) & 1) + ((d >>> bit) & 1);
    result |= ((rop >> place) & 1) << bit;
  }
  return result >>> 0;
}

describe("a raster operation", () => {
  it("is computed as its truth table says, for every table and depth", () => {
    const pairs = [0x00000000, 0xffffffff, 0x12345678, 0xcafebabe];
    const kinds = [Uint32Array, Uint16Array, Uint8Array] as const;
    for (let rop = 0; rop < 16; rop++) {
      for (const kind of kinds) {
        const mask = kind === Uint32Array ? 0xffffffff : kind === Uint16Array ? 0xffff : 0xff;
        for (const s of pairs) {
          const from = kind.from(pairs.map(() => s));
          const to = kind.from(pairs);
          const expected = [...to].map((d) =>
            byTable(rop, from[0]!, d, 8 * kind.BYTES_PER_ELEMENT),
          );
          combinePixels(rop, from, 0, to, 0, to.length, mask);
          expect([...to]).toEqual(expected);
          const filled = kind.from(pairs);
          combineColor(rop, s, filled, 0, filled.length, mask);
          expect([...filled]).toEqual(expected);
        }
      }
    }
  });

  it("leaves pixels beside its range alone", () => {
    const to = Uint32Array.of(1, 2, 3, 4);
    combinePixels(Rop.COPY, Uint32Array.of(9, 8), 0, to, 1, 2, 0xffffffff);
    expect([...to]).toEqual([1, 9, 8, 4]);
  });

  it.each([
    ["PUT", RopDescriptor.OP_PUT, (s: number, _d: number) => s],
    ["OR", RopDescriptor.OP_OR, (s: number, d: number) => s | d],
    ["AND", RopDescriptor.OP_AND, (s: number, d: number) => s & d],
    ["XOR", RopDescriptor.OP_XOR, (s: number, d: number) => s ^ d],
  ])("%s heeds the inversions of source, destination and result", (_name, operation, compute) => {
    for (const inverted of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const [source, dest, result] = [inverted & 1, (inverted >> 1) & 1, inverted >> 2];
      const flags =
        (source * INVERS_SRC) | (dest * INVERS_DEST) | (result * INVERS_RES) | operation;
      let expected = 0;
      for (let place = 0; place < 4; place++) {
        const value = compute((place >> 1) ^ source, (place & 1) ^ dest) ^ result;
        expected |= (value & 1) << place;
      }
      expect(ropOf(flags, INVERS_SRC, INVERS_DEST)).toBe(expected);
    }
  });

  it("takes the inversions of what it combines, and no others", () => {
    const flags = RopDescriptor.OP_PUT | INVERS_BRUSH;
    expect(ropOf(flags, INVERS_SRC, INVERS_DEST)).toBe(Rop.COPY);
    expect(ropOf(flags, INVERS_BRUSH, INVERS_DEST)).toBe(0b0011);
  });

  it("is the first that a descriptor names, and a copy when it names none", () => {
    const both = RopDescriptor.OP_AND | RopDescriptor.OP_XOR;
    expect(ropOf(both, INVERS_SRC, INVERS_DEST)).toBe(Rop.AND);
    expect(ropOf(0, INVERS_SRC, INVERS_DEST)).toBe(Rop.COPY);
    expect(ropOf(RopDescriptor.OP_WHITENESS, INVERS_SRC, INVERS_DEST)).toBe(Rop.SET);
    expect(ropOf(RopDescriptor.OP_BLACKNESS, INVERS_SRC, INVERS_DEST)).toBe(Rop.CLEAR);
    expect(ropOf(RopDescriptor.OP_INVERS, INVERS_SRC, INVERS_DEST)).toBe(Rop.INVERT);
  });
});
