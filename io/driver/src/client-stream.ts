// The streams of a session as objects: each lives from the moment when the guest's device is there
// for this client to the moment when it is not, through every seamless move.

import {
  type CardMessage,
  cardMessageBytes,
  type PortSignal,
  type StreamChannelName,
  type StreamCommand,
  type StreamEvent,
} from "@caraway/client";

/** Whoever uses a stream; what is left out is not heard. */
export interface StreamUser {
  /** Call `taken` for each byte when it is used: what is not taken slows the guest down. */
  data?(bytes: Uint8Array): void;
  /** On a smartcard channel; counts as taken at once. */
  card?(message: CardMessage): void;
  /** What the guest does at its end of a port. */
  signal?(signal: PortSignal): void;
  /** After `write` returned false: there is room again. */
  drained?(): void;
  /** The stream is over; a new one may come for the same channel. */
  closed?(): void;
}

/** Bytes that wait to be sent from which on `write` says so. */
const highWaterBytes = 1 << 20;

export class ClientStream {
  readonly channel: StreamChannelName;
  /** The channel's id. */
  readonly id: number;
  /** A port's name; null where streams have none. */
  readonly portName: string | null;
  readonly #key: number;
  readonly #command: (command: StreamCommand) => void;
  #user: StreamUser = {};
  /** What came before somebody used it; bounded, as nothing of it was taken. */
  #early: StreamEvent[] | null = [];
  #isGuestOpen: boolean;
  #isClosed = false;
  #waiting = 0;
  #isFull = false;

  constructor(
    event: Extract<StreamEvent, { readonly name: "stream-opened" }>,
    command: (command: StreamCommand) => void,
  ) {
    this.channel = event.channel;
    this.id = event.id;
    this.portName = event.portName;
    this.#key = event.stream;
    this.#isGuestOpen = event.guestOpen;
    this.#command = command;
  }

  /** Says who uses it, who then hears all that has come. */
  use(user: StreamUser): void {
    this.#user = user;
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.handle(event);
  }

  /** Whether somebody in the guest has a port open. */
  get isGuestOpen(): boolean {
    return this.#isGuestOpen;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends the bytes, which must not change any more. Returns false when enough waits: then wait for
   * `drained`. After `closed` it does nothing.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || bytes.length === 0) return true;
    this.#waiting += bytes.length;
    this.#command({ name: "stream-send", stream: this.#key, bytes });
    return this.#hasRoom();
  }

  writeCard(message: CardMessage): boolean {
    if (this.#isClosed) return true;
    this.#waiting += message.data.length + cardMessageBytes;
    this.#command({ name: "stream-send-card", stream: this.#key, message });
    return this.#hasRoom();
  }

  /** Opens or closes this end of a port, or sends a break; in order with the data. */
  signal(signal: PortSignal): void {
    this.#command({ name: "stream-send-signal", stream: this.#key, signal });
  }

  /** So many bytes of what came were used. */
  taken(bytes: number): void {
    if (!this.#isClosed) this.#command({ name: "stream-taken", stream: this.#key, bytes });
  }

  /** For `ClientStreams` alone. */
  handle(event: StreamEvent): void {
    if (this.#early !== null) {
      this.#early.push(event);
      return;
    }
    switch (event.name) {
      case "stream-data":
        this.#user.data?.(event.bytes);
        break;
      case "stream-card":
        this.taken(event.message.data.length + cardMessageBytes);
        this.#user.card?.(event.message);
        break;
      case "stream-signal":
        if (event.signal !== "break") this.#isGuestOpen = event.signal === "opened";
        this.#user.signal?.(event.signal);
        break;
      case "stream-sent":
        this.#waiting -= event.bytes;
        if (!this.#isFull || this.#waiting >= highWaterBytes) break;
        this.#isFull = false;
        this.#user.drained?.();
        break;
      case "stream-closed":
        this.#isClosed = true;
        this.#user.closed?.();
        break;
      default:
        break;
    }
  }

  #hasRoom(): boolean {
    this.#isFull = this.#waiting >= highWaterBytes;
    return !this.#isFull;
  }
}

/** Makes objects of the stream events of one session. */
export class ClientStreams {
  readonly #command: (command: StreamCommand) => void;
  readonly #opened: (stream: ClientStream) => void;
  readonly #streams = new Map<number, ClientStream>();

  constructor(command: (command: StreamCommand) => void, opened: (stream: ClientStream) => void) {
    this.#command = command;
    this.#opened = opened;
  }

  /** Events of other kinds are passed over. */
  handle(event: StreamEvent | { readonly name: string }): void {
    if (!isStreamEvent(event)) return;
    if (event.name === "stream-opened") {
      const stream = new ClientStream(event, this.#command);
      this.#streams.set(event.stream, stream);
      this.#opened(stream);
      return;
    }
    this.#streams.get(event.stream)?.handle(event);
    if (event.name === "stream-closed") this.#streams.delete(event.stream);
  }
}

function isStreamEvent(event: { readonly name: string }): event is StreamEvent {
  return event.name.startsWith("stream-");
}
