// Encodes JPEG with libjpeg-turbo, which the package @cornerstonejs/codec-libjpeg-turbo-8bit has
// compiled to WebAssembly. It is loaded with the first image.

import { createRequire } from "node:module";
import type { ColorImage } from "@caraway/codecs";

/** One encoder of the library. What it gives out is its own memory, until the next call. */
interface TurboEncoder {
  /** Where the pixels go: red, green, blue. */
  getDecodedBuffer(frame: {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: 8;
    readonly componentCount: 3;
    readonly isSigned: false;
  }): Uint8Array;
  setQuality(quality: number): void;
  setProgressive(progressive: boolean): void;
  setSubSampling(subSampling: number): void;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}

interface TurboModule {
  readonly JPEGEncoder: new () => TurboEncoder;
}

/** The library's number for colours at half the width and height. */
const subSampling420 = 2;
/** An encoder keeps the memory of its largest image; above this many pixels it is let go. */
const maxKeptPixels = 1 << 23;

let loading: Promise<TurboModule> | undefined;
let spare: TurboEncoder | undefined;

/** `quality` from 1 to 100. The high byte of the pixels does not count. */
export async function encodeJpeg(image: ColorImage, quality: number): Promise<Uint8Array> {
  loading ??= load();
  const { JPEGEncoder } = await loading;
  const { width, height, pixels } = image;
  const encoder = spare ?? new JPEGEncoder();
  // One that has failed is not used again.
  spare = undefined;
  const form = { bitsPerSample: 8, componentCount: 3, isSigned: false } as const;
  writeColors(pixels, encoder.getDecodedBuffer({ width, height, ...form }));
  encoder.setQuality(quality);
  encoder.setProgressive(false);
  encoder.setSubSampling(subSampling420);
  encoder.encode();
  const data = encoder.getEncodedBuffer().slice();
  if (pixels.length <= maxKeptPixels) spare = encoder;
  else encoder.delete();
  return data;
}

function writeColors(pixels: Uint32Array, samples: Uint8Array): void {
  for (let at = 0, to = 0; at < pixels.length; at++, to += 3) {
    const pixel = pixels[at]!;
    samples[to] = pixel >> 16;
    samples[to + 1] = pixel >> 8;
    samples[to + 2] = pixel;
  }
}

async function load(): Promise<TurboModule> {
  const require = createRequire(import.meta.url);
  const create = require("@cornerstonejs/codec-libjpeg-turbo-8bit/wasmjs");
  return await (create as () => Promise<TurboModule>)();
}
