// The reference encoder's images (testing/vectors/data/quic) for the tests of QUIC.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PixelImage, QuicType } from "../src/index.ts";

const folder = new URL("../../../testing/vectors/data/quic/", import.meta.url);

export interface QuicVector {
  readonly file: string;
  readonly type: keyof typeof QuicType;
  readonly width: number;
  readonly height: number;
  /** Of the pixels that the reference decoder made. */
  readonly sha256: string;
}

export const quicVectors: readonly QuicVector[] = JSON.parse(
  readFileSync(new URL("manifest.json", folder), "utf8"),
);

export function readVector(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, folder)));
}

export function pixelHash(image: PixelImage): string {
  const { buffer, byteOffset, byteLength } = image.pixels;
  return createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");
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
