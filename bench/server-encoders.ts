// How fast the server encodes pictures and how small they become, beside the real spice-server,
// whose worker thread is measured while it sends the same pictures to our client.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  BitmapFormat,
  type ColorImage,
  encodeBitmap,
  encodeLz,
  GlzDictionary,
  QuicType,
} from "@caraway/codecs";
import { CarawayClient, type DrawServer, endpointOf, startDrawServer } from "@caraway/interop";
import { ImageCompression, ImageType, RopDescriptor } from "@caraway/protocol";
import { encodeJpeg } from "../io/node/src/jpeg-encode.ts";
import { encoderKernels } from "../io/node/src/kernels.ts";
import { geometricMean } from "./cpu-rate.ts";
import { makePictures } from "./pictures.ts";
import type { BenchRow } from "./row.ts";

const suite = "server encoders";
const peer = "spice-server (Debian)";
/** What spice-server has, too. */
const jpegQuality = 85;
const windowPixels = 1 << 22;

interface Codec {
  readonly name: string;
  readonly compression: number;
  readonly jpeg?: "always";
  /** Those for which it is chosen, where that is not all. */
  readonly pictures?: readonly string[];
  readonly type: number;
  /** Makes what encodes pictures that follow each other, and gives the bytes of each. */
  readonly begin: () => (frames: readonly ColorImage[]) => Promise<number[]> | number[];
  /** What of spice-server's speed must be reached, on average, and of its compression. */
  readonly speedFloor?: number;
  readonly sizeFloor?: number;
}

const codecs: readonly Codec[] = [
  {
    name: "QUIC",
    compression: ImageCompression.QUIC,
    type: ImageType.QUIC,
    begin: () => (frames) =>
      frames.map((frame) => encoderKernels().quic.encode(frame, QuicType.RGB32).length),
    speedFloor: 0.6,
    sizeFloor: 0.95,
  },
  {
    name: "LZ",
    compression: ImageCompression.LZ,
    type: ImageType.LZ_RGB,
    begin: () => (frames) => frames.map((frame) => encodeLz(frame).length),
    speedFloor: 0.55,
    sizeFloor: 0.95,
  },
  {
    name: "GLZ",
    compression: ImageCompression.GLZ,
    type: ImageType.GLZ_RGB,
    begin: () => {
      const dictionary = new GlzDictionary(windowPixels);
      return (frames) => frames.map((frame) => dictionary.encode(frame)!.length);
    },
    speedFloor: 0.3,
    sizeFloor: 0.9,
  },
  {
    name: "LZ4",
    compression: ImageCompression.LZ4,
    type: ImageType.LZ4,
    begin: () => (frames) =>
      frames.map((frame) => {
        return encoderKernels().lz4.encode(encodeBitmap(frame, BitmapFormat["32BIT"])).length;
      }),
    speedFloor: 0.3,
    sizeFloor: 0.95,
  },
  {
    name: "JPEG",
    compression: ImageCompression.AUTO_GLZ,
    jpeg: "always",
    pictures: ["photo"],
    type: ImageType.JPEG,
    begin: () => (frames) =>
      Promise.all(frames.map(async (frame) => (await encodeJpeg(frame, jpegQuality)).length)),
    speedFloor: 0.1,
    sizeFloor: 0.95,
  },
];

interface Figures {
  readonly pixelsPerSecond: number;
  /** Bytes of the pixels to bytes that are sent. */
  readonly compression: number;
}

export async function benchServerEncoders(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const codec of codecs) rows.push(...(await benchCodec(codec)));
  return rows;
}

async function benchCodec(codec: Codec): Promise<BenchRow[]> {
  const names = codec.pictures ?? ["desktop", "page", "photo"];
  const pictures = makePictures().filter(({ name }) => names.includes(name));
  const ours: Figures[] = [];
  const theirs: Figures[] = [];
  for (const { width, height, pixels } of pictures) {
    const image: ColorImage = { format: "xrgb", width, height, pixels };
    const frames = [image, scrolled(image), scrolled(scrolled(image))];
    ours.push(await measureOurs(codec, frames));
    theirs.push(await measureTheirs(codec, frames));
  }
  const rowsOf = (what: string, our: Figures, their: Figures): BenchRow[] => [
    {
      ...{ suite, name: `${codec.name}, ${what}`, unit: "MPix/s", peer },
      ...{ value: our.pixelsPerSecond / 1e6, peerValue: their.pixelsPerSecond / 1e6 },
      ratio: our.pixelsPerSecond / their.pixelsPerSecond,
    },
    {
      ...{ suite, name: `${codec.name}, ${what}, compression`, unit: "times", peer },
      ...{ value: our.compression, peerValue: their.compression },
      ratio: our.compression / their.compression,
    },
  ];
  const mean = (all: readonly Figures[]): Figures => ({
    pixelsPerSecond: geometricMean(all.map(({ pixelsPerSecond }) => pixelsPerSecond)),
    compression: geometricMean(all.map(({ compression }) => compression)),
  });
  const [speed, size] = rowsOf("mean", mean(ours), mean(theirs)) as [BenchRow, BenchRow];
  return [
    ...pictures.flatMap(({ name }, at) => rowsOf(name, ours[at]!, theirs[at]!)),
    { ...speed, ...(codec.speedFloor === undefined ? {} : { floor: codec.speedFloor }) },
    { ...size, ...(codec.sizeFloor === undefined ? {} : { floor: codec.sizeFloor }) },
  ];
}

/** The picture after the guest has scrolled it by one line of text. */
function scrolled(image: ColorImage): ColorImage {
  const lines = 16 * image.width;
  const pixels = new Uint32Array(image.pixels.length);
  pixels.set(image.pixels.subarray(lines));
  pixels.set(image.pixels.subarray(0, lines), pixels.length - lines);
  return { ...image, pixels };
}

function figures(frames: readonly ColorImage[], sizes: readonly number[], seconds: number) {
  const pixels = frames.reduce((sum, frame) => sum + frame.pixels.length, 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { pixelsPerSecond: pixels / seconds, compression: (pixels * 4) / bytes };
}

async function measureOurs({ begin }: Codec, frames: readonly ColorImage[]): Promise<Figures> {
  let best = Number.POSITIVE_INFINITY;
  let sizes: number[] = [];
  for (let round = 0; round < 3; round++) {
    const encode = begin();
    const before = process.cpuUsage();
    sizes = await encode(frames);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return figures(frames, sizes, best);
}

async function measureTheirs(codec: Codec, frames: readonly ColorImage[]): Promise<Figures> {
  const { compression, jpeg = "never", type } = codec;
  await using server = await startDrawServer({ compression, jpeg });
  const sizes: number[] = [];
  const client = new CarawayClient(endpointOf(server.address), {
    onRender: (command) => {
      if (command.type !== "apply" || command.message.name !== "DRAW_COPY") return;
      const image = command.message.body.srcBitmap!;
      if (image.type === type && "data" in image) sizes.push(image.data.length);
    },
  });
  try {
    const { width, height } = frames[0]!;
    await server.waitForDisplay();
    await server.createPrimary(width, height);
    await client.settle();
    sizes.length = 0;
    const before = workerSeconds(server);
    const box = { left: 0, top: 0, right: width, bottom: height };
    for (const [index, frame] of frames.entries()) {
      const { data } = encodeBitmap(frame, BitmapFormat["32BIT"]);
      const format = BitmapFormat["32BIT"];
      const source = { kind: "bitmap", format, width, height, stride: width * 4, data } as const;
      const operation = {
        kind: "copy",
        rop: RopDescriptor.OP_PUT,
        source,
        sourceArea: box,
      } as const;
      server.draw({ surface: 0, box, operation });
      // Asks for an answer, so that the drawing is on its way.
      await server.monitors([{ id: 0, surface: 0, x: 0, y: 0, width, height }]);
      for (let waited = 0; sizes.length <= index; waited += 10) {
        if (waited > 20_000) throw new Error(`${codec.name}: no picture of this type was sent`);
        await delay(10);
      }
    }
    return figures(frames, sizes, workerSeconds(server) - before);
  } finally {
    client.close();
  }
}

/** Processor time of the threads beside the first, which takes our commands. */
function workerSeconds({ pid }: DrawServer): number {
  const threads = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== `${pid}`);
  const nanoseconds = threads.map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9;
}
