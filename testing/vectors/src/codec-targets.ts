// Fuzz targets of the image decoders, from images that the reference encoded. The bounds are what
// the decoders promise: memory in proportion to the bytes that came.

import { readdirSync, readFileSync } from "node:fs";
import {
  type ColorImage,
  decodeBitmap,
  decodeCursor,
  decodeLz,
  decodeLz4Image,
  decodeQuic,
  GlzWindow,
  joinJpegAlpha,
  readJpegSize,
  readLzHeader,
  splitJpegAlpha,
} from "@caraway/codecs";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";
import { mutateBlindly } from "./mutation.ts";

const data = new URL("../data/", import.meta.url);

function filesOf(folder: string, pattern: RegExp): Uint8Array[] {
  const names = readdirSync(new URL(`${folder}/`, data)).filter((name) => pattern.test(name));
  return names.sort().map((name) => readFileSync(new URL(`${folder}/${name}`, data)));
}

/** The larger seeds only slow the fuzzer: the same tokens stand in the smaller ones. */
function small(files: readonly Uint8Array[]): Uint8Array[] {
  return files.filter(({ length }) => length <= 16_384);
}

/** A control byte stands for at most 255 units; a unit for 8 pixels at most, of 4 bytes. */
const perByte = 255 * 8 * 5;
/** A row takes at least 12 bits, a column of the first row 3. */
const quicBound = (size: number) => 5 * Math.min(1 << 26, ((size * 8) / 6) * ((size * 8) / 24));

const palette = Uint32Array.from({ length: 256 }, (_, index) => index * 0x010101);
const lzSeeds = small(filesOf("lz", /\.bin$/));
const glzSeeds = small(filesOf("glz", /^\d.*\.bin$/));

/** Sizes stand in the names: `rgba-screen-53x21.bin`. */
const lz4Seeds = readdirSync(new URL("lz4/", data)).flatMap((name) => {
  const size = /-(\d+)x(\d+)\.bin$/.exec(name);
  if (size === null) return [];
  const bytes = readFileSync(new URL(`lz4/${name}`, data));
  return [{ bytes, width: Number(size[1]), height: Number(size[2]) }];
});

const alphaSeeds = filesOf("jpeg", /\.lz$/);
const alphaHeader = readLzHeader(alphaSeeds[0]!);
const alphaColors: ColorImage = {
  format: "xrgb",
  width: alphaHeader.width,
  height: alphaHeader.height,
  pixels: new Uint32Array(alphaHeader.width * alphaHeader.height),
};

/** As much as the largest messages. */
const weight = 60;

function taken(_result: object): FuzzVerdict {
  return "taken";
}

function numbers(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, index) => bytes[index] ?? 0);
}

export const codecTargets: readonly FuzzTarget[] = [
  {
    name: "codecs.lz",
    seeds: lzSeeds,
    run: (bytes) => taken(decodeLz(bytes, palette)),
    weight,
    memoryBound: (size) => perByte * size,
  },
  {
    name: "codecs.lz without palette",
    seeds: lzSeeds,
    run: (bytes) => taken(decodeLz(bytes, null)),
    weight,
    memoryBound: (size) => perByte * size,
  },
  {
    name: "codecs.glz",
    seeds: glzSeeds,
    run(bytes) {
      const window = new GlzWindow();
      // An image of its own, and then one that refers to it.
      window.decode(glzSeeds[0]!);
      return taken(window.decode(bytes));
    },
    weight,
    memoryBound: (size) => perByte * (size + glzSeeds[0]!.length),
  },
  {
    name: "codecs.quic",
    seeds: small(filesOf("quic", /\.bin$/)),
    run: (bytes) => taken(decodeQuic(bytes)),
    weight,
    memoryBound: quicBound,
  },
  {
    name: "codecs.lz4",
    seeds: [],
    // The size of the image stands outside its bytes.
    next(random) {
      const { bytes, width, height } = random.pick(lz4Seeds);
      const changed = mutateBlindly(bytes, random);
      return { bytes: changed, run: () => taken(decodeLz4Image(changed, width, height)) };
    },
    run: (bytes) => taken(decodeLz4Image(bytes, 64, 64)),
    weight,
    memoryBound: (size) => perByte * size,
  },
  {
    name: "codecs.bitmap",
    seeds: [Uint8Array.from({ length: 600 }, (_, index) => (index < 6 ? 8 : index))],
    run(bytes) {
      const [format, width, height, stride, topDown] = numbers(bytes, 5);
      const size = { format: format! % 12, width: width!, height: height!, stride: stride! };
      const bitmap = { ...size, topDown: topDown! > 127, data: bytes.subarray(5) };
      return taken(decodeBitmap(bitmap, palette));
    },
    weight,
    memoryBound: () => 1 << 20,
  },
  {
    name: "codecs.cursor",
    seeds: [Uint8Array.from({ length: 4 + 32 * 32 * 4 }, (_, index) => (index < 3 ? 32 : index))],
    run(bytes) {
      const [width, height, type] = numbers(bytes, 3);
      const size = { width: width!, height: height!, type: type! % 8 };
      return taken(decodeCursor({ ...size, data: bytes.subarray(3) }));
    },
    weight,
    memoryBound: () => 1 << 20,
  },
  {
    name: "codecs.jpeg",
    seeds: filesOf("jpeg", /\.jpg$/),
    run(bytes) {
      readJpegSize(bytes);
      return taken(splitJpegAlpha(bytes, bytes.length >> 1));
    },
    weight,
    memoryBound: () => 1 << 20,
  },
  {
    name: "codecs.jpeg alpha",
    seeds: alphaSeeds,
    run: (bytes) => taken(joinJpegAlpha(alphaColors, bytes, alphaHeader.topDown)),
    weight,
    memoryBound: (size) => perByte * size + 4 * alphaColors.pixels.length,
  },
];
