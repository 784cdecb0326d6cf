// Vectors that wait for their turn, first in, first out, in few bytes each: most of their numbers are
// 0 and left out, and small ones take a byte or two.

const chunkSize = 1 << 20;
/** A number of 32 bits, and the way to it, at most. */
const numberSizeMax = 10;

export class VectorQueue {
  readonly #length: number;
  readonly #chunks: Uint8Array[] = [];
  #writeAt = chunkSize;
  #readAt = 0;

  /** `length`: of each vector. */
  constructor(length: number) {
    this.#length = length;
  }

  push(vector: Int32Array): void {
    if (this.#writeAt > chunkSize - this.#sizeMax) {
      this.#chunks.push(new Uint8Array(chunkSize));
      this.#writeAt = 0;
    }
    const chunk = this.#chunks.at(-1)!;
    let before = -1;
    for (let at = 0; at < this.#length; at++) {
      if (vector[at] === 0) continue;
      this.#write(chunk, at - before);
      this.#write(chunk, vector[at]!);
      before = at;
    }
    this.#write(chunk, 0);
  }

  /** Writes the first one into `vector`; there must be one. */
  shift(vector: Int32Array): void {
    if (this.#readAt > chunkSize - this.#sizeMax) {
      this.#chunks.shift();
      this.#readAt = 0;
    }
    const chunk = this.#chunks[0]!;
    vector.fill(0);
    for (let at = -1, gap = this.#read(chunk); gap > 0; gap = this.#read(chunk)) {
      at += gap;
      vector[at] = this.#read(chunk);
    }
  }

  /** Where less than this is free in a chunk, the next vector begins another one. */
  get #sizeMax(): number {
    return (this.#length + 1) * numberSizeMax;
  }

  #write(chunk: Uint8Array, number: number): void {
    let rest = number >>> 0;
    while (rest > 127) {
      chunk[this.#writeAt++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    chunk[this.#writeAt++] = rest;
  }

  #read(chunk: Uint8Array): number {
    let number = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = chunk[this.#readAt++]!;
      number |= (byte & 127) << shift;
      if (byte < 128) return number;
    }
  }
}
