// How usbredir, port and webdav channels carry their stream: pieces cut anywhere, compressed where
// both ends can, and for ports a name and what happens at either end.

import type { ByteQueue } from "@caraway/channel";
import { decodeLz4Block, encodeLz4Block } from "@caraway/codecs";
import {
  DataCompressionType,
  hasCapability,
  PortEvent,
  portCodec,
  SpicevmcCapability,
  usbredirCodec,
} from "@caraway/protocol";
import { CarawayError, type EncodedMessage } from "@caraway/wire";
import { packVmcState, unpackVmcState } from "./char-device-state.ts";
import type { StreamFormat, StreamPort } from "./stream-channel.ts";

/** Data of one message to a client. */
const pieceMax = 64 << 10;
/** Data of one message from a client, as it is and as it was before compression. */
const messageMax = 4 << 20;
/** Data that is worth to be compressed. */
const compressFrom = 1000;

export class VmcFormat implements StreamFormat {
  readonly #port: StreamPort;
  readonly #isPort: boolean;
  readonly #compresses: boolean;

  constructor(port: StreamPort) {
    this.#port = port;
    const { end } = port;
    this.#isPort = end.channel.name !== "usbredir";
    const lz4 = SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4;
    // On one machine, bytes are cheaper than the work.
    this.#compresses = !end.arrival.local && hasCapability(end.capabilities, lz4);
  }

  greeting(): readonly EncodedMessage[] {
    if (!this.#isPort) return [];
    const { portName, isOpenThere } = this.#port.stream;
    const body = { name: portName, opened: isOpenThere ? 1 : 0 };
    return [portCodec.server.encode({ name: "INIT", body })];
  }

  next(fromGuest: ByteQueue): EncodedMessage | null {
    if (fromGuest.size === 0) return null;
    const data = fromGuest.take(Math.min(fromGuest.size, pieceMax))!;
    if (this.#compresses && data.length >= compressFrom) {
      const block = encodeLz4Block(data);
      if (block.length + 5 < data.length) {
        const type = DataCompressionType.LZ4;
        const compressed = { type, uncompressedSize: data.length, data: block } as const;
        return usbredirCodec.server.encode({ name: "COMPRESSED_DATA", body: { compressed } });
      }
    }
    return usbredirCodec.server.encode({ name: "DATA", body: { data } });
  }

  guestOpened(open: boolean): EncodedMessage | null {
    if (!this.#isPort) return null;
    const body = { event: open ? PortEvent.OPENED : PortEvent.CLOSED };
    return portCodec.server.encode({ name: "EVENT", body });
  }

  message(id: number, body: Uint8Array): void {
    const { end, stream } = this.#port;
    const message = this.#decode(id, body);
    if (message === null) throw end.unknown(id);
    switch (message.name) {
      case "DATA":
        this.#data(message.body.data);
        break;
      case "COMPRESSED_DATA": {
        const { compressed } = message.body;
        if (compressed.type === DataCompressionType.NONE) this.#data(compressed.data);
        else this.#data(this.#inflate(compressed.data, compressed.uncompressedSize));
        break;
      }
      case "EVENT":
        switch (message.body.event) {
          case PortEvent.OPENED:
          case PortEvent.CLOSED:
            this.#port.setOpen(message.body.event === PortEvent.OPENED);
            break;
          case PortEvent.BREAK:
            stream.sendBreak();
            break;
          default:
            throw end.unexpected("EVENT", `event ${message.body.event} is not known`);
        }
        break;
      default:
        throw end.unknown(id);
    }
  }

  abandoned(): void {
    this.#port.stream.dropQueue();
  }

  migrationData(): Uint8Array {
    return packVmcState(this.#port.stream.queued);
  }

  restore(body: Uint8Array): Uint8Array {
    this.#port.stream.write(unpackVmcState(this.#port.end, body));
    return new Uint8Array(0);
  }

  #decode(id: number, body: Uint8Array) {
    try {
      const codec = this.#isPort ? portCodec : usbredirCodec;
      return codec.client.decode(id, body);
    } catch (error) {
      throw this.#port.end.badMessage(error, id);
    }
  }

  #data(bytes: Uint8Array): void {
    if (bytes.length > messageMax) {
      throw this.#port.end.unexpected("DATA", `${bytes.length} bytes are too many for a message`);
    }
    this.#port.write(bytes);
  }

  #inflate(data: Uint8Array, size: number): Uint8Array {
    const { end } = this.#port;
    if (size > messageMax) {
      throw end.unexpected("COMPRESSED_DATA", `${size} bytes are too many for a message`);
    }
    try {
      return decodeLz4Block(data, size);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      throw end.unexpected("COMPRESSED_DATA", error.message);
    }
  }
}
