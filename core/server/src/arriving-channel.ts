// A channel that is linked and belongs to a client on its way from another server. Its connection
// is watched; what the client may say before the channel is served is read, and nothing is said to
// it. Behind MIGRATE_DATA nothing is read until the channel goes on.

import { FrameReader, FrameWriter, ProtocolError, type TransportFailure } from "@caraway/channel";
import { baseCodec, mainCodec } from "@caraway/protocol";
import { CarawayError, type EncodedMessage, WireError } from "@caraway/wire";
import { bodySizeMax, type ChannelId, channelLabel } from "./channel-name.ts";
import { hasMigrationData } from "./migration-flags.ts";
import type { NewLink } from "./served-client.ts";
import type { ConnectionOwner, Wiring } from "./wiring.ts";

export interface ArrivingOwner {
  /** main: can the channels' state be taken? */
  askedSeamless(channel: ArrivingChannel, version: number): void;
  /** main: the client begins anew here. */
  endedMove(channel: ArrivingChannel): void;
  /** State has begun to come. */
  dataComes(channel: ArrivingChannel): void;
  dataCame(channel: ArrivingChannel): void;
  /** The connection is gone, or was closed for what came on it. */
  channelGone(channel: ArrivingChannel, error: CarawayError | null): void;
}

/** State may be larger than any message of its channel: surfaces, what waits for a device. */
const dataSizeMax = (16 << 20) + (64 << 10);
/** Bytes that are kept of a client that does not wait until it is served. */
const aheadMax = 1 << 20;

type Stage =
  /** Nothing but answers to what every channel may be asked is expected. */
  | { readonly kind: "parked" }
  /** MIGRATE_DATA comes first. */
  | { readonly kind: "awaiting" }
  | { readonly kind: "brought"; readonly data: Uint8Array | null }
  | { readonly kind: "over" };

export class ArrivingChannel implements ConnectionOwner {
  readonly channel: ChannelId;
  readonly link: NewLink;
  readonly #wiring: Wiring;
  readonly #owner: ArrivingOwner;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  #stage: Stage = { kind: "parked" };
  #ahead = 0;
  #isPaused = false;

  constructor(channel: ChannelId, link: NewLink, wiring: Wiring, owner: ArrivingOwner) {
    this.channel = channel;
    this.link = link;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#reader = new FrameReader({
      channel: this.label,
      miniHeader: link.link.miniHeader,
      bodySizeMax: Math.max(dataSizeMax, bodySizeMax(channel.name)),
      firstSerial: 1n,
      listFrames: false,
    });
    this.#writer = new FrameWriter(link.link.miniHeader, 1n);
  }

  get label(): string {
    return channelLabel(this.channel);
  }

  /** MIGRATE_DATA; undefined: it has not come, null: this kind of channel has none. */
  get data(): Uint8Array | null | undefined {
    return this.#stage.kind === "brought" ? this.#stage.data : undefined;
  }

  /** Watches the connection, from what came behind the link stage on. */
  begin(): void {
    this.#wiring.handOver(this.link.connection, this);
    this.received(this.link.link.rest);
  }

  /** The client's state is wanted. */
  awaitData(): void {
    if (this.#stage.kind !== "parked") return;
    const isNone = !hasMigrationData(this.channel.name);
    this.#stage = isNone ? { kind: "brought", data: null } : { kind: "awaiting" };
    this.#read();
  }

  /** The one thing that a target says before the client is here. */
  say(message: EncodedMessage): void {
    this.#wiring.transmit(this.link.connection, this.#writer.write(message));
  }

  /** Serial of what is said next. */
  get nextSerial(): bigint {
    return this.#writer.nextSerial;
  }

  /** Gives the connection up, with what came and was not read. */
  release(): Uint8Array {
    this.#stage = { kind: "over" };
    if (this.#isPaused) this.#wiring.resume(this.link.connection);
    return this.#reader.takePending();
  }

  /** Ends the connection, without a word to the owner. */
  drop(): void {
    if (this.#stage.kind === "over") return;
    this.#stage = { kind: "over" };
    this.#wiring.disconnect(this.link.connection);
  }

  received(bytes: Uint8Array): void {
    if (this.#stage.kind === "over") return;
    this.#reader.push(bytes);
    this.#ahead += bytes.length;
    const { kind } = this.#stage;
    if (kind === "awaiting" && bytes.length > 0) this.#owner.dataComes(this);
    // It waits in the network from here on.
    if (kind === "brought" && this.#ahead > aheadMax && !this.#isPaused) {
      this.#isPaused = true;
      this.#wiring.pause(this.link.connection);
    }
    this.#read();
  }

  backlog(): void {}

  closed(failure: TransportFailure | null): void {
    if (this.#stage.kind === "over") return;
    this.#stage = { kind: "over" };
    const error = failure === null ? null : new ArrivalLost(`${this.label}: ${failure.detail}`);
    this.#owner.channelGone(this, error);
  }

  snapshot(): unknown {
    return {
      channel: this.label,
      connection: this.link.connection,
      stage: this.#stage.kind,
      data: this.data ?? null,
      received: this.#reader.nextSerial,
      waiting: this.#reader.waitingSize,
      nextSerial: this.nextSerial,
    };
  }

  #read(): void {
    try {
      while (this.#stage.kind === "parked" || this.#stage.kind === "awaiting") {
        const frame = this.#reader.next();
        if (frame === null) return;
        for (const { id, body } of frame.subFrames) this.#handle(id, body);
        this.#handle(frame.id, frame.body);
      }
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.drop();
      this.#owner.channelGone(this, error);
    }
  }

  #handle(id: number, body: Uint8Array): void {
    const message = this.#decode(id, body);
    switch (message?.name) {
      case "ACK_SYNC":
      case "ACK":
      case "PONG":
      case "DISCONNECTING":
        return;
      case "MIGRATE_DATA":
        if (this.#stage.kind !== "awaiting") break;
        this.#stage = { kind: "brought", data: message.body.data.slice() };
        this.#ahead = 0;
        this.#owner.dataCame(this);
        return;
      case "MIGRATE_DST_DO_SEAMLESS":
        this.#owner.askedSeamless(this, message.body.srcVersion);
        return;
      case "MIGRATE_END":
        this.#owner.endedMove(this);
        return;
      default:
        break;
    }
    const detail = "the client is not here yet";
    throw new ProtocolError(
      "UNEXPECTED_MESSAGE",
      this.label,
      message?.name ?? `message ${id}`,
      detail,
    );
  }

  #decode(id: number, body: Uint8Array) {
    try {
      if (id < 100) return baseCodec.client.decode(id, body);
      return this.channel.name === "main" ? mainCodec.client.decode(id, body) : null;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new ProtocolError("BAD_MESSAGE", this.label, `message ${id}`, error.message, error);
    }
  }
}

/** A connection of a client that is on its way broke. */
export class ArrivalLost extends CarawayError {
  readonly code = "ARRIVAL_LOST";
}
