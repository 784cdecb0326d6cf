// The caller of the fast LZ4 encoder, kernels/lz4.ts: hands in the rows part by part and collects
// the blocks. Who instantiates the WebAssembly is not known here.

import { joinBytes } from "@caraway/wire";
import type { Bitmap } from "./bitmap.ts";
import { checkLz4Bitmap, encodeLz4Image, lz4ImageHeader } from "./lz4-encode.ts";

/** What an instance of the kernel's module exports. Addresses are in bytes. */
export interface Lz4KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Begins a stream; returns the most bytes of a part, 0 where there is no memory. */
  reset(): number;
  /** Where the next part goes. */
  room(): number;
  /** Makes a block of so many bytes there; returns its size. */
  encode(size: number): number;
  /** Where the block is. */
  block(): number;
}

/** An encoder for what `encodeLz4Image` takes, and with its errors. */
export interface Lz4Kernel {
  encode(bitmap: Bitmap): Uint8Array;
}

const blockHeaderSize = 4;

/** Makes an encoder of an instance, which it then owns. */
export function createLz4Kernel(instance: Lz4KernelExports): Lz4Kernel {
  return { encode: (bitmap) => encodeWithKernel(instance, bitmap) };
}

function encodeWithKernel(instance: Lz4KernelExports, bitmap: Bitmap): Uint8Array {
  const bytes = checkLz4Bitmap(bitmap);
  const partMax = instance.reset();
  if (partMax === 0) return encodeLz4Image(bitmap);
  const parts: Uint8Array[] = [lz4ImageHeader(bitmap)];
  for (let at = 0; at < bytes.length; at += partMax) {
    const part = bytes.subarray(at, at + partMax);
    new Uint8Array(instance.memory.buffer, instance.room(), part.length).set(part);
    const blockSize = instance.encode(part.length);
    const block = new Uint8Array(blockHeaderSize + blockSize);
    new DataView(block.buffer).setUint32(0, blockSize);
    block.set(new Uint8Array(instance.memory.buffer, instance.block(), blockSize), blockHeaderSize);
    parts.push(block);
  }
  return joinBytes(parts);
}
