// Pixels as SPICE has them, `0x..RRGGBB`, as a browser's canvas takes them: bytes R, G, B, 255. A
// kernel, kernels/canvas-pixels.ts, does it fast; who instantiates the WebAssembly is not known here.

/** Where the pixels of a box are: rows of so many pixels, of which some are wanted. */
export interface PixelRows {
  readonly pixels: Uint32Array;
  /** Pixels from one row to the next. */
  readonly stride: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The answer is valid until the next call. */
export type ToCanvasPixels = (rows: PixelRows) => Uint8ClampedArray<ArrayBuffer>;

/** What an instance of the kernel's module exports. Addresses are in bytes. */
export interface CanvasPixelsExports {
  /** Its buffer is replaced whenever it grows. */
  readonly memory: { readonly buffer: ArrayBuffer };
  room(count: number): number;
  convert(count: number): void;
}

/** Memory that an instance has taken it keeps: more than this is left to the plain way. */
const maxKernelPixels = 1 << 24;

/** The plain way, with memory of its own. */
export function plainCanvasPixels(): ToCanvasPixels {
  let memory = new Uint32Array(1 << 16);
  return (rows) => {
    const { pixels, stride, left, top, width, height } = rows;
    if (memory.length < width * height) memory = new Uint32Array(width * height);
    for (let row = 0; row < height; row++) {
      convertRow(pixels, (top + row) * stride + left, memory, row * width, width);
    }
    return new Uint8ClampedArray(memory.buffer, 0, width * height * 4);
  };
}

/** The fast way, by an instance that it then owns. */
export function kernelCanvasPixels(instance: CanvasPixelsExports): ToCanvasPixels {
  const plain = plainCanvasPixels();
  return (rows) => {
    const { pixels, stride, left, top, width, height } = rows;
    const count = width * height;
    const address = count > maxKernelPixels ? 0 : instance.room(count);
    if (address === 0) return plain(rows);
    const memory = new Uint32Array(instance.memory.buffer, address, count);
    for (let row = 0; row < height; row++) {
      const from = (top + row) * stride + left;
      memory.set(pixels.subarray(from, from + width), row * width);
    }
    instance.convert(count);
    return new Uint8ClampedArray(instance.memory.buffer, address, count * 4);
  };
}

function convertRow(
  from: Uint32Array,
  fromAt: number,
  to: Uint32Array,
  toAt: number,
  count: number,
): void {
  for (let at = 0; at < count; at++) {
    const color = from[fromAt + at]!;
    to[toAt + at] =
      0xff000000 | ((color & 0xff) << 16) | (color & 0xff00) | ((color >>> 16) & 0xff);
  }
}
