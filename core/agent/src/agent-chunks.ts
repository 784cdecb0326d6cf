// The stream between a server and its guest's agent: chunks, each for a port. The messages of a
// port may be cut anywhere into chunks, and chunks anywhere into what is read at once.

import { VdiPort, vdiChunkHeaderCodec } from "@caraway/protocol";
import { AgentProtocolError } from "./agent-stream.ts";

const headerSize = 8;
/** As large as what a client's AGENT_DATA may carry. */
const chunkSizeMax = 2048;

export interface Chunk {
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** Where a reader is, as plain data. */
export interface ChunkState {
  /** Bytes of a header that is not whole yet. */
  readonly header: Uint8Array;
  readonly port: number;
  /** Bytes of the chunk that are still to come. */
  readonly left: number;
}

export class ChunkReader {
  #header = new Uint8Array(headerSize);
  #headerSize = 0;
  #port: number = VdiPort.CLIENT;
  #left = 0;

  state(): ChunkState {
    const header = this.#header.slice(0, this.#headerSize);
    return { header, port: this.#port, left: this.#left };
  }

  restore({ header, port, left }: ChunkState): void {
    this.#header.set(header);
    this.#headerSize = header.length;
    this.#port = port;
    this.#left = left;
  }

  /** @throws AgentProtocolError when there is no such port. */
  push(bytes: Uint8Array): Chunk[] {
    const chunks: Chunk[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const part = rest.subarray(0, headerSize - this.#headerSize);
        this.#header.set(part, this.#headerSize);
        this.#headerSize += part.length;
        rest = rest.subarray(part.length);
        if (this.#headerSize === headerSize) this.#begin();
        continue;
      }
      const part = rest.subarray(0, this.#left);
      this.#left -= part.length;
      rest = rest.subarray(part.length);
      chunks.push({ port: this.#port, bytes: part });
    }
    return chunks;
  }

  #begin(): void {
    const { port, size } = vdiChunkHeaderCodec.decode(this.#header);
    if (port !== VdiPort.CLIENT && port !== VdiPort.SERVER) {
      throw new AgentProtocolError(`a chunk for port ${port}`);
    }
    this.#headerSize = 0;
    this.#port = port;
    this.#left = size;
  }
}

/** Bytes of a port as chunks, ready to be written. */
export function chunksOf({ port, bytes }: Chunk): Uint8Array {
  const count = Math.ceil(bytes.length / chunkSizeMax);
  const all = new Uint8Array(bytes.length + count * headerSize);
  let at = 0;
  for (let offset = 0; offset < bytes.length; offset += chunkSizeMax) {
    const part = bytes.subarray(offset, offset + chunkSizeMax);
    all.set(vdiChunkHeaderCodec.encode({ port, size: part.length }), at);
    all.set(part, at + headerSize);
    at += headerSize + part.length;
  }
  return all;
}
