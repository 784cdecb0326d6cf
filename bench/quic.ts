// How fast QUIC images are decoded, against spice-html5 in the same process, and encoded.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ColorImage, decodeQuic, encodeQuic, QuicType } from "@caraway/codecs";
import { loadKernels } from "../io/node/src/kernels.ts";
import { cpuRates, geometricMean } from "./cpu-rate.ts";
import { makePictures, type Picture } from "./pictures.ts";
import type { BenchRow } from "./row.ts";
import { loadHtml5Quic, spiceHtml5 } from "./spice-html5.ts";

const suite = "quic";
const unit = "MPix/s";

/** Rates of the three decoders and of the encoder on one picture. */
interface Rates {
  readonly wasm: number;
  readonly typescript: number;
  readonly html5: number;
  readonly encode: number;
}

export async function benchQuic(): Promise<BenchRow[]> {
  const decodeHtml5 = await loadHtml5Quic();
  const { quic } = loadKernels();
  const rows: BenchRow[] = [];
  const all: Rates[] = [];
  for (const picture of makePictures()) {
    const image = toImage(picture);
    const data = encodeQuic(image, QuicType.RGB32);
    checkPixels(picture, quic.decode(data).pixels);
    checkPixels(picture, decodeQuic(data).pixels);
    checkPixels(picture, decodeHtml5(data));

    const perSecond = cpuRates([
      () => quic.decode(data),
      () => decodeQuic(data),
      () => decodeHtml5(data),
      () => encodeQuic(image, QuicType.RGB32),
    ]);
    const [wasm, typescript, html5, encode] = perSecond.map(
      (rate) => (rate * image.pixels.length) / 1e6,
    ) as [number, number, number, number];
    const rates = { wasm, typescript, html5, encode };
    all.push(rates);
    rows.push(...describe(picture.name, rates));
  }

  const mean = {
    wasm: geometricMean(all.map(({ wasm }) => wasm)),
    typescript: geometricMean(all.map(({ typescript }) => typescript)),
    html5: geometricMean(all.map(({ html5 }) => html5)),
    encode: geometricMean(all.map(({ encode }) => encode)),
  };
  const [wasmMean, ...otherMeans] = describe("mean", mean);
  rows.push({ ...wasmMean!, floor: 4 }, ...otherMeans);
  rows.push(...benchFirstImage());
  return rows;
}

function describe(what: string, { wasm, typescript, html5, encode }: Rates): BenchRow[] {
  const peer = { peer: spiceHtml5, peerValue: html5 };
  return [
    { suite, name: `decode ${what}, wasm`, value: wasm, unit, ...peer, ratio: wasm / html5 },
    {
      ...{ suite, name: `decode ${what}, TypeScript`, value: typescript, unit },
      ...{ ...peer, ratio: typescript / html5 },
    },
    { suite, name: `encode ${what}, TypeScript`, value: encode, unit },
  ];
}

/** The first 1080p image that a process decodes: nothing is compiled or optimised yet. */
function benchFirstImage(): BenchRow[] {
  const data = encodeQuic(toImage(makePictures()[0]!), QuicType.RGB32);
  const time = (decoder: string): number => {
    const script = fileURLToPath(new URL("quic-first-image.ts", import.meta.url));
    const times = [1, 2, 3].map(() => {
      const run = spawnSync(process.execPath, [...process.execArgv, script, decoder], {
        input: data,
        encoding: "utf8",
      });
      if (run.status !== 0) throw new Error(`${decoder} did not decode: ${run.stderr}`);
      return Number(run.stdout.trim().split("\n").at(-1));
    });
    return Math.min(...times);
  };
  const html5 = time("spice-html5");
  const row = (name: string, value: number): BenchRow => ({
    ...{ suite, name, value, unit: "ms", peer: spiceHtml5 },
    ...{ peerValue: html5, ratio: html5 / value },
  });
  return [
    { ...row("first 1080p image, wasm", time("wasm")), ceiling: 100 },
    row("first 1080p image, TypeScript", time("typescript")),
  ];
}

function toImage({ width, height, pixels }: Picture): ColorImage {
  return { format: "xrgb", width, height, pixels };
}

function checkPixels(picture: Picture, decoded: Uint32Array | Uint8Array | undefined): void {
  const bytes = (array: Uint32Array | Uint8Array) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  if (!decoded || !bytes(decoded).equals(bytes(picture.pixels))) {
    throw new Error(`${picture.name} was not decoded to its pixels`);
  }
}
