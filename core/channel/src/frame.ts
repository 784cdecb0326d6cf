// Frames: the bytes of one direction of a channel become numbered messages, and messages bytes.
// Knows both headers and sub-messages; knows nothing of what a message means.

import {
  dataHeaderCodec,
  dataHeaderSize,
  miniDataHeaderCodec,
  miniDataHeaderSize,
  subMessageListCodec,
} from "@caraway/protocol";
import { WireError } from "@caraway/wire";
import { ByteQueue } from "./byte-queue.ts";
import { ProtocolError } from "./errors.ts";

/** Id of the common server message LIST, a frame of sub-messages only (mini header). */
const listMessageId = 8;

export interface Frame {
  /** As on the wire, or counted from 1 where the header has none. */
  readonly serial: bigint;
  readonly id: number;
  readonly body: Uint8Array;
  /** Bytes behind the header, sub-messages included. */
  readonly size: number;
  /** Handled in this order, before the message itself. */
  readonly subFrames: readonly SubFrame[];
}

export interface SubFrame {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface FrameReaderOptions {
  /** For errors: `display 0`. */
  readonly channel: string;
  readonly miniHeader: boolean;
  /** Largest body, in bytes. Nothing is allocated for a larger one. */
  readonly bodySizeMax: number;
  /** Serial of the first message, where the header has none. */
  readonly firstSerial: bigint;
  /** LIST frames unfold into sub-frames; only servers send them. */
  readonly listFrames: boolean;
}

export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #bytes = new ByteQueue();
  #nextSerial: bigint;
  #header: { serial: bigint; type: number; size: number; subList: number } | null = null;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
    this.#nextSerial = options.firstSerial;
  }

  /** Serial that the next message will have, where the header has none. */
  get nextSerial(): bigint {
    return this.#nextSerial;
  }

  /** Bytes that came and are no message yet, or were not asked for. */
  get waitingSize(): number {
    return this.#bytes.size;
  }

  /** Whether nothing of a further message has come. */
  get isBetweenMessages(): boolean {
    return this.#header === null && this.#bytes.size === 0;
  }

  /** Takes the bytes behind the last message that was asked for. */
  takePending(): Uint8Array {
    return this.#bytes.takeAll();
  }

  push(bytes: Uint8Array): void {
    this.#bytes.push(bytes);
  }

  /** The next whole message, or null. Throws ProtocolError on bytes that are none. */
  next(): Frame | null {
    this.#header ??= this.#readHeader();
    const header = this.#header;
    if (header === null) return null;
    const { channel, bodySizeMax } = this.#options;
    if (header.size > bodySizeMax) {
      const detail = `${header.size} bytes, at most ${bodySizeMax} are allowed`;
      throw new ProtocolError("MESSAGE_TOO_LARGE", channel, `message ${header.type}`, detail);
    }
    const body = this.#bytes.take(header.size);
    if (body === null) return null;
    this.#header = null;
    this.#nextSerial = header.serial + 1n;
    const { serial, type: id, subList } = header;
    const subFrames = this.#subFrames(header, body);
    // Sub-messages stand behind the message's own body.
    const ownBody = subList === 0 ? body : body.subarray(0, subList);
    return { serial, id, body: ownBody, size: header.size, subFrames };
  }

  #readHeader() {
    if (this.#options.miniHeader) {
      const bytes = this.#bytes.take(miniDataHeaderSize);
      if (bytes === null) return null;
      return { serial: this.#nextSerial, subList: 0, ...miniDataHeaderCodec.decode(bytes) };
    }
    const bytes = this.#bytes.take(dataHeaderSize);
    return bytes === null ? null : dataHeaderCodec.decode(bytes);
  }

  #subFrames(header: { type: number; subList: number }, body: Uint8Array): SubFrame[] {
    const isList = this.#options.listFrames && header.type === listMessageId;
    if (!isList && header.subList === 0) return [];
    try {
      return readSubFrames(body, isList ? 0 : header.subList);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const { channel } = this.#options;
      throw new ProtocolError("BAD_MESSAGE", channel, "sub-message list", error.message, error);
    }
  }
}

function readSubFrames(body: Uint8Array, listOffset: number): SubFrame[] {
  if (listOffset > body.length) {
    throw new WireError("BAD_POINTER", "subList", listOffset, "outside of the message");
  }
  const { offsets } = subMessageListCodec.decode(body.subarray(listOffset));
  let total = 0;
  return offsets.map((offset, index) => {
    const path = `subMessages[${index}]`;
    const start = offset + miniDataHeaderSize;
    if (start > body.length) {
      throw new WireError("BAD_POINTER", path, offset, "outside of the message");
    }
    const header = miniDataHeaderCodec.decode(body.subarray(offset, start));
    total += header.size;
    if (start + header.size > body.length || total > body.length) {
      throw new WireError("TRUNCATED", path, offset, `${header.size} bytes announced`);
    }
    return { id: header.type, body: body.subarray(start, start + header.size) };
  });
}

/** Puts a header before a body, and counts. */
export class FrameWriter {
  readonly #miniHeader: boolean;
  #nextSerial: bigint;

  constructor(miniHeader: boolean, firstSerial: bigint) {
    this.#miniHeader = miniHeader;
    this.#nextSerial = firstSerial;
  }

  get nextSerial(): bigint {
    return this.#nextSerial;
  }

  write(message: { readonly id: number; readonly body: Uint8Array }): Uint8Array {
    const { id: type, body } = message;
    const header = this.#miniHeader
      ? miniDataHeaderCodec.encode({ type, size: body.length })
      : dataHeaderCodec.encode({ serial: this.#nextSerial, type, size: body.length, subList: 0 });
    this.#nextSerial += 1n;
    const bytes = new Uint8Array(header.length + body.length);
    bytes.set(header);
    bytes.set(body, header.length);
    return bytes;
  }
}
