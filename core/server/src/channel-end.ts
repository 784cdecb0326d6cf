// The server's end of one channel, whatever its kind: frames to messages, ack window, pings, and
// how much may be sent before the client has taken it. What messages mean is the business of a
// ChannelHandler.

import {
  AckCredit,
  type ConnectionKey,
  FrameReader,
  FrameWriter,
  type LinkServed,
  ProtocolError,
  type TransportFailure,
} from "@caraway/channel";
import { type baseClient, baseCodec, type baseServer } from "@caraway/protocol";
import { CarawayError, type EncodedMessage, type MessageOf, WireError } from "@caraway/wire";
import { bodySizeMax, type ChannelId, channelLabel } from "./channel-name.ts";
import type { Arrival } from "./server-border.ts";
import type { ConnectionOwner, Wiring } from "./wiring.ts";

type BaseServerMessage = MessageOf<typeof baseServer>;
type BaseClientMessage = MessageOf<typeof baseClient>;

/** What a kind of channel does with its messages. */
export interface ChannelHandler {
  /** The channel begins: the first messages go out. */
  opened(): void;
  /** A message that is not common to all channels. */
  message(id: number, body: Uint8Array): void;
  pong?(id: number): void;
  /** More may be sent than before. */
  writable(): void;
  /** The channel is gone; nothing can be sent any more. */
  closed(): void;
  deadline(): number | null;
  timeout(): void;
  snapshot(now: number): unknown;

  // Moving to another server (docs/moving-a-guest.md). A channel without these hooks begins anew at
  // the target. Bytes from another server are as untrusted as a client's: what is wrong with them is
  // thrown as a CarawayError, and ends this channel only.

  /**
   * Source: MIGRATE is about to go out, and nothing can be sent after it: what the client has to
   * hear before is sent now. `hasPeer`: what `finalState` returns will reach the target.
   */
  leaving?(hasPeer: boolean): void;
  /**
   * Source, with a peer: bulk state, asked for while the guest runs and the channel goes on, once
   * for each move. null: nothing is worth it.
   */
  earlyState?(): Uint8Array | null;
  /**
   * Source, with a peer: the state as it is now, as far as `earlyState` of the same move has not
   * told it. Called once, behind the client's flush mark where there is one, before
   * `migrationData`; no channel of this client has sent anything since `leaving`.
   */
  finalState?(): Uint8Array | null;
  /** Source: the body of MIGRATE_DATA; called as `finalState` is, where the channel has data. */
  migrationData?(): Uint8Array;
  /** Target: the body of MIGRATE_DATA as the client brought it. Nothing was sent yet. */
  restoreMigrationData?(body: Uint8Array): void;
  /**
   * Target: what came over the peer link, `early` null where there was none. Called behind
   * `restoreMigrationData`, only where the source announced it.
   */
  restoreState?(early: Uint8Array | null, final: Uint8Array): void;
  /**
   * Target, in place of `opened`: all is restored that will be, and the client is there with all
   * that it had. Handlers without it begin with `opened`.
   */
  moved?(): void;
}

export interface ChannelEndOwner {
  /** The channel ended by itself; its connection is closed. `error` null: the client ended it. */
  channelEnded(end: ChannelEnd, error: CarawayError | null): void;
}

/** Bytes under way from which on nothing more is produced: what is sent should be fresh. */
const freshBytesMax = 128 << 10;
/** Bytes that a client may leave untaken before it has to go. */
const backlogMax = 32 << 20;

export class ChannelEnd implements ConnectionOwner {
  readonly channel: ChannelId;
  readonly arrival: Arrival;
  readonly #wiring: Wiring;
  readonly #owner: ChannelEndOwner;
  readonly #connection: ConnectionKey;
  readonly #link: LinkServed;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #credit = new AckCredit();
  #handler: ChannelHandler | null = null;
  #isOpen = true;
  /** As the driver said it last. */
  #backlog = 0;
  /** Sent while one input is handled: the driver says nothing of them before it is. */
  #burst = { input: -1, bytes: 0 };
  /** When to look again whether more may be sent. */
  #offerAt: number | null = null;

  constructor(
    channel: ChannelId,
    connection: ConnectionKey,
    arrival: Arrival,
    link: LinkServed,
    wiring: Wiring,
    owner: ChannelEndOwner,
  ) {
    this.channel = channel;
    this.arrival = arrival;
    this.#connection = connection;
    this.#link = link;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#reader = new FrameReader({
      channel: this.label,
      miniHeader: link.miniHeader,
      bodySizeMax: bodySizeMax(channel.name),
      firstSerial: 1n,
      listFrames: false,
    });
    this.#writer = new FrameWriter(link.miniHeader, 1n);
  }

  get label(): string {
    return channelLabel(this.channel);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The connection's own; for tasks that end with it. */
  get connection(): ConnectionKey {
    return this.#connection;
  }

  get miniHeader(): boolean {
    return this.#link.miniHeader;
  }

  /** Capability words of the client, for this kind of channel. */
  get capabilities(): readonly number[] {
    return this.#link.request.channelCapabilities;
  }

  /** Serial of the next message that is sent. */
  get nextSerial(): bigint {
    return this.#writer.nextSerial;
  }

  /** Bytes that the client has not taken. */
  get backlogBytes(): number {
    return this.#backlog;
  }

  snapshot(now: number): unknown {
    return {
      channel: this.label,
      isOpen: this.#isOpen,
      nextSerial: this.#writer.nextSerial,
      received: this.#reader.nextSerial,
      credit: this.#credit.snapshot(),
      backlog: this.#backlog,
      handler: this.#handler?.snapshot(now) ?? null,
    };
  }

  /** Begins with what came behind the link stage. */
  open(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#wiring.handOver(this.#connection, this);
    handler.opened();
    this.received(this.#link.rest);
  }

  /** Whether something should be produced for the client now; `writable` tells when it is again. */
  get canSend(): boolean {
    if (!this.#isOpen || !this.#credit.isOpen || this.#backlog >= freshBytesMax) return false;
    const { input, bytes } = this.#burst;
    if (input !== this.#wiring.inputCount || bytes < freshBytesMax) return true;
    // Whether the network took it is known in a moment; if it did, the driver will not say so.
    this.#offerAt = this.#wiring.now;
    return false;
  }

  /** Sends at once; whoever has much to say asks `canSend` before. */
  send(message: EncodedMessage): void {
    if (!this.#isOpen) return;
    this.#transmit(message);
    this.#credit.sent();
  }

  #transmit(message: EncodedMessage): void {
    const bytes = this.#writer.write(message);
    this.#wiring.transmit(this.#connection, bytes);
    const { inputCount } = this.#wiring;
    if (this.#burst.input !== inputCount) this.#burst = { input: inputCount, bytes: 0 };
    this.#burst.bytes += bytes.length;
  }

  sendBase(message: BaseServerMessage): void {
    this.send(baseCodec.server.encode(message));
  }

  /** Opens an ack window of so many messages. */
  openWindow(window: number): void {
    if (!this.#isOpen) return;
    // Clients count from the message behind it.
    this.#transmit(baseCodec.server.encode({ name: "SET_ACK", body: this.#credit.open(window) }));
  }

  deadline(): number | null {
    if (!this.#isOpen) return null;
    return this.#offerAt ?? this.#handler?.deadline() ?? null;
  }

  timeout(): void {
    if (!this.#isOpen) return;
    if (this.#offerAt !== null && this.#wiring.now >= this.#offerAt) this.#offer();
    this.#guard(() => this.#handler?.timeout());
  }

  received(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#reader.push(bytes);
    this.#guard(() => {
      while (this.#isOpen) {
        const frame = this.#reader.next();
        if (frame === null) return;
        for (const { id, body } of frame.subFrames) this.#handle(id, body);
        this.#handle(frame.id, frame.body);
      }
    });
  }

  backlog(bytes: number): void {
    this.#backlog = bytes;
    if (bytes > backlogMax) {
      this.fail(new ClientTooSlow(`${this.label}: ${bytes} bytes are not taken`));
    } else this.#offer();
  }

  closed(failure: TransportFailure | null): void {
    this.#end(failure === null ? null : new ClientLost(`${this.label}: ${failure.detail}`));
  }

  /** Ends the channel without a word to the owner. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wiring.disconnect(this.#connection);
    this.#handler?.closed();
  }

  /** Ends the channel, if there is something to end. */
  fail(error: CarawayError): void {
    this.#end(error);
  }

  #end(error: CarawayError | null): void {
    if (!this.#isOpen) return;
    this.close();
    this.#owner.channelEnded(this, error);
  }

  /** What a client sends may be anything; what goes wrong ends its channel only. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.fail(error);
    }
  }

  #offer(): void {
    this.#offerAt = null;
    if (this.canSend) this.#guard(() => this.#handler?.writable());
  }

  #handle(id: number, body: Uint8Array): void {
    if (!this.#isOpen) return;
    if (id >= 100) {
      this.#handler?.message(id, body);
      return;
    }
    const message = this.#decodeBase(id, body);
    if (message === null) throw this.unknown(id);
    switch (message.name) {
      case "ACK_SYNC":
        this.#credit.synchronized(message.body.generation);
        break;
      case "ACK":
        this.#credit.acknowledged();
        this.#offer();
        break;
      case "PONG":
        this.#handler?.pong?.(message.body.id);
        break;
      case "DISCONNECTING":
        break;
      case "MIGRATE_FLUSH_MARK":
      case "MIGRATE_DATA":
        throw this.unexpected(message.name, "no migration is under way");
    }
  }

  #decodeBase(id: number, body: Uint8Array): BaseClientMessage | null {
    try {
      return baseCodec.client.decode(id, body);
    } catch (error) {
      throw this.badMessage(error, id);
    }
  }

  /** What a decoder threw, as an error of this channel. */
  badMessage(error: unknown, id: number): unknown {
    if (!(error instanceof WireError)) return error;
    return new ProtocolError("BAD_MESSAGE", this.label, `message ${id}`, error.message, error);
  }

  unexpected(message: string, detail: string): ProtocolError {
    return new ProtocolError("UNEXPECTED_MESSAGE", this.label, message, detail);
  }

  unknown(id: number): ProtocolError {
    const detail = "not known on this channel";
    return new ProtocolError("UNKNOWN_MESSAGE", this.label, `message ${id}`, detail);
  }
}

/** A connection of a client broke. */
export class ClientLost extends CarawayError {
  readonly code = "CLIENT_LOST";
}

/** A client does not take what is sent to it, or does not answer. */
export class ClientTooSlow extends CarawayError {
  readonly code = "CLIENT_TOO_SLOW";
}
