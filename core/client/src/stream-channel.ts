// A channel that carries bytes of a device, whose meaning is the embedder's business: usbredir,
// port and webdav, and the smartcard channel, whose messages are passed on whole.
//
// INVARIANT: what is to be sent waits here and nowhere else, in order, and leaves the queue when
// the connection takes it. So a seamless move needs to do nothing but go on, and no byte is lost or
// sent twice.

import { decodeLz4Block, encodeLz4Block } from "@caraway/codecs";
import {
  DataCompressionType,
  hasCapability,
  PortEvent,
  portCodec,
  SpicevmcCapability,
  smartcardCodec,
  usbredirCodec,
  webdavCodec,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import {
  type CardMessage,
  cardMessageBytes,
  type PortSignal,
  type StreamChannelName,
  type StreamCommand,
  type StreamKey,
} from "./stream-event.ts";
import type { Wiring } from "./wiring.ts";

/** Bytes that the embedder has not taken from which on nothing more is read. */
const untakenMax = 256 << 10;
/** The same while the guest moves: a source that cannot say MIGRATE would wait for the embedder. */
const untakenMovingMax = 64 << 20;
/** Bytes that may wait to be sent before the stream ends. */
const queueBytesMax = 64 << 20;
/** Items that may wait; signals and cards' messages are small. */
const queueItemsMax = 1 << 16;
/** Bytes under way that the network has not taken, from which on the rest waits here. */
const backlogMax = 256 << 10;
/** Data of one message. */
const pieceMax = 64 << 10;
/** Data that is worth to be compressed. */
const compressFrom = 1000;
/** Data of one message may not grow beyond what a message may have. */
const uncompressedMax = 16 << 20;

const signals: Readonly<Record<number, PortSignal>> = {
  [PortEvent.OPENED]: "opened",
  [PortEvent.CLOSED]: "closed",
  [PortEvent.BREAK]: "break",
};

const portEvents: Readonly<Record<PortSignal, number>> = {
  opened: PortEvent.OPENED,
  closed: PortEvent.CLOSED,
  break: PortEvent.BREAK,
};

type Item =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "card"; readonly message: CardMessage }
  | { readonly kind: "signal"; readonly signal: PortSignal };

type StreamMessage =
  | NonNullable<ReturnType<typeof portCodec.server.decode>>
  | NonNullable<ReturnType<typeof usbredirCodec.server.decode>>;

type State =
  /** `key` null: a port that has not said its name. */
  { readonly kind: "open"; readonly key: StreamKey | null } | { readonly kind: "closed" };

export class StreamChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #name: StreamChannelName;
  readonly #newKey: () => StreamKey;
  #state: State = { kind: "closed" };
  #queue: Item[] = [];
  #queueBytes = 0;
  /** Of each message that came: bytes that the embedder has not taken. */
  #untaken: number[] = [];
  #untakenBytes = 0;
  /** What the embedder has still to take of messages that need not wait for it any more. */
  #forgivenBytes = 0;
  #isMoving = false;
  #isGuestOpen = false;
  /** INIT may come once more. */
  #isRepeatable = false;
  #backlog = 0;

  constructor(end: ChannelEnd, wiring: Wiring, name: StreamChannelName, newKey: () => StreamKey) {
    this.#end = end;
    this.#wiring = wiring;
    this.#name = name;
    this.#newKey = newKey;
  }

  get key(): StreamKey | null {
    return this.#state.kind === "open" ? this.#state.key : null;
  }

  get isFull(): boolean {
    return !this.#isMoving && this.#waitingBytes >= untakenMax;
  }

  /** Bytes that the embedder was given and has not taken. */
  get #waitingBytes(): number {
    return this.#untakenBytes + this.#forgivenBytes;
  }

  snapshot(): unknown {
    return {
      key: this.key,
      queue: this.#queue.length,
      queueBytes: this.#queueBytes,
      untaken: this.#waitingBytes,
      isMoving: this.#isMoving,
    };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#state = { kind: "open", key: null };
    // A port says its name first.
    if (!this.#isPort) this.#begin(null, true);
  }

  moved(): void {
    this.#isMoving = false;
    this.#isRepeatable = true;
    this.#backlog = 0;
    this.#drain();
  }

  /** The guest has moved, or is about to: nothing may keep the source from saying so. */
  moving(): void {
    if (this.#state.kind === "closed") return;
    this.#isMoving = true;
    this.#forgivenBytes += this.#untakenBytes;
    this.#creditAll();
    this.#end.proceed();
  }

  left(): void {
    const { key } = this;
    this.#state = { kind: "closed" };
    this.#creditAll();
    this.#reset();
    if (key !== null) this.#wiring.event({ name: "stream-closed", stream: key });
  }

  backlog(bytes: number): void {
    this.#backlog = bytes;
    this.#drain();
  }

  /** What is no message of this kind of channel is passed over. */
  handle(command: StreamCommand): void {
    const isCard = this.#name === "smartcard";
    switch (command.name) {
      case "stream-send":
        if (!isCard) this.#push({ kind: "data", bytes: command.bytes });
        break;
      case "stream-send-card":
        if (isCard) this.#push({ kind: "card", message: command.message });
        break;
      case "stream-send-signal":
        if (this.#isPort) this.#push({ kind: "signal", signal: command.signal });
        break;
      case "stream-taken":
        this.#taken(command.bytes);
        break;
    }
  }

  message(id: number, body: Uint8Array): boolean {
    if (this.#name === "smartcard") return this.#cardMessage(id, body);
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "INIT":
        this.#init(message.body.name, message.body.opened !== 0);
        return true;
      case "EVENT": {
        const signal = signals[message.body.event];
        if (signal === undefined) {
          throw this.#end.unexpected("EVENT", `event ${message.body.event} is not known`);
        }
        this.#signal(this.#openKey("EVENT"), signal);
        return true;
      }
      case "DATA":
        return this.#data(message.body.data);
      case "COMPRESSED_DATA": {
        const { compressed } = message.body;
        if (compressed.type === DataCompressionType.NONE) return this.#data(compressed.data);
        return this.#data(this.#inflate(compressed.data, compressed.uncompressedSize, id));
      }
      default:
        return true;
    }
  }

  /**
   * A target of a seamless move says it again, when it has not got the guest yet and takes its end
   * for closed: what the source said last holds until an EVENT says otherwise.
   */
  #init(portName: string, guestOpen: boolean): void {
    const { key } = this;
    if (key === null) {
      this.#begin(portName, guestOpen);
      return;
    }
    if (!this.#isRepeatable) throw this.#end.unexpected("INIT", "the port has a name already");
    this.#isRepeatable = false;
    if (guestOpen) this.#signal(key, "opened");
  }

  #signal(stream: StreamKey, signal: PortSignal): void {
    if (signal !== "break") {
      const isOpen = signal === "opened";
      if (isOpen === this.#isGuestOpen) return;
      this.#isGuestOpen = isOpen;
    }
    this.#wiring.event({ name: "stream-signal", stream, signal });
  }

  #begin(portName: string | null, guestOpen: boolean): void {
    this.#isGuestOpen = guestOpen;
    const stream = this.#newKey();
    this.#state = { kind: "open", key: stream };
    const { id } = this.#end.channel;
    const channel = this.#name;
    this.#wiring.event({ name: "stream-opened", stream, channel, id, portName, guestOpen });
  }

  get #isPort(): boolean {
    return this.#name === "port" || this.#name === "webdav";
  }

  #creditAll(): void {
    const credits = this.#untaken.length;
    this.#untaken = [];
    this.#untakenBytes = 0;
    for (let count = 0; count < credits; count++) this.#end.credit();
  }

  #reset(): void {
    this.#queue = [];
    this.#queueBytes = 0;
    this.#forgivenBytes = 0;
    this.#isMoving = false;
    this.#isRepeatable = false;
    this.#backlog = 0;
  }

  #openKey(message: string): StreamKey {
    const { key } = this;
    if (key === null) throw this.#end.unexpected(message, "the port has not said its name");
    return key;
  }

  // From the server.

  #decode(id: number, body: Uint8Array): StreamMessage | null {
    try {
      switch (this.#name) {
        case "port":
          return portCodec.server.decode(id, body);
        case "webdav":
          return webdavCodec.server.decode(id, body);
        default:
          return usbredirCodec.server.decode(id, body);
      }
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #inflate(data: Uint8Array, size: number, id: number): Uint8Array {
    if (size > uncompressedMax) {
      throw this.#end.unexpected(`message ${id}`, `${size} bytes are more than a message may hold`);
    }
    try {
      return decodeLz4Block(data, size);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      throw this.#end.unexpected(`message ${id}`, error.message);
    }
  }

  #data(bytes: Uint8Array): boolean {
    const stream = this.#openKey("DATA");
    if (bytes.length === 0) return true;
    this.#wiring.event({ name: "stream-data", stream, bytes });
    return this.#came(bytes.length);
  }

  #cardMessage(id: number, body: Uint8Array): boolean {
    try {
      const message = smartcardCodec.server.decode(id, body);
      if (message?.name !== "DATA") throw this.#end.unknown(id);
      const { type, readerId, data } = message.body;
      const stream = this.#openKey("DATA");
      this.#wiring.event({ name: "stream-card", stream, message: { type, readerId, data } });
      return this.#came(data.length + cardMessageBytes);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  /** Whether the message is done with: else it counts when the embedder has taken it. */
  #came(bytes: number): boolean {
    if (this.#isMoving) {
      this.#forgivenBytes += bytes;
      if (this.#forgivenBytes <= untakenMovingMax) return true;
      throw new StreamOverflow(`${this.#name}: ${this.#forgivenBytes} bytes are not taken`);
    }
    this.#untaken.push(bytes);
    this.#untakenBytes += bytes;
    return false;
  }

  #taken(bytes: number): void {
    const forgiven = Math.min(bytes, this.#forgivenBytes);
    this.#forgivenBytes -= forgiven;
    let left = Math.min(bytes - forgiven, this.#untakenBytes);
    this.#untakenBytes -= left;
    let credits = 0;
    while (left > 0) {
      const first = this.#untaken[0]!;
      if (left < first) {
        this.#untaken[0] = first - left;
        break;
      }
      left -= first;
      this.#untaken.shift();
      credits += 1;
    }
    for (let count = 0; count < credits; count++) this.#end.credit();
    this.#end.proceed();
  }

  // To the server.

  #push(item: Item): void {
    if (this.key === null) return;
    const size = sizeOf(item);
    if (item.kind === "data" && size === 0) return;
    this.#queue.push(item);
    this.#queueBytes += size;
    if (this.#queueBytes > queueBytesMax || this.#queue.length > queueItemsMax) {
      this.#end.fail(
        new StreamOverflow(`${this.#name}: ${this.#queueBytes} bytes wait to be sent`),
      );
      return;
    }
    this.#drain();
  }

  #drain(): void {
    let sent = 0;
    while (this.#end.isOpen && this.#backlog < backlogMax) {
      const item = this.#queue.shift();
      if (item === undefined) break;
      const bytes = this.#send(item);
      this.#queueBytes -= bytes;
      sent += bytes;
    }
    const { key } = this;
    if (sent > 0 && key !== null) {
      this.#wiring.event({ name: "stream-sent", stream: key, bytes: sent });
    }
  }

  /** Sends the item, or a piece of it; returns how many bytes of the queue went. */
  #send(item: Item): number {
    switch (item.kind) {
      case "data": {
        const piece = item.bytes.subarray(0, pieceMax);
        if (piece.length < item.bytes.length) {
          this.#queue.unshift({ kind: "data", bytes: item.bytes.subarray(pieceMax) });
        }
        this.#sendData(piece);
        return piece.length;
      }
      case "card":
        this.#end.send(smartcardCodec.client.encode({ name: "DATA", body: item.message }));
        return sizeOf(item);
      case "signal": {
        const body = { event: portEvents[item.signal] };
        this.#end.send(portCodec.client.encode({ name: "EVENT", body }));
        return 0;
      }
    }
  }

  #sendData(data: Uint8Array): void {
    const { capabilities } = this.#end;
    const lz4 = SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4;
    if (data.length >= compressFrom && hasCapability(capabilities, lz4)) {
      const block = encodeLz4Block(data);
      if (block.length + 5 < data.length) {
        const type = DataCompressionType.LZ4;
        const compressed = { type, uncompressedSize: data.length, data: block } as const;
        this.#end.send(
          usbredirCodec.client.encode({ name: "COMPRESSED_DATA", body: { compressed } }),
        );
        return;
      }
    }
    this.#end.send(usbredirCodec.client.encode({ name: "DATA", body: { data } }));
  }
}

function sizeOf(item: Item): number {
  switch (item.kind) {
    case "data":
      return item.bytes.length;
    case "card":
      return item.message.data.length + cardMessageBytes;
    case "signal":
      return 0;
  }
}

/** An embedder does not take what comes, or the server what is sent. */
export class StreamOverflow extends CarawayError {
  readonly code = "STREAM_OVERFLOW";
}
