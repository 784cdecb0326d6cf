// The encoders that a driver may bring in place of the plain ones: faster, or those that only a
// platform's library has.

import {
  type Bitmap,
  type ColorImage,
  encodeLz,
  encodeLz4Image,
  encodeQuic,
  type LzColorType,
  type PixelImage,
  type QuicColorType,
} from "@caraway/codecs";
import type { VideoCodecType } from "@caraway/protocol";

export interface Encoders {
  readonly quic: (image: ColorImage, type: QuicColorType) => Uint8Array;
  readonly lz: (image: PixelImage, type: LzColorType) => Uint8Array;
  readonly lz4: (bitmap: Bitmap) => Uint8Array;
  /** A zlib stream; null where there is no zlib. */
  readonly deflate: ((bytes: Uint8Array) => Uint8Array) | null;
  /** Whether the driver does `jpeg` tasks. */
  readonly jpeg: boolean;
  /** Codecs of which the driver does `video-encode` tasks. */
  readonly video: readonly VideoCodecType[];
  /** Whether the driver does `opus-encode` and `opus-decode` tasks. */
  readonly opus: boolean;
}

/** In plain TypeScript. */
export const plainEncoders: Encoders = {
  quic: (image, type) => encodeQuic(image, type),
  lz: encodeLz,
  lz4: encodeLz4Image,
  deflate: null,
  jpeg: false,
  video: [],
  opus: false,
};
