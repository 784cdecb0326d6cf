// Encodes JPEG with the libjpeg of the package @jsquash/jpeg, compiled to WebAssembly. Its loader
// would fetch its binary; here the binary is read from the installed package.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { ColorImage } from "@caraway/codecs";
import mozjpegFactory from "@jsquash/jpeg/codec/enc/mozjpeg_enc.js";
import { defaultOptions } from "@jsquash/jpeg/meta.js";

/** What the library's module offers; `data` is red, green, blue, alpha per pixel. */
interface JpegModule {
  encode(data: Uint8Array, width: number, height: number, options: object): Uint8Array;
}

type JpegModuleFactory = (options: {
  noInitialRun: boolean;
  instantiateWasm(imports: object, done: (instance: WasmInstance) => void): object;
}) => Promise<JpegModule>;

interface WasmInstance {
  readonly exports: object;
}

// The part of WebAssembly in use: Node's types leave it to the DOM's.
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  readonly Instance: new (module: object, imports: object) => WasmInstance;
};

const createModule = mozjpegFactory as unknown as JpegModuleFactory;

/** Speed counts, and every client must read it: no search for the best tables, no progression. */
const fastOptions = {
  ...defaultOptions,
  baseline: true,
  progressive: false,
  optimize_coding: false,
  quant_table: 0,
};

let shared: Promise<JpegModule> | undefined;

/** `quality` from 1 to 100. The high byte of the pixels does not count. */
export async function encodeJpeg(image: ColorImage, quality: number): Promise<Uint8Array> {
  shared ??= instantiate();
  const module = await shared;
  const { width, height, pixels } = image;
  const bytes = new Uint8Array(pixels.length * 4);
  for (let at = 0, to = 0; at < pixels.length; at++, to += 4) {
    const pixel = pixels[at]!;
    bytes[to] = pixel >> 16;
    bytes[to + 1] = pixel >> 8;
    bytes[to + 2] = pixel;
    bytes[to + 3] = 255;
  }
  const options = { ...fastOptions, quality, chroma_quality: quality };
  return module.encode(bytes, width, height, options).slice();
}

async function instantiate(): Promise<JpegModule> {
  const require = createRequire(import.meta.url);
  const path = require.resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  const compiled = await WebAssembly.compile(await readFile(path));
  return createModule({
    noInitialRun: true,
    instantiateWasm(imports, done) {
      const instance = new WebAssembly.Instance(compiled, imports);
      done(instance);
      return instance.exports;
    },
  });
}
