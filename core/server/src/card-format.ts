// How a smartcard channel carries its stream: whole messages of the VSC protocol. A client's stand
// in the wire's byte order; the guest's device wants the header in network order, and knows one
// reader, which is always there.

import type { ByteQueue } from "@caraway/channel";
import { smartcardCodec, VscMessageType, vscUndefinedReaderId } from "@caraway/protocol";
import { CarawayError, type EncodedMessage } from "@caraway/wire";
import { packCardState, unpackCardState } from "./char-device-state.ts";
import type { StreamFormat, StreamPort } from "./stream-channel.ts";

/** The one reader of a device. */
const readerId = 0;
const headerSize = 12;
/** Largest message either way: an APDU has at most 64 KiB and some. */
const dataMax = 70_000;
/** `VSC_CANNOT_ADD_MORE_READERS`, as the data of an ERROR. */
const cannotAddMoreReaders = Uint8Array.of(2, 0, 0, 0);

export class CardFormat implements StreamFormat {
  readonly #port: StreamPort;
  #hasReader = false;

  constructor(port: StreamPort) {
    this.#port = port;
  }

  greeting(): readonly EncodedMessage[] {
    return [];
  }

  next(fromGuest: ByteQueue): EncodedMessage | null {
    for (;;) {
      const header = fromGuest.peek(headerSize);
      if (header === null) return null;
      const view = new DataView(header.buffer, header.byteOffset, headerSize);
      const type = view.getUint32(0);
      const length = view.getUint32(8);
      if (length > dataMax) {
        this.#port.end.fail(new CardFault(`the reader says a message of ${length} bytes`));
        return null;
      }
      const message = fromGuest.take(headerSize + length);
      if (message === null) return null;
      if (type === VscMessageType.INIT) continue;
      return encode(type, readerId, message.subarray(headerSize));
    }
  }

  guestOpened(): null {
    return null;
  }

  message(id: number, body: Uint8Array): void {
    const { end } = this.#port;
    const { type, readerId: reader, data } = this.#decode(id, body);
    switch (type) {
      case VscMessageType.READER_ADD:
        if (this.#hasReader) {
          end.send(encode(VscMessageType.ERROR, vscUndefinedReaderId, cannotAddMoreReaders));
        } else this.#addReader(true);
        break;
      case VscMessageType.READER_REMOVE:
        if (this.#hasReader) this.#addReader(false);
        break;
      case VscMessageType.ERROR:
      case VscMessageType.ATR:
      case VscMessageType.CARD_REMOVE:
      case VscMessageType.APDU:
        if (reader !== readerId) throw end.unexpected("DATA", `there is no reader ${reader}`);
        this.#write(type, data);
        break;
      default:
        // The device has no use for the others.
        break;
    }
  }

  abandoned(): void {
    // Whole messages wait; the device would misread what came behind a part of one.
    if (this.#hasReader) this.#addReader(false);
  }

  migrationData(fromGuest: Uint8Array): Uint8Array {
    return packCardState(this.#port.stream.queued, this.#hasReader, fromGuest);
  }

  restore(body: Uint8Array): Uint8Array {
    const { queued, hasReader, partial } = unpackCardState(this.#port.end, body);
    this.#hasReader = hasReader;
    this.#port.stream.write(queued);
    return partial;
  }

  #decode(id: number, body: Uint8Array) {
    const { end } = this.#port;
    try {
      const message = smartcardCodec.client.decode(id, body);
      if (message?.name !== "DATA") throw end.unknown(id);
      const { data } = message.body;
      if (data.length <= dataMax) return message.body;
      throw end.unexpected("DATA", `${data.length} bytes are too many for a message`);
    } catch (error) {
      throw end.badMessage(error, id);
    }
  }

  #addReader(add: boolean): void {
    this.#hasReader = add;
    const type = add ? VscMessageType.READER_ADD : VscMessageType.READER_REMOVE;
    this.#write(type, new Uint8Array(0));
  }

  #write(type: number, data: Uint8Array): void {
    const bytes = new Uint8Array(headerSize + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type);
    view.setUint32(4, readerId);
    view.setUint32(8, data.length);
    bytes.set(data, headerSize);
    this.#port.write(bytes);
  }
}

function encode(type: number, reader: number, data: Uint8Array): EncodedMessage {
  return smartcardCodec.server.encode({ name: "DATA", body: { type, readerId: reader, data } });
}

/** The guest's reader says what is no message. */
export class CardFault extends CarawayError {
  readonly code = "GUEST_FAULT";
}
