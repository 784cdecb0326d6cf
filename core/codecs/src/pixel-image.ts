// What every image decoder returns and every encoder takes: rows from the top down without
// padding, and one number per pixel.

import { CarawayError } from "@caraway/wire";

/**
 * 32-bit pixels `0xAARRGGBB` (bytes B, G, R, A in memory on every machine that we run on).
 *
 * `xrgb`: the high byte carries no meaning; decoders leave there what the reference leaves.
 * `argb`: alpha, with colours multiplied by it where the sender did so.
 */
export interface ColorImage {
  readonly format: "xrgb" | "argb";
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

/** One byte of coverage per pixel. */
export interface AlphaImage {
  readonly format: "a8";
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

export type PixelImage = ColorImage | AlphaImage;

/** Most pixels that one image may have: the reference's surfaces stay far below it. */
export const maxImagePixels = 1 << 26;

/** Compressed bytes that do not decode. `offset` is in bytes from the start of the stream. */
export class CodecError extends CarawayError {
  readonly code = "CODEC_INVALID_DATA";
  readonly codec: string;
  readonly offset: number;

  constructor(codec: string, offset: number, detail: string) {
    super(`${codec} image at offset ${offset}: ${detail}`);
    this.codec = codec;
    this.offset = offset;
  }
}
