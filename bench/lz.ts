// How fast LZ images are decoded, against spice-html5 in the same process, and how fast GLZ and LZ4
// are decoded and all three are encoded.

import {
  BitmapFormat,
  type ColorImage,
  decodeLz,
  decodeLz4Image,
  encodeBitmap,
  encodeLz,
  encodeLz4Image,
  GlzDictionary,
  GlzWindow,
  type PixelImage,
} from "@caraway/codecs";
import { cpuRates, geometricMean } from "./cpu-rate.ts";
import { makePictures, type Picture } from "./pictures.ts";
import type { BenchRow } from "./row.ts";
import { loadHtml5Lz, spiceHtml5 } from "./spice-html5.ts";

const unit = "MPix/s";
/** The window of the reference client on an ordinary machine. */
const windowPixels = 1 << 24;

export async function benchLz(): Promise<BenchRow[]> {
  const pictures = makePictures();
  const images = pictures.map(toImage);
  const decodeHtml5 = await loadHtml5Lz();
  const rows = [
    ...benchAgainstHtml5("RGB32", images),
    ...benchAgainstHtml5("RGBA", pictures.map(toTransparentImage)),
  ];
  const mean = geometricMean(rows.map(({ ratio }) => ratio!));
  rows.push({
    suite: "lz",
    name: "decode, mean against spice-html5",
    value: mean,
    unit: "times",
    floor: 4,
  });
  rows.push(
    ...benchEach("lz", "encode RGB32", pictures, (image) => [() => encodeLz(image), image]),
    ...benchEach("glz", "decode a scrolled RGB32", pictures, scrolledDecoding),
    ...benchEach("glz", "encode a scrolled RGB32", pictures, scrolledEncoding),
    ...benchEach("lz4", "decode 32BIT", pictures, lz4Decoding),
    ...benchEach("lz4", "encode 32BIT", pictures, (image) => {
      const bitmap = encodeBitmap(image, BitmapFormat["32BIT"]);
      return [() => encodeLz4Image(bitmap), image];
    }),
  );
  return rows;

  /** Measures one work per picture, and their mean. */
  function benchEach(
    suite: string,
    name: string,
    named: readonly Picture[],
    prepare: (image: ColorImage) => [() => void, ColorImage],
  ): BenchRow[] {
    const works = images.map((image) => prepare(image));
    const rates = cpuRates(works.map(([work]) => work)).map(
      (rate, at) => (rate * works[at]![1].pixels.length) / 1e6,
    );
    const row = (what: string, value: number) => ({ suite, name: `${name}, ${what}`, value, unit });
    return [
      ...rates.map((rate, at) => row(named[at]!.name, rate)),
      row("mean", geometricMean(rates)),
    ];
  }

  function benchAgainstHtml5(type: string, all: readonly ColorImage[]): BenchRow[] {
    return all.map((image, at) => {
      const data = encodeLz(image);
      checkSame(image, decodeLz(data, null));
      checkHtml5(image, decodeHtml5(data));
      const [value, peerValue] = cpuRates([
        () => decodeLz(data, null),
        () => decodeHtml5(data),
      ]).map((rate) => (rate * image.pixels.length) / 1e6) as [number, number];
      return {
        ...{ suite: "lz", name: `decode ${type}, ${pictures[at]!.name}`, value, unit },
        ...{ peer: spiceHtml5, peerValue, ratio: value / peerValue },
      };
    });
  }
}

function toImage({ width, height, pixels }: Picture): ColorImage {
  return { format: "xrgb", width, height, pixels };
}

/** The picture in a window with soft edges and a shadow that lets the ground through. */
function toTransparentImage({ width, height, pixels }: Picture): ColorImage {
  const alpha = (at: number) => {
    const x = at % width;
    const y = Math.floor(at / width);
    const edge = Math.min(x, y, width - 1 - x, height - 1 - y);
    return edge < 16 ? edge * 16 : 255;
  };
  const transparent = pixels.map((color, at) => color | (alpha(at) << 24));
  return { format: "argb", width, height, pixels: transparent };
}

/** The picture after the guest has scrolled it by one line of text. */
function scroll(image: ColorImage): ColorImage {
  const lines = 16 * image.width;
  const pixels = new Uint32Array(image.pixels.length);
  pixels.set(image.pixels.subarray(lines));
  pixels.set(image.pixels.subarray(0, lines), pixels.length - lines);
  return { ...image, pixels };
}

function scrolledDecoding(image: ColorImage): [() => void, ColorImage] {
  const dictionary = new GlzDictionary(windowPixels);
  const scrolled = scroll(image);
  const streams = [image, scrolled].map((each) => dictionary.encode(each)!);
  const window = new GlzWindow();
  const decode = () => {
    window.reset();
    const outcomes = streams.map((stream) => window.decode(stream));
    return outcomes.map((outcome) => (outcome.kind === "decoded" ? outcome.image : null));
  };
  checkSame(image, decode()[0]);
  checkSame(scrolled, decode()[1]);
  // Two images are decoded each time, the first on its own.
  return [decode, { ...image, pixels: new Uint32Array(image.pixels.length * 2) }];
}

function scrolledEncoding(image: ColorImage): [() => void, ColorImage] {
  const dictionary = new GlzDictionary(windowPixels);
  const frames = [image, scroll(image)];
  let next = 0;
  return [() => dictionary.encode(frames[next++ & 1]!), image];
}

function lz4Decoding(image: ColorImage): [() => void, ColorImage] {
  const data = encodeLz4Image(encodeBitmap(image, BitmapFormat["32BIT"]));
  const { width, height } = image;
  checkSame(image, decodeLz4Image(data, width, height));
  return [() => decodeLz4Image(data, width, height), image];
}

function checkSame(image: ColorImage, decoded: PixelImage | null | undefined): void {
  const bytes = ({ pixels }: PixelImage) =>
    Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  if (!decoded || !bytes(decoded).equals(bytes(image))) {
    throw new Error("an image was not decoded to its pixels");
  }
}

function checkHtml5(image: ColorImage, decoded: Uint8ClampedArray): void {
  for (let at = 0; at < image.pixels.length; at += 101) {
    const [red, green, blue] = decoded.subarray(4 * at, 4 * at + 3);
    if (((red! << 16) | (green! << 8) | blue!) !== (image.pixels[at]! & 0xffffff)) {
      throw new Error(`spice-html5 decoded pixel ${at} to another colour`);
    }
  }
}
