// Bytes that arrived and were not yet taken, in the chunks in which they came. Taking bytes that
// lie in one chunk copies nothing.

export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #head = 0;
  #size = 0;

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }

  /** A copy of the first `size` bytes, or null if there are fewer. Takes nothing. */
  peek(size: number): Uint8Array | null {
    if (this.#size < size) return null;
    const out = new Uint8Array(size);
    let filled = 0;
    for (let index = this.#head; filled < size; index++) {
      const part = this.#chunks[index]!.subarray(0, size - filled);
      out.set(part, filled);
      filled += part.length;
    }
    return out;
  }

  /** Takes the first `size` bytes, or nothing and null if there are fewer. */
  take(size: number): Uint8Array | null {
    if (this.#size < size) return null;
    if (size === 0) return new Uint8Array(0);
    const first = this.#chunks[this.#head]!;
    if (first.length >= size) {
      this.#drop(first, size);
      return first.subarray(0, size);
    }
    const out = this.peek(size)!;
    let left = size;
    while (left > 0) {
      const chunk = this.#chunks[this.#head]!;
      const part = Math.min(left, chunk.length);
      this.#drop(chunk, part);
      left -= part;
    }
    return out;
  }

  /** Takes everything. */
  takeAll(): Uint8Array {
    return this.take(this.#size)!;
  }

  #drop(chunk: Uint8Array, size: number): void {
    this.#size -= size;
    if (size < chunk.length) {
      this.#chunks[this.#head] = chunk.subarray(size);
      return;
    }
    this.#head += 1;
    // Shift in bulk: one by one would be quadratic for a message of many chunks.
    if (this.#head > 64 || this.#head === this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
