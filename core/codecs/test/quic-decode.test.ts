// The plain QUIC decoder, held against the pixels of the reference decoder and against hostile data.

import { describe, expect, test } from "vitest";
import { CodecError, decodeQuic, type PixelImage, QuicType, readQuicHeader } from "../src/index.ts";
import { bitFlips, pixelHash, quicVectors, readVector, truncations } from "./quic-vectors.ts";

const formats: Record<keyof typeof QuicType, PixelImage["format"]> = {
  GRAY: "a8",
  RGB16: "xrgb",
  RGB24: "xrgb",
  RGB32: "xrgb",
  RGBA: "argb",
};
const small = quicVectors.filter(({ file }) => readVector(file).length < 500);

/** An image of 8-bit gray whose pixels are the given bits. */
function gray(width: number, height: number, bits: string): Uint8Array {
  const words = bits.match(/.{1,32}/g)!.map((word) => Number.parseInt(word.padEnd(32, "0"), 2));
  const image = Uint32Array.of(0x43495551, 0, QuicType.GRAY, width, height, ...words, 0);
  return new Uint8Array(image.buffer);
}

/** Decodes, and expects nothing but pixels or the typed error. */
function decodeOrReject(data: Uint8Array): PixelImage | CodecError {
  try {
    return decodeQuic(data);
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
}

describe("decodeQuic", () => {
  test.each(quicVectors)("makes the reference's pixels of $file", (vector) => {
    const image = decodeQuic(readVector(vector.file));
    expect(image.format).toBe(formats[vector.type]);
    expect([image.width, image.height]).toEqual([vector.width, vector.height]);
    expect(pixelHash(image)).toBe(vector.sha256);
  });

  test("needs neither alignment nor the word of zeros at the end", () => {
    const { file, sha256 } = quicVectors.find(({ file }) => file.startsWith("rgba-text"))!;
    const data = readVector(file);
    const shifted = new Uint8Array(data.length + 1).fill(0xff);
    shifted.set(data, 1);
    expect(pixelHash(decodeQuic(shifted.subarray(1, data.length - 3)))).toBe(sha256);
  });

  test("reads the header without the pixels", () => {
    expect(readQuicHeader(readVector("rgb16-blocks-61x47.bin"))).toEqual({
      type: QuicType.RGB16,
      width: 61,
      height: 47,
    });
  });

  test("rejects headers that are none", () => {
    const words = [0x43495551, 0, QuicType.GRAY, 4, 4, 0, 0, 0, 0];
    const changed = (index: number, value: number) =>
      new Uint8Array(Uint32Array.from(words, (word, i) => (i === index ? value : word)).buffer);
    expect(() => decodeQuic(changed(0, 0x43495552))).toThrow("no QUIC magic");
    expect(() => decodeQuic(changed(1, 0x10000))).toThrow("unknown version 65536");
    expect(() => decodeQuic(changed(2, 0))).toThrow("unknown image type 0");
    expect(() => decodeQuic(changed(2, 6))).toThrow("unknown image type 6");
    expect(() => decodeQuic(changed(3, 0))).toThrow("a size of 0 x 4 pixels");
    expect(() => decodeQuic(changed(4, 0xffffffff))).toThrow("a size of 4 x 4294967295 pixels");
    expect(() => decodeQuic(new Uint8Array(19))).toThrow("ends within the header");
  });

  test("rejects a size that the data cannot hold, before it makes room for it", () => {
    const image = gray(8192, 8192, "1".repeat(4096));
    expect(() => decodeQuic(image)).toThrow("too short for 8192 x 8192 pixels");
  });

  test("rejects a symbol that no pixel can have", () => {
    // The first pixel teaches code 0; the second escapes from it to symbol 18 + 255.
    const image = gray(3, 1, `1${"0".repeat(7)}${"0".repeat(18)}${"1".repeat(8)}1`);
    expect(() => decodeQuic(image)).toThrow("a symbol out of range");
    const fine = gray(3, 1, `1${"0".repeat(7)}${"0".repeat(18)}111011011${"0".repeat(7)}`);
    expect(Array.from(decodeQuic(fine).pixels)).toEqual([0, 128, 128]);
  });

  test("rejects a run that is longer than its row", () => {
    const start = `1${"0".repeat(7)}111`;
    expect(Array.from(decodeQuic(gray(4, 2, `${start}11110`)).pixels)).toEqual(Array(8).fill(0));
    expect(() => decodeQuic(gray(4, 2, `${start}11111`))).toThrow("a run leaves its segment");
  });

  test("lets nothing but CodecError escape from any truncation", () => {
    for (const { file } of small) {
      const data = readVector(file);
      for (const cut of truncations(data)) {
        const result = decodeOrReject(cut);
        // What is behind the last bit in use is padding: at most a word and the bits before it.
        if (cut.length < data.length - 8) expect(result).toBeInstanceOf(CodecError);
      }
    }
  });

  test("lets nothing but CodecError escape from any flipped bit", { timeout: 30_000 }, () => {
    let decoded = 0;
    let rejected = 0;
    for (const { file } of small) {
      for (const flipped of bitFlips(readVector(file))) {
        if (decodeOrReject(flipped) instanceof CodecError) rejected++;
        else decoded++;
      }
    }
    expect(decoded).toBeGreaterThan(1000);
    expect(rejected).toBeGreaterThan(1000);
  });
});
