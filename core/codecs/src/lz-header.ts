// The header of LZ images, and what GLZ shares with it: the types, and checks of sizes. See
// docs/formats/lz.md.

import { countPixels } from "./image-size.ts";
import { type IndexLayout, indexRowSize } from "./palette.ts";
import { CodecError } from "./pixel-image.ts";

/** LZ_IMAGE_TYPE_*. GLZ uses those up to RGBA. */
export const LzType = {
  PLT1_LE: 1,
  PLT1_BE: 2,
  PLT4_LE: 3,
  PLT4_BE: 4,
  PLT8: 5,
  RGB16: 6,
  RGB24: 7,
  RGB32: 8,
  RGBA: 9,
  XXXA: 10,
  A8: 11,
} as const;

export type LzType = (typeof LzType)[keyof typeof LzType];

export interface LzHeader {
  readonly type: LzType;
  readonly width: number;
  readonly height: number;
  /** Bytes of a row in the sender's bitmap. */
  readonly stride: number;
  readonly topDown: boolean;
}

export const lzMagic = 0x20205a4c;
export const lzVersion = 0x00010001;
export const lzHeaderSize = 28;

const indexLayouts: Readonly<Record<number, IndexLayout>> = {
  [LzType.PLT1_LE]: { bits: 1, upperFirst: false },
  [LzType.PLT1_BE]: { bits: 1, upperFirst: true },
  [LzType.PLT4_LE]: { bits: 4, upperFirst: false },
  [LzType.PLT4_BE]: { bits: 4, upperFirst: true },
  [LzType.PLT8]: { bits: 8, upperFirst: true },
};

/** How the indices of a palette type lie in their bytes; undefined for the other types. */
export function lzIndexLayout(type: number): IndexLayout | undefined {
  return indexLayouts[type];
}

/** Bytes per pixel of a row in the sender's bitmap, for the types without palette. */
const bytesPerPixel: Readonly<Record<number, number>> = {
  [LzType.RGB16]: 2,
  [LzType.RGB24]: 3,
  [LzType.RGB32]: 4,
  [LzType.RGBA]: 4,
  [LzType.XXXA]: 4,
  [LzType.A8]: 1,
};

/** Bytes of a row without padding in the bitmap that an image of this type comes from. */
export function lzRowSize(type: LzType, width: number): number {
  const layout = indexLayouts[type];
  return layout === undefined ? width * bytesPerPixel[type]! : indexRowSize(layout, width);
}

/**
 * Reads the header of an LZ image.
 *
 * @throws CodecError when it is not one or when its numbers do not fit together.
 */
export function readLzHeader(data: Uint8Array): LzHeader {
  if (data.length < lzHeaderSize) throw new CodecError("LZ", data.length, "its header is cut off");
  const view = new DataView(data.buffer, data.byteOffset, lzHeaderSize);
  checkLzStart("LZ", view);
  const type = view.getUint32(8);
  if (type < LzType.PLT1_LE || type > LzType.A8) {
    throw new CodecError("LZ", 8, `there is no type ${type}`);
  }
  const header: LzHeader = {
    type: type as LzType,
    width: view.getUint32(12),
    height: view.getUint32(16),
    stride: view.getUint32(20),
    topDown: view.getUint32(24) !== 0,
  };
  countPixels("LZ", 12, header.width, header.height);
  checkStride("LZ", 20, header);
  return header;
}

/** Checks magic and version, which LZ and GLZ have in common. */
export function checkLzStart(codec: string, view: DataView): void {
  if (view.getUint32(0) !== lzMagic) throw new CodecError(codec, 0, "it does not begin with LZ");
  if (view.getUint32(4) !== lzVersion) {
    throw new CodecError(codec, 4, `its version 0x${view.getUint32(4).toString(16)} is unknown`);
  }
}

export function checkStride(codec: string, offset: number, header: LzHeader): void {
  if (header.stride !== lzRowSize(header.type, header.width)) {
    const detail = `a stride of ${header.stride} does not fit a width of ${header.width}`;
    throw new CodecError(codec, offset, detail);
  }
}

/**
 * Refuses a stream that cannot possibly hold so many units: no byte stands for more than 255.
 * So memory taken stays in proportion to the bytes received.
 */
export function checkPlausible(codec: string, byteCount: number, unitCount: number): void {
  if (unitCount > 255 * byteCount) {
    throw new CodecError(codec, byteCount, `${byteCount} bytes cannot hold ${unitCount} units`);
  }
}

export function checkEnd(codec: string, data: Uint8Array, at: number): void {
  if (at !== data.length)
    throw new CodecError(codec, at, `${data.length - at} bytes are left over`);
}
