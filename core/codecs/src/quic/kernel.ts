// The caller of the fast QUIC decoder, kernels/quic.ts: reads the header, hands in tables and data,
// and takes the pixels out band by band. Who instantiates the WebAssembly is not known here.

import { type AlphaImage, CodecError, type ColorImage } from "../pixel-image.ts";
import { decodeQuic, expandFiveBits } from "./decode.ts";
import { type QuicHeader, QuicType, quicHeaderSize, readQuicHeader } from "./header.ts";
import {
  type CodeFamily,
  family5,
  family8,
  learnTriggers,
  learnWaits,
  runOrders,
} from "./tables.ts";

/** What an instance of the kernel's module exports. Addresses are in bytes. */
export interface QuicKernelExports {
  /** Its buffer is replaced whenever it grows. */
  readonly memory: { readonly buffer: ArrayBuffer };
  prepare(
    width: number,
    depth: number,
    hasColor: number,
    hasPlane: number,
    size: number,
    bandRows: number,
  ): number;
  start(size: number, position: number): void;
  bandAddress(): number;
  bitsLeft(): number;
  decodeRows(rowCount: number): number;
}

/** A decoder with the results and the errors of `decodeQuic`. */
export interface QuicKernel {
  decode(data: Uint8Array): ColorImage | AlphaImage;
}

/** Where the kernel expects its tables. */
const address = {
  lengths: 0x0000,
  escapes: 0x0800,
  entries: 0x0820,
  triggers: 0x0840,
  orders: 0x0860,
  unusedLanes: 0x0880,
  waits: 0x0900,
} as const;

const failures: Record<number, string> = {
  1: "ends within the pixels",
  2: "a symbol out of range",
  3: "a run leaves its segment",
};

/** Bytes of pixels that are decoded at a time: few enough to stay in a processor's cache. */
const bandSize = 1 << 17;

/**
 * Memory that an instance has taken it keeps. So what needs uncommonly much, in bytes of data or
 * pixels of a row, is left to the plain decoder.
 */
const maxKernelDataSize = 1 << 25;
const maxKernelWidth = 1 << 16;

/** Makes a decoder of an instance, which it then owns. */
export function createQuicKernel(instance: QuicKernelExports): QuicKernel {
  let family: CodeFamily | null = null;
  return {
    decode: (data) => {
      const header = readQuicHeader(data);
      if (data.length > maxKernelDataSize || header.width > maxKernelWidth) return decodeQuic(data);
      const needed = header.type === QuicType.RGB16 ? family5 : family8;
      if (family !== needed) {
        family = needed;
        writeTables(instance.memory.buffer, family);
      }
      return decodeWithKernel(instance, header, family.depth, data);
    },
  };
}

function decodeWithKernel(
  instance: QuicKernelExports,
  { type, width, height }: QuicHeader,
  depth: number,
  data: Uint8Array,
): ColorImage | AlphaImage {
  const hasColor = type !== QuicType.GRAY;
  const hasPlane = type === QuicType.GRAY || type === QuicType.RGBA;
  const rowSize = hasColor ? width * 4 : width;
  const bandRows = Math.min(height, Math.max(1, Math.floor(bandSize / rowSize)));
  const size = data.length & ~3;

  const dataAddress = instance.prepare(
    width,
    depth,
    Number(hasColor),
    Number(hasPlane),
    size,
    bandRows,
  );
  if (dataAddress === 0) return decodeQuic(data);
  const { buffer } = instance.memory;
  new Uint8Array(buffer, dataAddress, size).set(data.subarray(0, size));
  instance.start(size, quicHeaderSize * 8);

  const pixels = hasColor ? new Uint32Array(width * height) : new Uint8Array(width * height);
  const band = hasColor
    ? new Uint32Array(buffer, instance.bandAddress(), width * bandRows)
    : new Uint8Array(buffer, instance.bandAddress(), width * bandRows);
  for (let row = 0; row < height; row += bandRows) {
    const rowCount = Math.min(bandRows, height - row);
    const failure = instance.decodeRows(rowCount);
    if (failure !== 0) {
      const offset = size - Math.max(0, instance.bitsLeft() >> 3);
      throw new CodecError("QUIC", offset, failures[failure]!);
    }
    pixels.set(rowCount === bandRows ? band : band.subarray(0, width * rowCount), width * row);
  }

  if (pixels instanceof Uint8Array) return { format: "a8", width, height, pixels };
  if (type === QuicType.RGB16) expandFiveBits(pixels);
  return { format: type === QuicType.RGBA ? "argb" : "xrgb", width, height, pixels };
}

/** Writes the tables of a family where a kernel expects them. */
export function writeTables(buffer: ArrayBuffer, family: CodeFamily): void {
  const bytes = new Uint8Array(buffer);
  bytes.set(family.lengths, address.lengths);
  bytes.set(family.entries, address.entries);
  bytes.set(runOrders, address.orders);
  bytes.set(learnWaits, address.waits);
  new Uint16Array(buffer, address.triggers).set(learnTriggers);
  new Int32Array(buffer, address.unusedLanes).set(family.unusedPairs);
  const escapes = new Uint32Array(buffer, address.escapes);
  for (let code = 0; code < family.depth; code++) {
    escapes[code] = (family.escapeFirst[code]! << 8) | family.escapeLength[code]!;
  }
}
