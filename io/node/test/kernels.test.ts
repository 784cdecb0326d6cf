// The instantiated kernels, held against the plain decoders.

import { CodecError, decodeQuic, type PixelImage } from "@caraway/codecs";
import { describe, expect, test } from "vitest";
import {
  bitFlips,
  pixelHash,
  quicVectors,
  readVector,
  truncations,
} from "../../../core/codecs/test/quic-vectors.ts";
import { loadKernels } from "../src/kernels.ts";

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
