// The bits of a QUIC image on their way out of the encoder: 32-bit words, most significant bit first.

export interface BitOutput {
  words: Int32Array;
  /** Finished words. */
  wordCount: number;
  /** The word under way, whose low `free` bits are not in use yet. */
  word: number;
  /** 1 to 32. */
  free: number;
}

export function createBitOutput(): BitOutput {
  return { words: new Int32Array(1024), wordCount: 0, word: 0, free: 32 };
}

/** Makes sure that as many bits can be written. */
export function reserveBits(output: BitOutput, bitCount: number): void {
  const needed = output.wordCount + Math.ceil(bitCount / 32) + 3;
  if (needed <= output.words.length) return;
  const words = new Int32Array(Math.max(needed, output.words.length * 2));
  words.set(output.words.subarray(0, output.wordCount));
  output.words = words;
}

/** Writes a number in `length` bits, 1 to 32. There must be room for it. */
export function writeBits(output: BitOutput, value: number, length: number): void {
  const free = output.free - length;
  if (free > 0) {
    output.word |= value << free;
    output.free = free;
    return;
  }
  output.words[output.wordCount++] = output.word | (value >>> -free);
  // A shift by 32 would be one by 0: hence two shifts.
  output.word = (value << 1) << (31 + free);
  output.free = 32 + free;
}

/** Fills the last word with zeros, adds one of zeros, and returns the bytes. */
export function finishBits(output: BitOutput): Uint8Array {
  if (output.free < 32) writeBits(output, 0, output.free);
  writeBits(output, 0, 32);
  return new Uint8Array(output.words.buffer.slice(0, output.wordCount * 4));
}
