// How the connections of a guest's programs stand in the one stream of a webdav channel: frames of a
// connection's number (i64), a size (u16) and so many bytes, all with the lowest byte first. A frame
// without bytes closes its connection. The same in both directions.

import { ByteQueue } from "@caraway/channel";

/** A piece of a connection; empty: the connection is closed. */
export interface MuxFrame {
  readonly connection: bigint;
  readonly bytes: Uint8Array;
}

const headSize = 10;
/** Bytes that one frame can hold. */
export const muxFrameMax = 0xffff;

/** Makes frames of a stream that is cut anywhere. */
export class MuxReader {
  readonly #queue = new ByteQueue();
  #head: { readonly connection: bigint; readonly size: number } | null = null;

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** Null: more bytes must come. */
  next(): MuxFrame | null {
    if (this.#head === null) {
      const head = this.#queue.take(headSize);
      if (head === null) return null;
      const view = new DataView(head.buffer, head.byteOffset, headSize);
      this.#head = { connection: view.getBigInt64(0, true), size: view.getUint16(8, true) };
    }
    const { connection, size } = this.#head;
    const bytes = this.#queue.take(size);
    if (bytes === null) return null;
    this.#head = null;
    return { connection, bytes };
  }

  /** Bytes of a frame that is not whole. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Forgets what is not whole. */
  clear(): void {
    this.#queue.takeAll();
    this.#head = null;
  }
}

/** The bytes as frames of a connection; without bytes, the frame that closes it. */
export function muxBytes(connection: bigint, bytes: Uint8Array): Uint8Array {
  const count = Math.max(1, Math.ceil(bytes.length / muxFrameMax));
  const out = new Uint8Array(bytes.length + count * headSize);
  for (let index = 0, at = 0; index < count; index++) {
    const piece = bytes.subarray(index * muxFrameMax, (index + 1) * muxFrameMax);
    writeHead(out, at, connection, piece.length);
    out.set(piece, at + headSize);
    at += headSize + piece.length;
  }
  return out;
}

function writeHead(out: Uint8Array, at: number, connection: bigint, size: number): void {
  const view = new DataView(out.buffer, out.byteOffset);
  view.setBigInt64(at, connection, true);
  view.setUint16(at + 8, size, true);
}
