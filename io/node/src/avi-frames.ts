// Reads the frames of one stream of video out of an AVI file as it is written: behind the head come
// chunks, each with its size.

const chunkHeaderSize = 8;
/** The head of a file is no larger. */
const headMax = 1 << 16;
const frameMax = 1 << 26;

export class AviFrames {
  #bytes: Buffer = Buffer.alloc(0);
  #isHead = true;

  /** @throws Error when it is no such file. */
  push(piece: Buffer): Buffer[] {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    if (this.#isHead && !this.#skipHead()) return [];
    const frames: Buffer[] = [];
    while (this.#bytes.length >= chunkHeaderSize) {
      const size = this.#bytes.readUInt32LE(4);
      if (size > frameMax) throw new Error(`a frame of ${size} bytes`);
      // Chunks begin at even places.
      const end = chunkHeaderSize + size + (size & 1);
      if (this.#bytes.length < end) break;
      const kind = this.#bytes.toString("latin1", 2, 4);
      const data = this.#bytes.subarray(chunkHeaderSize, chunkHeaderSize + size);
      if ((kind === "dc" || kind === "db") && size > 0) frames.push(data);
      this.#bytes = this.#bytes.subarray(end);
    }
    return frames;
  }

  #skipHead(): boolean {
    const at = this.#bytes.indexOf("movi");
    if (at < 0) {
      if (this.#bytes.length > headMax) throw new Error("no AVI file");
      return false;
    }
    this.#bytes = this.#bytes.subarray(at + 4);
    this.#isHead = false;
    return true;
  }
}
