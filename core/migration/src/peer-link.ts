// One side of the peer link, while it is there: frames with bounds, signs of life, and the stream
// of the servers. What only one role says is for the mover.

import { ByteQueue, type ConnectionKey, type Instant } from "@caraway/channel";
import { type EncodedMessage, type MessageCodec, WireError } from "@caraway/wire";
import type { LinkOutput, MoveTiming } from "./move-border.ts";
import {
  peerBodyMax,
  peerHeaderCodec,
  peerHeaderSize,
  type SharedMessage,
  sharedCodec,
} from "./peer-messages.ts";
import { ServerStreamIn, ServerStreamOut, violation } from "./server-stream.ts";

export interface PeerLinkOwner {
  emit(output: LinkOutput | { readonly type: "peer"; readonly bytes: Uint8Array }): void;
}

interface OpenLink {
  readonly connection: ConnectionKey;
  readonly received: ByteQueue;
  /** Whether parts of the servers may be sent: behind the first exchange. */
  isGreeted: boolean;
  heardAt: Instant;
  saidAt: Instant;
}

/** `M`: what the other role says. */
export class PeerLink<M extends { readonly name: string }> {
  readonly #owner: PeerLinkOwner;
  readonly #codec: MessageCodec<M>;
  readonly #timing: MoveTiming;
  readonly #out = new ServerStreamOut();
  readonly #in = new ServerStreamIn();
  #link: OpenLink | null = null;

  constructor(owner: PeerLinkOwner, codec: MessageCodec<M>, timing: MoveTiming) {
    this.#owner = owner;
    this.#codec = codec;
    this.#timing = timing;
  }

  get connection(): ConnectionKey | null {
    return this.#link?.connection ?? null;
  }

  get isUp(): boolean {
    return this.#link !== null;
  }

  /** Parts of the servers may go. */
  get isGreeted(): boolean {
    return this.#link?.isGreeted === true;
  }

  /** The last part of the other server that came. */
  get seen(): number {
    return this.#in.seen;
  }

  open(connection: ConnectionKey, now: Instant): void {
    this.drop();
    const received = new ByteQueue();
    this.#link = { connection, received, isGreeted: false, heardAt: now, saidAt: now };
  }

  /** The connection is gone, or was never ours to end. */
  lost(): void {
    this.#link = null;
  }

  /** Ends the connection behind what was said. */
  drop(): void {
    if (this.#link === null) return;
    this.#owner.emit({ type: "disconnect", connection: this.#link.connection });
    this.#link = null;
  }

  /** The first exchange is over; the other side has seen so many parts. @throws MoveError */
  greeted(seen: number, now: Instant): void {
    if (this.#link === null) return;
    this.#out.rewind(seen);
    this.#link.isGreeted = true;
    this.#pump(now);
  }

  /** To the other server. False when too much waits already: then it is not taken. */
  pushServer(message: Uint8Array, now: Instant): boolean {
    const isTaken = this.#out.push(message);
    this.#pump(now);
    return isTaken;
  }

  /** Nothing is sent while there is no link. */
  send(message: EncodedMessage, now: Instant): void {
    if (this.#link === null) return;
    const { id, body } = message;
    const header = peerHeaderCodec.encode({ type: id, size: body.length });
    const bytes = new Uint8Array(header.length + body.length);
    bytes.set(header);
    bytes.set(body, header.length);
    this.#link.saidAt = now;
    this.#owner.emit({ type: "transmit", connection: this.#link.connection, bytes });
  }

  /** Bytes of the connection; `next` then gives what they say. */
  receive(bytes: Uint8Array, now: Instant): void {
    if (this.#link === null) return;
    this.#link.heardAt = now;
    this.#link.received.push(bytes);
  }

  /** What the other role says next, or null. @throws MoveError */
  next(now: Instant): M | null {
    for (;;) {
      const frame = this.#frame();
      if (frame === null) return null;
      try {
        const shared = sharedCodec.decode(frame.type, frame.body);
        if (shared === null) {
          const message = this.#codec.decode(frame.type, frame.body);
          if (message === null) throw violation(`message ${frame.type} is not known`);
          return message;
        }
        this.#shared(shared, now);
      } catch (error) {
        throw error instanceof WireError ? violation(error.message) : error;
      }
    }
  }

  #frame(): { readonly type: number; readonly body: Uint8Array } | null {
    const received = this.#link?.received;
    const head = received?.peek(peerHeaderSize);
    if (received === undefined || head == null) return null;
    const { type, size } = peerHeaderCodec.decode(head);
    if (size > peerBodyMax) throw violation(`a message of ${size} bytes`);
    if (received.size < peerHeaderSize + size) return null;
    received.take(peerHeaderSize);
    return { type, body: received.take(size)! };
  }

  #shared(message: SharedMessage, now: Instant): void {
    if (message.name === "PING") return;
    if (!this.isGreeted) throw violation(`${message.name} before the first exchange is over`);
    if (message.name === "SEEN") {
      this.#out.acknowledge(message.body.sequence);
      this.#pump(now);
      return;
    }
    const whole = this.#in.take(message.body);
    this.send(sharedCodec.encode({ name: "SEEN", body: { sequence: this.#in.seen } }), now);
    if (whole !== null) this.#owner.emit({ type: "peer", bytes: whole });
  }

  #pump(now: Instant): void {
    if (!this.isGreeted) return;
    for (let part = this.#out.next(); part !== null; part = this.#out.next()) {
      this.send(sharedCodec.encode({ name: "SERVER", body: part }), now);
    }
  }

  /** Says that we live when it is time to. True when the other side has been silent for too long. */
  tick(now: Instant): boolean {
    const link = this.#link;
    if (link === null) return false;
    if (now >= link.heardAt + this.#timing.silenceMaxMs) return true;
    if (now >= link.saidAt + this.#timing.pingEveryMs) {
      this.send(sharedCodec.encode({ name: "PING", body: {} }), now);
    }
    return false;
  }

  deadline(): Instant | null {
    const link = this.#link;
    if (link === null) return null;
    const { pingEveryMs, silenceMaxMs } = this.#timing;
    return Math.min(link.heardAt + silenceMaxMs, link.saidAt + pingEveryMs);
  }

  snapshot(now: Instant): unknown {
    const link = this.#link;
    return {
      link:
        link === null
          ? null
          : {
              connection: link.connection,
              isGreeted: link.isGreeted,
              received: link.received.size,
              heard: link.heardAt - now,
              said: link.saidAt - now,
            },
      waiting: this.#out.snapshot(),
      seen: this.#in.seen,
    };
  }
}

/** A reason that fits into one message. */
export function shorten(reason: string): string {
  return reason.length <= 500 ? reason : `${reason.slice(0, 499)}…`;
}
