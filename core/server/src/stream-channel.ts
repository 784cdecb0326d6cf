// A client's channel to one of the guest's byte streams: usbredir, port, webdav or smartcard. It
// takes the device for its client, holds back whichever end is faster than the other, and hands
// the device over when the guest moves. How the bytes stand in messages is its format's business.
//
// INVARIANT: what the client sent and the guest has not taken waits in the GuestStream and nowhere
// else; so its queue is the whole state of a channel that has sent all that the guest said.

import { ByteQueue } from "@caraway/channel";
import type { EncodedMessage } from "@caraway/wire";
import { CarawayError } from "@caraway/wire";
import { expectState, isKnownState } from "./bad-state.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import { decodeStreamState, encodeStreamState } from "./char-device-state.ts";
import type { ClientKey } from "./events.ts";
import type { GuestStream } from "./guest-stream.ts";
import type { StreamDesk, StreamHolder } from "./stream-desk.ts";

/** Bytes that the guest may be ahead of the client. */
const readAhead = 256 << 10;
/** Bytes that wait for the guest from which on the client is not read, and is again. */
const pauseFrom = 256 << 10;
const resumeBelow = 128 << 10;
/** Bytes that may wait for a guest that moves: whoever sends more is no client of ours. */
const queuedMax = 16 << 20;

/** What a format may do with the stream. */
export interface StreamPort {
  readonly end: ChannelEnd;
  readonly stream: GuestStream;
  /** For the guest, behind all that was written before. */
  write(bytes: Uint8Array): void;
  /** The client opened or closed its end of a port. */
  setOpen(open: boolean): void;
}

/** How a stream's bytes stand in the messages of its channel. */
export interface StreamFormat {
  /** What a client hears first, when its channel begins. */
  greeting(): readonly EncodedMessage[];
  /** The next message for the client of what the guest said; null: more bytes must come. */
  next(fromGuest: ByteQueue): EncodedMessage | null;
  /** The guest opened or closed its end. */
  guestOpened(open: boolean): EncodedMessage | null;
  message(id: number, body: Uint8Array): void;
  /** The client is gone; what it began is brought to an end. */
  abandoned(): void;
  /** The body of MIGRATE_DATA. `fromGuest`: bytes of a message that is not whole. */
  migrationData(fromGuest: Uint8Array): Uint8Array;
  /**
   * Writes what waited for the guest, and returns what it had said of a message that is not whole.
   *
   * @throws CarawayError
   */
  restore(body: Uint8Array): Uint8Array;
}

export class StreamChannel implements ChannelHandler, StreamHolder, StreamPort {
  readonly client: ClientKey;
  readonly end: ChannelEnd;
  readonly stream: GuestStream;
  readonly #desk: StreamDesk;
  readonly #format: StreamFormat;
  readonly #fromGuest = new ByteQueue();
  /** Until then the guest waits. */
  #isReady = false;
  #isLeaving = false;
  /** The client's end of a port. */
  #isOpen = true;
  /** Bytes of the guest's that were sent, and of the client's that came, over all servers. */
  #sentBytes = 0n;
  #receivedBytes = 0n;

  constructor(
    end: ChannelEnd,
    stream: GuestStream,
    desk: StreamDesk,
    client: ClientKey,
    formatOf: (port: StreamPort) => StreamFormat,
  ) {
    this.end = end;
    this.stream = stream;
    this.client = client;
    this.#desk = desk;
    this.#format = formatOf(this);
    desk.take(stream, this);
  }

  get isGone(): boolean {
    return !this.end.isOpen;
  }

  opened(): void {
    for (const message of this.#format.greeting()) this.end.send(message);
    this.stream.renew();
    this.#begin();
  }

  moved(): void {
    this.#begin();
  }

  closed(): void {
    // Where the guest has gone, the device is still in use.
    if (this.#isLeaving) return;
    this.#format.abandoned();
    this.stream.tellOpen(false);
    this.#desk.release(this.stream, this);
  }

  writable(): void {
    this.#drain();
  }

  deadline(): number | null {
    return null;
  }

  timeout(): void {}

  snapshot(): unknown {
    return {
      isReady: this.#isReady,
      isLeaving: this.#isLeaving,
      fromGuest: this.#fromGuest.size,
      sent: this.#sentBytes,
      received: this.#receivedBytes,
    };
  }

  message(id: number, body: Uint8Array): void {
    this.#format.message(id, body);
  }

  write(bytes: Uint8Array): void {
    this.#receivedBytes += BigInt(bytes.length);
    this.stream.write(bytes);
    const { queuedBytes } = this.stream;
    if (queuedBytes > queuedMax) {
      throw new StreamFlooded(`${this.end.label}: ${queuedBytes} bytes wait for the guest`);
    }
    if (queuedBytes > pauseFrom && !this.#isLeaving) this.end.pauseReading();
  }

  setOpen(open: boolean): void {
    this.#isOpen = open;
    this.stream.tellOpen(open);
  }

  // From the guest.

  guestData(bytes: Uint8Array): void {
    this.#fromGuest.push(bytes);
    this.#drain();
  }

  guestOpened(open: boolean): void {
    const message = this.#format.guestOpened(open);
    if (message !== null && this.#isReady && !this.#isLeaving) this.end.send(message);
  }

  guestCredited(): void {
    if (this.stream.queuedBytes < resumeBelow) this.end.resumeReading();
  }

  // Moving to another server.

  leaving(): void {
    this.#sendAll();
    this.#isLeaving = true;
    // The client's flush mark stands behind all that it has sent.
    this.end.resumeReading();
  }

  finalState(): Uint8Array {
    return encodeStreamState({
      isOpen: this.#isOpen,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      writtenBytes: this.#receivedBytes - BigInt(this.stream.queuedBytes),
    });
  }

  /** @throws CarawayError when bytes are missing, or came twice. */
  restoreState(final: Uint8Array): void {
    if (!isKnownState(final)) return;
    const { isOpen, sentBytes, receivedBytes, writtenBytes } = decodeStreamState(final);
    const waiting = receivedBytes - writtenBytes;
    const found = this.stream.queuedBytes;
    expectState(waiting === BigInt(found), `${found} bytes wait where ${waiting} should`);
    this.#isOpen = isOpen;
    this.#sentBytes = sentBytes;
    this.#receivedBytes = receivedBytes;
  }

  migrationData(): Uint8Array {
    return this.#format.migrationData(this.#fromGuest.peek(this.#fromGuest.size)!);
  }

  restoreMigrationData(body: Uint8Array): void {
    this.#fromGuest.push(this.#format.restore(body));
  }

  #begin(): void {
    this.#isReady = true;
    this.stream.tellOpen(this.#isOpen);
    this.#drain();
  }

  #drain(): void {
    if (!this.#isReady || this.#isLeaving) return;
    while (this.end.canSend && this.#sendNext());
    this.stream.grantUpTo(readAhead - this.#fromGuest.size);
  }

  /** What a source does not send before MIGRATE would be lost. */
  #sendAll(): void {
    while (this.#sendNext());
  }

  #sendNext(): boolean {
    const before = this.#fromGuest.size;
    const message = this.#format.next(this.#fromGuest);
    this.#sentBytes += BigInt(before - this.#fromGuest.size);
    if (message !== null) this.end.send(message);
    return message !== null;
  }
}

/** A client sends to a guest that takes nothing. */
export class StreamFlooded extends CarawayError {
  readonly code = "STREAM_FLOODED";
}
