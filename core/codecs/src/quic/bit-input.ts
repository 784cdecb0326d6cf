// The bits of a QUIC image on their way into the decoder: 32-bit words, most significant bit first.

import { CodecError } from "../pixel-image.ts";

export interface BitInput {
  /** The data's words, and zeros behind them for whoever reads on before the end is checked. */
  readonly words: Int32Array;
  /** Bits of data. */
  readonly end: number;
  /** Bits consumed. */
  position: number;
}

/**
 * Words of zeros behind the data. The end is checked at least once in 64 pixels, and a pixel
 * takes at most 78 bits.
 */
const paddingWords = 160;

/** Copies the data, which need not be aligned. Bytes behind the last whole word are ignored. */
export function createBitInput(data: Uint8Array, position: number): BitInput {
  const wordCount = data.length >>> 2;
  const words = new Int32Array(wordCount + paddingWords);
  new Uint8Array(words.buffer).set(data.subarray(0, wordCount << 2));
  return { words, end: wordCount << 5, position };
}

/** The next 32 bits. */
export function peekBits(input: BitInput): number {
  const { words, position } = input;
  const index = position >>> 5;
  // A shift by 32 would be one by 0: hence two shifts.
  return (words[index]! << position) | ((words[index + 1]! >>> 1) >>> ~position);
}

/** @throws CodecError if more bits were consumed than there are. */
export function checkEnd(input: BitInput): void {
  if (input.position > input.end) {
    throw new CodecError("QUIC", input.end >>> 3, "ends within the pixels");
  }
}

export function invalidPixels(input: BitInput, detail: string): CodecError {
  return new CodecError("QUIC", Math.min(input.position, input.end) >>> 3, detail);
}
