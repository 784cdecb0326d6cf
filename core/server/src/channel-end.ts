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
import { type baseClient, baseCodec, type baseServer, MigrateFlag } from "@caraway/protocol";
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
   * Source, with a peer: bulk state, asked for any number of times while the guest runs and the
   * channel goes on; a new move begins with `isFirst`. null: there is nothing to tell.
   */
  earlyState?(isFirst: boolean): Uint8Array | null;
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
   * Target: what came over the peer link. Called behind `restoreMigrationData`, only where
   * `finalState` returned something.
   */
  restoreState?(final: Uint8Array): void;
  /**
   * Target, in place of `opened`: all is restored that will be, and the client is there with all
   * that it had. `rebuilt`: it is to begin anew all the same, as far as the client can.
   */
  moved?(outcome: "kept" | "rebuilt"): void;
}

export interface ChannelEndOwner {
  /** The channel ended by itself; its connection is closed. `error` null: the client ended it. */
  channelEnded(end: ChannelEnd, error: CarawayError | null): void;
  /** The client took some of the bytes that were under way. */
  channelDrained?(end: ChannelEnd): void;
  /** The client was told to wait for these displays, by label. */
  channelWaits?(labels: readonly string[]): void;
}

/** How a channel leaves for another server. */
export interface Leave {
  /** `MigrateFlag` bits. */
  readonly flags: number;
  readonly hasPeer: boolean;
  /** It has said all; `state` is what `finalState` returned. */
  left(end: ChannelEnd, state: Uint8Array | null, dataSize: number): void;
}

/**
 * idle: linked, but nothing is said before `open`. leaving: MIGRATE went out, and the client's
 * flush mark is awaited. silent: nothing goes out any more, what comes is heard. left: nothing
 * goes out, and nothing is heard.
 */
type Phase =
  | { readonly kind: "idle" | "open" | "silent" | "left" | "closed" }
  | { readonly kind: "leaving"; readonly leave: Leave };

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
  #writer: FrameWriter;
  readonly #credit = new AckCredit();
  #handler: ChannelHandler | null = null;
  #phase: Phase = { kind: "idle" };
  /** Servers that it has come from, one after the other. */
  #moves = 0;
  /** The handler has enough of what the client sends. */
  #isReadingPaused = false;
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

  /** Whether the connection is there and belongs to this end. */
  get isOpen(): boolean {
    return this.#phase.kind !== "closed";
  }

  /** Whether what is sent goes out. */
  get #speaks(): boolean {
    return this.#phase.kind === "open";
  }

  /** Whether the client goes on at another server, or is about to. */
  get hasLeft(): boolean {
    return this.#phase.kind === "leaving" || this.#phase.kind === "left";
  }

  /** Whether MIGRATE went out and more is to come. */
  get isLeaving(): boolean {
    return this.#phase.kind === "leaving";
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
      connection: this.#connection,
      phase: this.#phase.kind,
      nextSerial: this.#writer.nextSerial,
      received: this.#reader.nextSerial,
      credit: this.#credit.snapshot(),
      backlog: this.#backlog,
      handler: this.#handler?.snapshot(now) ?? null,
    };
  }

  /** Begins with what came behind the link stage. */
  open(handler: ChannelHandler, rest: Uint8Array = this.#link.rest): void {
    this.#begin(handler, rest, () => handler.opened());
  }

  /** Goes on where another server left it; the handler is restored. `rest`: bytes that came since. */
  goOn(handler: ChannelHandler, outcome: "kept" | "rebuilt", rest: Uint8Array): void {
    this.#begin(handler, rest, () => {
      if (handler.moved === undefined) handler.opened();
      else handler.moved(outcome);
    });
  }

  #begin(handler: ChannelHandler, rest: Uint8Array, speak: () => void): void {
    this.#handler = handler;
    this.#phase = { kind: "open" };
    this.#wiring.handOver(this.#connection, this);
    this.#guard(speak);
    this.received(rest);
  }

  /** Servers that the channel has come from: clients may count its messages that much lower. */
  get moves(): number {
    return this.#moves;
  }

  /** The next message that is sent has this serial; `moves` as the source had it, and one. */
  continueFrom(serial: bigint, moves: number): void {
    this.#moves = moves;
    this.#writer = new FrameWriter(this.#link.miniHeader, serial);
  }

  /** Source: bulk state for the target, while the channel goes on. */
  earlyState(isFirst: boolean): Uint8Array | null {
    return this.#speaks ? (this.#handler?.earlyState?.(isFirst) ?? null) : null;
  }

  /** The last moment to say something before `leave`. */
  prepareToLeave(hasPeer: boolean): void {
    if (this.#speaks) this.#handler?.leaving?.(hasPeer);
  }

  /** Sends the client to another server. */
  leave(leave: Leave): void {
    if (!this.#speaks) return;
    const { flags } = leave;
    this.#transmit(baseCodec.server.encode({ name: "MIGRATE", body: { flags } }));
    this.#phase = { kind: "leaving", leave };
    this.resumeReading();
    if (!this.isLeaving) return;
    if ((flags & MigrateFlag.NEED_FLUSH) === 0) this.#handOver(leave);
  }

  /** Nothing of the client can come any more: this is what the channel is. */
  #handOver({ flags, hasPeer, left }: Leave): void {
    const state = hasPeer ? (this.#handler?.finalState?.() ?? null) : null;
    let dataSize = 0;
    if ((flags & MigrateFlag.NEED_DATA_TRANSFER) !== 0) {
      const data = this.#handler?.migrationData?.() ?? new Uint8Array(0);
      dataSize = data.length;
      this.#transmit(baseCodec.server.encode({ name: "MIGRATE_DATA", body: { data } }));
    }
    this.#phase = { kind: "left" };
    left(this, state, dataSize);
  }

  /** The client leaves by itself, now that it was told to: nothing more is said. */
  silence(): void {
    if (!this.#speaks) return;
    this.#phase = { kind: "silent" };
    this.resumeReading();
  }

  /** Whether something should be produced for the client now; `writable` tells when it is again. */
  get canSend(): boolean {
    return this.leavesRoom(0);
  }

  /** The same, and whether so many messages may follow for which there is no time to wait. */
  leavesRoom(messages: number): boolean {
    const isAcked = this.#credit.leaves(messages);
    if (!this.#speaks || !isAcked || this.#backlog >= freshBytesMax) return false;
    const { input, bytes } = this.#burst;
    if (input !== this.#wiring.inputCount || bytes < freshBytesMax) return true;
    // Whether the network took it is known in a moment; if it did, the driver will not say so.
    this.#offerAt = this.#wiring.now;
    return false;
  }

  /** Sends at once; whoever has much to say asks `canSend` before. */
  send(message: EncodedMessage): void {
    if (!this.#speaks) return;
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
    if (message.name !== "WAIT_FOR_CHANNELS") return;
    const displays = message.body.waitList.map(({ channelId }) => `display ${channelId}`);
    this.#owner.channelWaits?.(displays);
  }

  /**
   * Others wait for what was sent last. With small headers each end counts for itself: spice-gtk
   * counts on through a move, others count the number of MIGRATE_DATA twice, as spice-server does,
   * and need as many messages more as they have been through moves.
   */
  sayMore(): void {
    if (!this.miniHeader) return;
    for (let more = 0; more < this.#moves; more++) {
      this.sendBase({ name: "PING", body: { id: 0, timestamp: 0n, data: new Uint8Array(0) } });
    }
  }

  /** Reads nothing more of the client; what its connection still holds waits. */
  pauseReading(): void {
    // Behind what is read last stands the flush mark.
    if (!this.#speaks || this.#isReadingPaused) return;
    this.#isReadingPaused = true;
    this.#wiring.pause(this.#connection);
  }

  resumeReading(): void {
    if (!this.#hears || !this.#isReadingPaused) return;
    this.#isReadingPaused = false;
    this.#wiring.resume(this.#connection);
    this.#read();
  }

  /** Opens an ack window of so many messages. */
  openWindow(window: number): void {
    if (!this.#speaks) return;
    // Clients count from the message behind it.
    this.#transmit(baseCodec.server.encode({ name: "SET_ACK", body: this.#credit.open(window) }));
  }

  deadline(): number | null {
    if (!this.#speaks) return null;
    return this.#offerAt ?? this.#handler?.deadline() ?? null;
  }

  timeout(): void {
    if (!this.#speaks) return;
    if (this.#offerAt !== null && this.#wiring.now >= this.#offerAt) this.#offer();
    this.#guard(() => this.#handler?.timeout());
  }

  received(bytes: Uint8Array): void {
    if (!this.#hears) return;
    this.#reader.push(bytes);
    this.#read();
  }

  #read(): void {
    this.#guard(() => {
      while (this.#hears && !this.#isReadingPaused) {
        const frame = this.#reader.next();
        if (frame === null) return;
        for (const { id, body } of frame.subFrames) this.#handle(id, body);
        this.#handle(frame.id, frame.body);
      }
    });
  }

  get #hears(): boolean {
    const { kind } = this.#phase;
    return kind === "open" || kind === "leaving" || kind === "silent";
  }

  backlog(bytes: number): void {
    if (bytes < this.#backlog) this.#owner.channelDrained?.(this);
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
    if (!this.isOpen) return;
    this.#phase = { kind: "closed" };
    this.#wiring.disconnect(this.#connection);
    this.#handler?.closed();
  }

  /** Ends the channel, if there is something to end. */
  fail(error: CarawayError): void {
    this.#end(error);
  }

  #end(error: CarawayError | null): void {
    if (!this.isOpen) return;
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
    if (!this.#hears) return;
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
        if (this.#phase.kind !== "leaving") {
          throw this.unexpected(message.name, "no migration is under way");
        }
        this.#handOver(this.#phase.leave);
        break;
      case "MIGRATE_DATA":
        throw this.unexpected(message.name, "the channel waits for no state");
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
  badMessage(error: unknown, message: number | string): unknown {
    if (!(error instanceof WireError)) return error;
    const name = typeof message === "number" ? `message ${message}` : message;
    return new ProtocolError("BAD_MESSAGE", this.label, name, error.message, error);
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
