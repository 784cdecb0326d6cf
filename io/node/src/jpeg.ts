// Decodes JPEG with the libjpeg of the package @jsquash/jpeg, compiled to WebAssembly. Its loader
// would fetch its binary; here the binary is read from the installed package.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { CodecError, type ColorImage, readJpegSize } from "@caraway/codecs";
import mozjpegFactory from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";

/** What the library's module offers; `data` is red, green, blue, alpha per pixel. */
interface JpegModule {
  decode(
    data: Uint8Array,
    preserveOrientation: boolean,
  ): { data: Uint8ClampedArray; width: number; height: number } | null;
}

type JpegModuleFactory = (options: {
  noInitialRun: boolean;
  instantiateWasm(imports: object, done: (instance: WasmInstance) => void): object;
  print(line: string): void;
  printErr(line: string): void;
}) => Promise<JpegModule>;

interface WasmInstance {
  readonly exports: object;
}

// The part of WebAssembly in use: Node's types leave it to the DOM's.
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  readonly Instance: new (module: object, imports: object) => WasmInstance;
};

const createModule: JpegModuleFactory = mozjpegFactory;

/** An instance keeps the memory of its largest image; above this many pixels it is let go. */
const maxKeptPixels = 1 << 23;

let binary: Promise<object> | undefined;
let spare: JpegModule | undefined;

/**
 * Decodes a JPEG image to `xrgb` with a high byte of 0, exactly as libjpeg does by default.
 *
 * @throws CodecError when the image is damaged, of a kind that libjpeg does not read, or larger
 *   than an image may be; the size is checked before memory is taken.
 */
export async function decodeJpeg(data: Uint8Array): Promise<ColorImage> {
  const { width, height } = readJpegSize(data);
  const module = spare ?? (await instantiate());
  // An instance does not survive an error of libjpeg, so it is kept only after a success.
  spare = undefined;
  let decoded: ReturnType<JpegModule["decode"]>;
  try {
    decoded = module.decode(data, false);
  } catch {
    throw new CodecError("JPEG", 0, "libjpeg cannot decode it");
  }
  if (decoded === null || decoded.width !== width || decoded.height !== height) {
    throw new CodecError("JPEG", 0, `libjpeg gives no image of ${width} by ${height}`);
  }
  if (width * height <= maxKeptPixels) spare = module;

  const bytes = decoded.data;
  const pixels = new Uint32Array(width * height);
  for (let at = 0, from = 0; at < pixels.length; at++, from += 4) {
    pixels[at] = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
  }
  return { format: "xrgb", width, height, pixels };
}

async function instantiate(): Promise<JpegModule> {
  binary ??= compile();
  const compiled = await binary;
  return createModule({
    noInitialRun: true,
    instantiateWasm(imports, done) {
      const instance = new WebAssembly.Instance(compiled, imports);
      done(instance);
      return instance.exports;
    },
    // What libjpeg has to say about a damaged image goes nowhere.
    print() {},
    printErr() {},
  });
}

async function compile(): Promise<object> {
  const require = createRequire(import.meta.url);
  const path = require.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  return WebAssembly.compile(await readFile(path));
}
