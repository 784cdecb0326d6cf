// The client's end of one channel, whatever its kind: frames to messages, ack window, pings, waits
// for other channels, and the channel's own part in a migration. What messages mean is the
// business of a ChannelHandler.
//
// INVARIANT: a message goes either to the source before its flush mark or to the target behind
// its MIGRATE_DATA, never to both and never to neither: while the channel is between the two,
// `send` keeps it.

import {
  type ConnectionKey,
  FrameReader,
  FrameWriter,
  ProtocolError,
  type TransportFailure,
} from "@caraway/channel";
import { type baseClient, baseCodec, type baseServer, MigrateFlag } from "@caraway/protocol";
import { CarawayError, type MessageOf, WireError } from "@caraway/wire";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import { ChannelProgress, type Credit } from "./channel-progress.ts";
import type { LinkedConnection } from "./link-attempt.ts";
import type { ConnectionOwner, Wiring } from "./wiring.ts";

type BaseServerMessage = MessageOf<typeof baseServer>;
type BaseClientMessage = MessageOf<typeof baseClient>;
export interface EncodedMessage {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface ChannelSerial {
  readonly channelType: number;
  readonly channelId: number;
  readonly messageSerial: bigint;
}

/** What a kind of channel does with its messages. */
export interface ChannelHandler {
  /**
   * A message that is not common to all channels. Returns true when it is handled, false when
   * `ChannelEnd.credit` will be called later, once for each such message and in order.
   */
  message(id: number, body: Uint8Array): boolean;
  /** The channel begins (anew); what is sent now goes before what was kept. */
  opened(): void;
  /** The channel goes on at the target; what is sent now goes before what was kept. */
  moved(): void;
  /** The waits of a message that is not common, e.g. INVAL_ALL_PIXMAPS; empty for none. */
  waits(id: number, body: Uint8Array): readonly ChannelSerial[];
  /** Nothing more is read while it is; `ChannelEnd.proceed` says that it is over. */
  readonly isFull?: boolean;
  /** Bytes that the network has not taken, after each change. */
  backlog?(bytes: number): void;
  /** There is no server any more: the channel is closed, or may be opened anew. */
  left?(): void;
  snapshot(): unknown;
}

/** What the session hears from its channels. */
export interface ChannelOwner {
  /** MIGRATE came: the guest has moved. */
  migrating(end: ChannelEnd): void;
  /**
   * The source has nothing more to say and the channel waits for the target. The connection to
   * the source is the owner's now: a source that loses its main channel drops the others too.
   */
  handedOver(end: ChannelEnd, source: ConnectionKey): void;
  /** Whether every serial of the list was handled, as far as `end` must wait for it. */
  satisfied(end: ChannelEnd, waits: readonly ChannelSerial[]): boolean;
  /** A message was handled, or no more will be: others may wait for it. */
  progressed(end: ChannelEnd): void;
  /** The channel ended by itself; its connection is closed. */
  failed(end: ChannelEnd, error: CarawayError): void;
}

interface Wire {
  readonly connection: ConnectionKey;
  readonly reader: FrameReader;
  readonly writer: FrameWriter;
  readonly capabilities: readonly number[];
}

type ChannelState =
  | { readonly kind: "unlinked" }
  | { readonly kind: "open"; readonly wire: Wire }
  /**
   * The flush mark is sent (if wanted) and nothing more may be. MIGRATE_DATA should be the next
   * message; what spice-server answers to a request that crossed MIGRATE comes before it.
   */
  | { readonly kind: "awaiting-data"; readonly wire: Wire }
  /** Nothing more comes from the source. */
  | {
      readonly kind: "handed-over";
      readonly data: Uint8Array | null;
      /** Serials of the next message of either direction. */
      readonly nextReceived: bigint;
      readonly nextSent: bigint;
    }
  /** What is sent is dropped; the channel may be opened again. */
  | { readonly kind: "closed" };

interface WorkItem {
  readonly id: number;
  readonly body: Uint8Array;
  readonly serial: bigint;
  /** Of the items of one frame only the last one counts for serials and acks. */
  readonly last: boolean;
}

/** Images of a large screen, sent raw, fit. */
const displayBodySizeMax = 256 << 20;
const bodySizeMax = 16 << 20;
/** Messages that the handler may keep before the channel stops reading. */
const pendingMax = 512;
/** Bytes that may wait for a peer that does not read. */
const backlogMax = 64 << 20;

export class ChannelEnd implements ConnectionOwner {
  readonly channel: ChannelId;
  readonly #wiring: Wiring;
  readonly #owner: ChannelOwner;
  #handler: ChannelHandler | null = null;
  #state: ChannelState = { kind: "unlinked" };
  readonly #progress = new ChannelProgress();
  readonly #work: WorkItem[] = [];
  #held: EncodedMessage[] = [];
  #paused = false;
  #heard = false;
  #pumping = false;

  constructor(channel: ChannelId, wiring: Wiring, owner: ChannelOwner) {
    this.channel = channel;
    this.#wiring = wiring;
    this.#owner = owner;
  }

  /** The handler and its end know each other: set once, right after construction. */
  setHandler(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** Whether the present server has said anything on it. */
  get heard(): boolean {
    return this.#heard;
  }

  get stateKind(): ChannelState["kind"] {
    return this.#state.kind;
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Serial of the newest message that was handled. */
  get handledSerial(): bigint {
    return this.#progress.handledSerial;
  }

  /** Bytes of MIGRATE_DATA that wait for the target. */
  get dataSize(): number {
    return this.#state.kind === "handed-over" ? (this.#state.data?.length ?? 0) : 0;
  }

  /** Capability words of the server. */
  get capabilities(): readonly number[] {
    return "wire" in this.#state ? this.#state.wire.capabilities : [];
  }

  snapshot(): unknown {
    const state = this.#state;
    return {
      state: state.kind,
      connection: "wire" in state ? state.wire.connection : null,
      progress: this.#progress.snapshot(),
      work: this.#work.length,
      held: this.#held.length,
      handler: this.#handler?.snapshot() ?? null,
    };
  }

  /** The channel begins, or begins anew: nothing of an earlier connection counts any more. */
  open(linked: LinkedConnection): void {
    this.#dropWire();
    this.#progress.begin();
    this.#work.length = 0;
    this.#attach(linked, 1n, 1n);
    this.#handler?.opened();
    this.#sendHeld();
    this.#start(linked);
  }

  /** The channel goes on at the target of a seamless migration. */
  moveTo(linked: LinkedConnection): void {
    const state = this.#state;
    if (state.kind !== "handed-over") throw new Error("a channel moves once it is handed over");
    this.#attach(linked, state.nextReceived, state.nextSent);
    if (state.data !== null) {
      this.#transmit({ name: "MIGRATE_DATA", body: { data: state.data } });
    }
    this.#handler?.moved();
    this.#sendHeld();
    this.#start(linked);
  }

  /** Sends, or keeps while there is no server to send to. */
  send(message: EncodedMessage): void {
    if (this.#state.kind === "open") {
      const { connection, writer } = this.#state.wire;
      this.#wiring.transmit(connection, writer.write(message));
    } else if (this.#state.kind !== "closed") {
      this.#held.push(message);
    }
  }

  /** Drops what is kept for the target: it belongs to a state that is gone. */
  dropHeld(): void {
    this.#held = [];
  }

  /** The oldest message that the handler kept is handled now. */
  credit(): void {
    if (this.#progress.pendingCount === 0) return;
    if (this.#progress.handledNext()) this.#transmit({ name: "ACK", body: {} });
    this.#owner.progressed(this);
    this.#pump();
  }

  /** The handler has room again. */
  proceed(): void {
    this.#pump();
  }

  /** Another channel progressed: a wait may be over. */
  retry(): void {
    if (this.#work.length > 0) this.#pump();
  }

  /** Leaves the connection without a word to the owner. */
  close(): void {
    this.#dropWire();
    this.#state = { kind: "closed" };
    this.#work.length = 0;
    this.#held = [];
    this.#handler?.left?.();
  }

  /** Leaves the connection; the channel may be opened again and keeps what is sent meanwhile. */
  unlink(): void {
    this.#dropWire();
    this.#state = { kind: "unlinked" };
    this.#work.length = 0;
    this.#handler?.left?.();
  }

  connected(): void {}

  received(bytes: Uint8Array): void {
    if (!("wire" in this.#state)) return;
    this.#state.wire.reader.push(bytes);
    this.#pump();
  }

  backlog(bytes: number): void {
    if (bytes <= backlogMax) {
      this.#handler?.backlog?.(bytes);
      return;
    }
    const failure = { kind: "other", detail: "the server does not read" } as const;
    this.fail(new ChannelClosed(channelLabel(this.channel), failure));
  }

  closed(failure: TransportFailure | null): void {
    this.fail(new ChannelClosed(channelLabel(this.channel), failure));
  }

  #attach(linked: LinkedConnection, firstSerial: bigint, nextSerial: bigint): void {
    const { miniHeader, channelCapabilities } = linked.agreement;
    const reader = new FrameReader({
      channel: channelLabel(this.channel),
      miniHeader,
      bodySizeMax: this.channel.name === "display" ? displayBodySizeMax : bodySizeMax,
      firstSerial,
      listFrames: true,
    });
    const { connection } = linked;
    const writer = new FrameWriter(miniHeader, nextSerial);
    this.#wiring.handOver(connection, this);
    this.#state = {
      kind: "open",
      wire: { connection, reader, writer, capabilities: channelCapabilities },
    };
    this.#paused = true;
    this.#heard = false;
  }

  /** Reads what came with the link, and all that follows. */
  #start(linked: LinkedConnection): void {
    if (this.#state.kind !== "open") return;
    this.#state.wire.reader.push(linked.rest);
    this.#pump();
  }

  #sendHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.send(message);
  }

  #dropWire(): void {
    if ("wire" in this.#state) this.#wiring.disconnect(this.#state.wire.connection);
  }

  /** Handles what is there, until bytes, a wait or the handler's credit is wanted. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.fail(error);
    } finally {
      this.#pumping = false;
    }
    this.#regulate();
  }

  #step(): boolean {
    if (this.#isBehind) return false;
    const item = this.#work[0];
    if (item === undefined) return this.#readFrame();
    const message = this.#decodeBase(item);
    const waits = this.#waitsOf(item, message);
    if (waits.length > 0 && !this.#owner.satisfied(this, waits)) return false;
    this.#work.shift();
    this.#handle(item, message);
    return true;
  }

  /** Whether the handler has as much as it can keep. */
  get #isBehind(): boolean {
    return this.#progress.pendingCount >= pendingMax || this.#handler?.isFull === true;
  }

  #readFrame(): boolean {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "awaiting-data") return false;
    const frame = state.wire.reader.next();
    if (frame === null) return false;
    this.#heard = true;
    const { serial } = frame;
    for (const { id, body } of frame.subFrames) this.#work.push({ id, body, serial, last: false });
    this.#work.push({ id: frame.id, body: frame.body, serial, last: true });
    return true;
  }

  #decodeBase(item: WorkItem): BaseServerMessage | null {
    try {
      return item.id < 100 ? baseCodec.server.decode(item.id, item.body) : null;
    } catch (error) {
      throw this.badMessage(error, item.id);
    }
  }

  #waitsOf(item: WorkItem, base: BaseServerMessage | null): readonly ChannelSerial[] {
    if (base !== null) return base.name === "WAIT_FOR_CHANNELS" ? base.body.waitList : [];
    return this.#handler?.waits(item.id, item.body) ?? [];
  }

  #handle(item: WorkItem, base: BaseServerMessage | null): void {
    if (this.#state.kind === "awaiting-data" && base?.name === "MIGRATE_DATA") {
      this.#handOver(this.#state.wire, base.body.data);
      return;
    }
    const credit = this.#progress.creditFor(item.serial, item.last);
    if (base !== null) {
      this.#handleBase(base);
      this.#handledNow(credit);
    } else if (this.#handler?.message(item.id, item.body) ?? true) {
      this.#handledNow(credit);
    } else {
      this.#progress.handledLater(credit);
    }
  }

  #handledNow(credit: Credit): void {
    if (this.#progress.handledNow(credit)) this.#transmit({ name: "ACK", body: {} });
    this.#owner.progressed(this);
  }

  #handleBase(message: BaseServerMessage): void {
    switch (message.name) {
      case "MIGRATE":
        this.#migrate(message.body.flags);
        break;
      case "MIGRATE_DATA":
        throw this.unexpected("MIGRATE_DATA", "no MIGRATE came before");
      case "SET_ACK": {
        const { generation, window } = message.body;
        this.#progress.openWindow(generation, window);
        this.#transmit({ name: "ACK_SYNC", body: { generation } });
        break;
      }
      case "PING": {
        const { id, timestamp } = message.body;
        this.#transmit({ name: "PONG", body: { id, timestamp } });
        break;
      }
      case "NOTIFY": {
        const { severity, message: text } = message.body;
        this.#wiring.event({
          name: "notify",
          channel: this.channel.name,
          severity,
          message: text,
        });
        break;
      }
      case "WAIT_FOR_CHANNELS":
      case "DISCONNECTING":
      case "LIST":
        break;
    }
  }

  #migrate(flags: number): void {
    if (this.#state.kind !== "open") return;
    const { wire } = this.#state;
    this.#owner.migrating(this);
    // The owner may have taken another way to the target.
    if (this.#state.kind !== "open" || this.#state.wire !== wire) return;
    if (flags & MigrateFlag.NEED_FLUSH) this.#transmit({ name: "MIGRATE_FLUSH_MARK", body: {} });
    if (flags & MigrateFlag.NEED_DATA_TRANSFER) {
      this.#state = { kind: "awaiting-data", wire };
      return;
    }
    this.#handOver(wire, null);
  }

  #handOver({ connection, reader, writer }: Wire, data: Uint8Array | null): void {
    // The target numbers its first message as the source numbered MIGRATE_DATA (spice-server
    // since 2016). DEVIATION: spice-gtk counts on and is then one ahead of the server.
    const nextReceived = data === null ? reader.nextSerial : reader.nextSerial - 1n;
    this.#work.length = 0;
    this.#state = { kind: "handed-over", data, nextReceived, nextSent: writer.nextSerial };
    this.#owner.handedOver(this, connection);
  }

  #transmit(message: BaseClientMessage): void {
    if (this.#state.kind !== "open") return;
    const { connection, writer } = this.#state.wire;
    this.#wiring.transmit(connection, writer.write(baseCodec.client.encode(message)));
  }

  /** Stops reading while the handler or another channel is behind. */
  #regulate(): void {
    const { kind } = this.#state;
    if (kind !== "open" && kind !== "awaiting-data") return;
    const behind = this.#work.length > 0 || this.#isBehind;
    if (behind === this.#paused) return;
    this.#paused = behind;
    const { connection } = this.#state.wire;
    if (behind) this.#wiring.pause(connection);
    else this.#wiring.resume(connection);
  }

  /** What a decoder threw, as an error of this channel. */
  badMessage(error: unknown, id: number): unknown {
    if (!(error instanceof WireError)) return error;
    const label = channelLabel(this.channel);
    return new ProtocolError("BAD_MESSAGE", label, `message ${id}`, error.message, error);
  }

  unexpected(message: string, detail: string): ProtocolError {
    return new ProtocolError("UNEXPECTED_MESSAGE", channelLabel(this.channel), message, detail);
  }

  unknown(id: number): ProtocolError {
    const label = channelLabel(this.channel);
    return new ProtocolError(
      "UNKNOWN_MESSAGE",
      label,
      `message ${id}`,
      "not known on this channel",
    );
  }

  /** Ends the channel, if there is something to end. */
  fail(error: CarawayError): void {
    if (this.#state.kind === "closed" || this.#state.kind === "unlinked") return;
    this.close();
    this.#owner.failed(this, error);
  }
}

/** The server closed a channel, or its connection broke. */
export class ChannelClosed extends CarawayError {
  readonly code = "CHANNEL_CLOSED";
  readonly transport: TransportFailure | null;

  constructor(channel: string, transport: TransportFailure | null) {
    super(`${channel}: ${transport?.detail ?? "the server closed the connection"}`);
    this.transport = transport;
  }
}
