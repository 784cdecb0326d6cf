// The first five words of a QUIC image, and what its size alone says about plausibility
// (docs/formats/quic.md, sections 1 and 9).

import { CodecError, maxImagePixels } from "../pixel-image.ts";

export const quicMagic = 0x43495551;
export const quicVersion = 0;
export const quicHeaderSize = 20;

/** The image types by their number on the wire. */
export const QuicType = { GRAY: 1, RGB16: 2, RGB24: 3, RGB32: 4, RGBA: 5 } as const;
export type QuicType = (typeof QuicType)[keyof typeof QuicType];

export interface QuicHeader {
  readonly type: QuicType;
  readonly width: number;
  readonly height: number;
}

/** Longer images are refused: positions are counted in bits, in 31-bit numbers. */
const maxDataSize = 1 << 27;

/**
 * Reads and checks the header, without decoding a pixel.
 *
 * @throws CodecError if it is not one, or if the data cannot hold as many pixels as it claims.
 */
export function readQuicHeader(data: Uint8Array): QuicHeader {
  if (data.length < quicHeaderSize) {
    throw new CodecError("QUIC", data.length, "ends within the header");
  }
  if (data.length > maxDataSize) {
    throw new CodecError(
      "QUIC",
      maxDataSize,
      `${data.length} bytes are more than an image may have`,
    );
  }
  const words = new DataView(data.buffer, data.byteOffset, quicHeaderSize);
  if (words.getUint32(0, true) !== quicMagic) throw new CodecError("QUIC", 0, "no QUIC magic");
  const version = words.getUint32(4, true);
  if (version !== quicVersion) throw new CodecError("QUIC", 4, `unknown version ${version}`);
  const type = words.getUint32(8, true);
  if (!isQuicType(type)) throw new CodecError("QUIC", 8, `unknown image type ${type}`);
  const width = words.getUint32(12, true);
  const height = words.getUint32(16, true);
  if (width === 0 || height === 0 || width * height > maxImagePixels) {
    throw new CodecError("QUIC", 12, `a size of ${width} x ${height} pixels`);
  }
  const bits = (data.length - quicHeaderSize) * 8;
  if (bits < leastBits(type, width, height)) {
    throw new CodecError("QUIC", data.length, `too short for ${width} x ${height} pixels`);
  }
  return { type, width, height };
}

function isQuicType(type: number): type is QuicType {
  return type >= QuicType.GRAY && type <= QuicType.RGBA;
}

function leastBits(type: QuicType, width: number, height: number): number {
  const components = type === QuicType.GRAY ? 1 : type === QuicType.RGBA ? 4 : 3;
  const passes = type === QuicType.RGBA ? 2 : 1;
  const perRow = components * Math.min(width, 3) + (width > 3 ? passes : 0);
  return components * width + (height - 1) * perRow;
}
