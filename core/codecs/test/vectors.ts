// Reads the reference's images (testing/vectors/data) for the tests of this package.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { PixelImage } from "../src/index.ts";

const folder = new URL("../../../testing/vectors/data/", import.meta.url);

export function readVector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, folder)));
}

export function readManifest<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, folder), "utf8"));
}

/** The pixels as bytes in memory, as the vectors have them. */
export function pixelBytes(image: PixelImage): Uint8Array {
  const { buffer, byteOffset, byteLength } = image.pixels;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Compares images without a look at each pixel, which would be slow. */
export function expectSame(actual: PixelImage, expected: PixelImage): void {
  const { pixels: _, ...fields } = expected;
  expect(actual).toMatchObject(fields);
  expect(Buffer.compare(pixelBytes(actual), pixelBytes(expected))).toBe(0);
}

export function pixelHash(image: PixelImage): string {
  return createHash("sha256").update(pixelBytes(image)).digest("hex");
}

/** Every truncation of the data, in whole bytes. */
export function* truncations(data: Uint8Array): Iterable<Uint8Array> {
  for (let length = 0; length < data.length; length++) yield data.slice(0, length);
}

/** The data with each of its bits flipped, one at a time. */
export function* bitFlips(data: Uint8Array): Iterable<Uint8Array> {
  for (let bit = 0; bit < data.length * 8; bit++) {
    const flipped = data.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}
