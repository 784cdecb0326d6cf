// The caller of the fast QUIC encoder, kernels/quic-encode.ts: writes the header, hands in tables
// and pixels band by band, and collects the words. Who instantiates the WebAssembly is not known
// here.

import { joinBytes } from "@caraway/wire";
import type { ColorImage } from "../pixel-image.ts";
import { encodeQuic, type QuicColorType } from "./encode.ts";
import { QuicType, quicMagic, quicVersion } from "./header.ts";
import { writeTables } from "./kernel.ts";
import { type CodeFamily, family5, family8 } from "./tables.ts";

/** What an instance of the kernel's module exports. Addresses and sizes are in bytes. */
export interface QuicEncodeKernelExports {
  /** Its buffer is replaced whenever it grows. */
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Returns where the rows of each band go; 0 where there is no memory. */
  prepare(width: number, depth: number, bandRows: number): number;
  encodeRows(rowCount: number): number;
  finish(): number;
  /** Where the words are that the two have made. */
  words(): number;
}

/** An encoder with the results of `encodeQuic`. */
export interface QuicEncodeKernel {
  encode(image: ColorImage, type: QuicColorType): Uint8Array;
}

/** Bytes of pixels that are encoded at a time. */
const bandSize = 1 << 16;
/** Memory that an instance has taken it keeps: wider images are left to the plain encoder. */
const maxKernelWidth = 1 << 14;

/** Makes an encoder of an instance, which it then owns. */
export function createQuicEncodeKernel(instance: QuicEncodeKernelExports): QuicEncodeKernel {
  let family: CodeFamily | null = null;
  return {
    encode: (image, type) => {
      // Alpha is a pass of its own between the rows, and rare.
      if (type === QuicType.RGBA || image.width > maxKernelWidth) return encodeQuic(image, type);
      const needed = type === QuicType.RGB16 ? family5 : family8;
      if (family !== needed) {
        family = needed;
        writeTables(instance.memory.buffer, family);
      }
      return encodeWithKernel(instance, image, type, family.depth);
    },
  };
}

function encodeWithKernel(
  instance: QuicEncodeKernelExports,
  image: ColorImage,
  type: QuicColorType,
  depth: number,
): Uint8Array {
  const { width, height, pixels } = image;
  const bandRows = Math.min(height, Math.max(1, Math.floor(bandSize / (width * 4))));
  const rows = instance.prepare(width, depth, bandRows);
  if (rows === 0) return encodeQuic(image, type);
  const header = Uint32Array.of(quicMagic, quicVersion, type, width, height);
  const parts = [new Uint8Array(header.buffer)];
  const take = (size: number): void => {
    const words = new Uint8Array(instance.memory.buffer, instance.words(), size);
    parts.push(words.slice());
  };
  const band = width * bandRows;
  for (let at = 0; at < pixels.length; at += band) {
    const part = pixels.subarray(at, at + band);
    new Uint32Array(instance.memory.buffer, rows, part.length).set(part);
    take(instance.encodeRows(part.length / width));
  }
  take(instance.finish());
  return joinBytes(parts);
}
