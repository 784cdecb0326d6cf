// A file that the user chose in a page as what a stick stands on: read from the file, and what the
// guest writes is kept in memory above it, until the page saves it as a file of its own. The file
// itself stays as it is: a page cannot write into the middle of one.

import type { BlockStore } from "@caraway/driver";

/** Pieces in which what was written is kept. */
const pieceBytes = 64 << 10;

export class OverlayStore implements BlockStore {
  readonly writable = true;
  readonly #base: Blob;
  readonly #bytesMax: number;
  readonly #written = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Pieces that are being read from the file to be written to, so that two writes make one. */
  readonly #opening = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  /** @param bytesMax Of what is written; a guest that writes more hears of an error. */
  constructor(base: Blob, bytesMax = 1 << 30) {
    this.#base = base;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#base.size;
  }

  /** Bytes in memory. */
  get writtenBytes(): number {
    return this.#written.size * pieceBytes;
  }

  /** The image as it is now. */
  image(): Blob {
    const parts: BlobPart[] = [];
    let from = 0;
    for (const [piece, bytes] of [...this.#written].sort(([a], [b]) => a - b)) {
      const at = piece * pieceBytes;
      if (at > from) parts.push(this.#base.slice(from, at));
      parts.push(bytes);
      from = at + bytes.length;
    }
    parts.push(this.#base.slice(from));
    return new Blob(parts);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    const base = await this.#readBase(offset, length);
    out.set(base);
    for (const { piece, from, to, at } of piecesOf(offset, length)) {
      const bytes = this.#written.get(piece);
      if (bytes !== undefined) out.set(bytes.subarray(from, to), at);
    }
    return out;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    if (offset + data.length > this.size) throw new Error("a write behind the end");
    for (const { piece, from, to, at } of piecesOf(offset, data.length)) {
      const bytes = this.#written.get(piece) ?? (await this.#open(piece));
      bytes.set(data.subarray(at, at + to - from), from);
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #open(piece: number): Promise<Uint8Array<ArrayBuffer>> {
    const found = this.#opening.get(piece);
    if (found !== undefined) return found;
    if (this.writtenBytes + this.#opening.size * pieceBytes >= this.#bytesMax) {
      return Promise.reject(new Error(`more than ${this.#bytesMax} bytes are written`));
    }
    const at = piece * pieceBytes;
    const opened = this.#readBase(at, Math.min(pieceBytes, this.size - at)).then((bytes) => {
      this.#written.set(piece, bytes);
      this.#opening.delete(piece);
      return bytes;
    });
    this.#opening.set(piece, opened);
    return opened;
  }

  async #readBase(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(await this.#base.slice(offset, offset + length).arrayBuffer());
    if (bytes.length === length) return bytes;
    throw new Error(`the file ends at ${offset + bytes.length}`);
  }
}

/** The parts of pieces that a range is made of; `at`: where in the range. */
function piecesOf(
  offset: number,
  length: number,
): { readonly piece: number; readonly from: number; readonly to: number; readonly at: number }[] {
  const parts = [];
  for (let at = 0; at < length; ) {
    const place = offset + at;
    const piece = Math.floor(place / pieceBytes);
    const from = place - piece * pieceBytes;
    const to = Math.min(pieceBytes, from + length - at);
    parts.push({ piece, from, to, at });
    at += to - from;
  }
  return parts;
}
