// One client of the server: its channels, and what they share. The client lives as long as its main
// channel; any other may end alone.

import type { ConnectionKey, LinkServed } from "@caraway/channel";
import { CarawayError } from "@caraway/wire";
import type { KnownBy } from "./access.ts";
import { CardFormat } from "./card-format.ts";
import { ChannelEnd, type ChannelEndOwner, type ChannelHandler } from "./channel-end.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import type { ClientCaches } from "./client-caches.ts";
import { CursorChannel } from "./cursor-channel.ts";
import { DisplayChannel } from "./display-channel.ts";
import type { ClientKey } from "./events.ts";
import type { GuestInputs } from "./guest-inputs.ts";
import { InputsChannel } from "./inputs-channel.ts";
import { MainChannel, type MainOwner, type MainView, type MoveAnswer } from "./main-channel.ts";
import { isSlow, type NetworkFigures } from "./network-test.ts";
import type { ServerOptions } from "./options.ts";
import type { SharedEncodings } from "./picture-encoder.ts";
import { PlaybackChannel } from "./playback-channel.ts";
import { RecordChannel } from "./record-channel.ts";
import type { Arrival } from "./server-border.ts";
import { StreamChannel } from "./stream-channel.ts";
import type { StreamDesk } from "./stream-desk.ts";
import { VmcFormat } from "./vmc-format.ts";
import type { Wiring } from "./wiring.ts";

/** What all clients have in common. */
export interface ServedGuest extends MainView {
  readonly wiring: Wiring;
  readonly options: ServerOptions;
  readonly inputs: GuestInputs;
  readonly streams: StreamDesk;
  readonly encodings: SharedEncodings;
}

export interface ClientOwner {
  /** Channels that the client may open. */
  channelsFor(client: ServedClient): readonly ChannelId[];
  /** The client is gone. `error` null: it left. */
  clientEnded(client: ServedClient, error: CarawayError | null): void;
  /** What the client says of the target of a move. */
  moveAnswered(client: ServedClient, answer: MoveAnswer): void;
  /** It took some of what was under way to it. */
  clientDrained(client: ServedClient): void;
  /** It came over with nothing, and begins. */
  clientBegins(client: ServedClient): void;
  /** It came over with what it had. */
  clientArrived(client: ServedClient): void;
}

export interface ClientIdentity {
  readonly key: ClientKey;
  readonly sessionId: number;
  readonly user: string | null;
  readonly viewOnly: boolean;
  /** By what it can show at any time that it is the same client. */
  readonly knownBy: KnownBy;
  /** What another server has told of them already, or empty. */
  readonly caches: ClientCaches;
  /** It comes over from another server, and is here only when its main channel is. */
  readonly comesOver: boolean;
}

/** What a channel brings from another server. */
export interface Brought {
  /** MIGRATE_DATA; null for a channel without. */
  readonly data: Uint8Array | null;
  /** null: the peer link has nothing. */
  readonly final: Uint8Array | null;
  /** Whether it should begin anew in spite of what it brings; why, or null. */
  readonly rebuild: string | null;
  /** Bytes of the client's behind it. */
  readonly rest: Uint8Array;
  /** Of what is said to the client next, where the channel does not know better. */
  readonly nextSerial: bigint;
}

/** How all channels of a client leave. */
export interface Departure {
  readonly hasPeer: boolean;
  flagsOf(channel: ChannelId): number;
  left(channel: ChannelId, state: Uint8Array | null, dataSize: number): void;
  /** The channel ended before it had said all. */
  lost(channel: ChannelId): void;
}

/** A link that came through. */
export interface NewLink {
  readonly connection: ConnectionKey;
  readonly arrival: Arrival;
  readonly link: LinkServed;
}

/** So long before its time a frame of video should come. */
const videoMarginMs = 30;
/** Sound is not held back longer than that. */
const audioLatencyMaxMs = 400;

export class ServedClient implements ChannelEndOwner {
  readonly key: ClientKey;
  readonly sessionId: number;
  readonly viewOnly: boolean;
  readonly caches: ClientCaches;
  readonly main: MainChannel;
  readonly #guest: ServedGuest;
  readonly #owner: ClientOwner;
  readonly #mainEnd: ChannelEnd;
  readonly #ends = new Map<string, ChannelEnd>();
  readonly #displays = new Map<ChannelEnd, DisplayChannel>();
  readonly knownBy: KnownBy;
  readonly user: string | null;
  /** For people: where it is. */
  readonly peer: string;
  readonly comesOver: boolean;
  readonly #playbacks = new Map<ChannelEnd, PlaybackChannel>();
  #audioLatencyMs = 0;
  #inputs: InputsChannel | null = null;
  #isSlow = false;
  #isOver = false;
  #isHere: boolean;
  /** Labels of channels that it had at another server. */
  #brought: ReadonlySet<string> | null = null;
  #departure: Departure | null = null;
  /** It was told to leave, by itself. */
  #isSilent = false;

  constructor(identity: ClientIdentity, link: NewLink, guest: ServedGuest, owner: ClientOwner) {
    this.key = identity.key;
    this.caches = identity.caches;
    this.sessionId = identity.sessionId;
    this.viewOnly = identity.viewOnly;
    this.knownBy = identity.knownBy;
    this.user = identity.user;
    this.peer = link.arrival.peer;
    this.comesOver = identity.comesOver;
    this.#isHere = !identity.comesOver;
    this.#guest = guest;
    this.#owner = owner;
    this.#mainEnd = this.#newEnd({ name: "main", id: 0 }, link);
    const client = this.key;
    const { sessionId, viewOnly } = this;
    const channels = () => owner.channelsFor(this);
    const measured = (figures: NetworkFigures) => this.#measured(figures);
    const mainOwner: MainOwner = {
      client,
      sessionId,
      viewOnly,
      channels,
      measured,
      broughtChannels: () => this.#brought,
      moveAnswered: (answer) => owner.moveAnswered(this, answer),
      arrived: () => {
        this.#isHere = true;
        owner.clientArrived(this);
      },
    };
    this.main = new MainChannel(this.#mainEnd, guest.wiring, mainOwner, guest);
  }

  get isSlow(): boolean {
    return this.#isSlow;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get miniHeader(): boolean {
    return this.#mainEnd.miniHeader;
  }

  /** Whether it is served: a client that comes over is not before its main channel is. */
  get isHere(): boolean {
    return this.#isHere;
  }

  /** Whether its channels were told to go to another server. */
  get isLeaving(): boolean {
    return this.#departure !== null;
  }

  get sharesAgent(): boolean {
    return this.#isHere && !this.viewOnly && !this.isLeaving;
  }

  has(channel: ChannelId): boolean {
    return this.#ends.has(channelLabel(channel));
  }

  /** Its channels. */
  get channels(): readonly ChannelId[] {
    return [...this.#ends.values()].map(({ channel }) => channel);
  }

  /** Begins the session. */
  open(): void {
    this.#tellLinked(this.#mainEnd);
    this.#mainEnd.open(this.main);
  }

  /** Begins the session of a client that had these channels elsewhere, and brings nothing. */
  openAnew(brought: ReadonlySet<string>, rest: Uint8Array): void {
    this.#brought = brought;
    this.#isHere = true;
    this.caches.reset();
    this.#owner.clientBegins(this);
    this.#tellLinked(this.#mainEnd);
    this.#mainEnd.open(this.main, rest);
  }

  /**
   * Goes on with a channel as another server left it; returns why it had to begin anew, or null.
   * `brought`: labels of all channels that the client had there.
   *
   * @throws CarawayError when it cannot go on at all; nothing was sent then.
   */
  goOn(
    channel: ChannelId,
    link: NewLink,
    state: Brought,
    brought: ReadonlySet<string>,
  ): string | null {
    this.#brought = brought;
    const end = channel.name === "main" ? this.#mainEnd : this.#newEnd(channel, link);
    end.continueFrom(state.nextSerial, 1);
    let reason = state.rebuild;
    let handler = this.#restored(end, state, state.final !== null && reason === null);
    if (handler instanceof CarawayError) {
      reason = handler.message;
      this.#forget(end);
      handler = this.#restored(end, state, false);
    }
    if (handler instanceof CarawayError) {
      this.#forget(end);
      if (end !== this.#mainEnd) this.#ends.delete(end.label);
      throw handler;
    }
    this.#tellLinked(end);
    end.goOn(handler, reason === null ? "kept" : "rebuilt", state.rest);
    return reason;
  }

  #restored(
    end: ChannelEnd,
    { data, final }: Brought,
    withState: boolean,
  ): ChannelHandler | CarawayError {
    const handler = end === this.#mainEnd ? this.main : this.#newHandler(end);
    if (handler === null) return new ChannelMissing(`the guest has no ${end.label} here`);
    try {
      if (data !== null) handler.restoreMigrationData?.(data);
      if (withState) handler.restoreState?.(final!);
      return handler;
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      if (end !== this.#mainEnd) handler.closed();
      return error;
    }
  }

  /** The handler of an end that came to nothing. */
  #forget(end: ChannelEnd): void {
    this.#displays.delete(end);
    this.#playbacks.delete(end);
    if (end.channel.name === "inputs") this.#inputs = null;
  }

  // Moving to another server.

  /** Bulk state of each channel for the target. */
  earlyStates(isFirst: boolean): { channel: ChannelId; state: Uint8Array }[] {
    return [...this.#ends.values()].flatMap((end) => {
      const state = end.earlyState(isFirst);
      return state === null ? [] : [{ channel: end.channel, state }];
    });
  }

  /** Sends all channels over. */
  leave(departure: Departure): void {
    const ends = [...this.#ends.values()];
    for (const end of ends) end.prepareToLeave(departure.hasPeer);
    this.#departure = departure;
    const left = (end: ChannelEnd, state: Uint8Array | null, dataSize: number) => {
      departure.left(end.channel, state, dataSize);
    };
    const { hasPeer } = departure;
    for (const end of ends) end.leave({ flags: departure.flagsOf(end.channel), hasPeer, left });
  }

  /** The client was told to leave, and says how: nothing more is said on any channel. */
  silence(): void {
    this.#isSilent = true;
    for (const end of this.#ends.values()) end.silence();
  }

  /** A further channel, which the guest has. */
  link(channel: ChannelId, link: NewLink): void {
    // A client that links anew has lost the old connection, whether we know it or not.
    this.#ends.get(channelLabel(channel))?.close();
    const end = this.#newEnd(channel, link);
    this.#tellLinked(end);
    const handler = this.#newHandler(end);
    if (handler === null) {
      end.close();
      return;
    }
    const { tls, local } = link.arrival;
    if (channel.name === "inputs" && !tls && !local) {
      this.main.notify("keyboard channel is insecure");
    }
    end.open(handler);
  }

  /** What the channel does; null when the guest does not have it. */
  #newHandler(end: ChannelEnd): ChannelHandler | null {
    const { wiring, mirror, options, encodings, mouseMode, inputs, sound } = this.#guest;
    const hasOpus = options.encoders.opus;
    const { name, id } = end.channel;
    switch (name) {
      case "display": {
        const display = mirror.display(id);
        if (display === null) return null;
        const handler = new DisplayChannel(
          ...([end, wiring, display, this, options, encodings, sound.time] as const),
        );
        this.#displays.set(end, handler);
        return handler;
      }
      case "cursor": {
        const cursor = mirror.cursor(id);
        return cursor === null ? null : new CursorChannel(end, cursor, mouseMode);
      }
      case "inputs":
        this.#inputs = new InputsChannel(end, inputs, this.key, this.viewOnly);
        return this.#inputs;
      case "playback": {
        const playback = sound.playback(id);
        if (playback === null) return null;
        const channel = new PlaybackChannel(end, playback, hasOpus);
        this.#playbacks.set(end, channel);
        return channel;
      }
      case "record": {
        const record = sound.record(id);
        if (record === null) return null;
        return new RecordChannel(end, wiring, record, hasOpus, this.viewOnly);
      }
      case "usbredir":
      case "port":
      case "webdav":
      case "smartcard":
        return this.#newStream(end);
      default:
        return null;
    }
  }

  #newStream(end: ChannelEnd): StreamChannel | null {
    const { streams } = this.#guest;
    const stream = streams.stream(end.channel);
    if (stream === null || !streams.isFreeFor(this.key, end.channel)) return null;
    return new StreamChannel(end, stream, streams, this.key, (port) => {
      return end.channel.name === "smartcard" ? new CardFormat(port) : new VmcFormat(port);
    });
  }

  ledsChanged(): void {
    if (this.#ends.has("inputs 0")) this.#inputs?.ledsChanged();
  }

  /** The guest has these channels no longer. */
  dropChannels(isThere: (channel: ChannelId) => boolean): void {
    for (const end of [...this.#ends.values()]) {
      if (end.channel.name !== "main" && !isThere(end.channel)) this.#drop(end, null);
    }
  }

  /** Ends the session. */
  close(error: CarawayError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const end of this.#ends.values()) end.close();
    this.#ends.clear();
    this.#owner.clientEnded(this, error);
  }

  channelDrained(): void {
    this.#owner.clientDrained(this);
  }

  channelWaits(labels: readonly string[]): void {
    for (const label of labels) this.#ends.get(label)?.sayMore();
  }

  channelEnded(end: ChannelEnd, error: CarawayError | null): void {
    if (this.#departure !== null || this.#isSilent) {
      // A client may close main first: what the others still have to say is not lost by that.
      this.#departure?.lost(end.channel);
      this.#ends.delete(end.label);
      if (this.#ends.size === 0) this.close(error);
      return;
    }
    if (end === this.#mainEnd) this.close(error);
    else this.#drop(end, error);
  }

  deadline(): number | null {
    let earliest: number | null = null;
    for (const end of this.#ends.values()) {
      const deadline = end.deadline();
      if (deadline !== null) earliest = Math.min(earliest ?? deadline, deadline);
    }
    return earliest;
  }

  timeout(): void {
    for (const end of [...this.#ends.values()]) end.timeout();
  }

  snapshot(now: number): unknown {
    return {
      client: this.key,
      session: this.sessionId,
      viewOnly: this.viewOnly,
      isHere: this.#isHere,
      isLeaving: this.isLeaving,
      isSlow: this.#isSlow,
      caches: this.caches.snapshot(),
      channels: [...this.#ends.values()].map((end) => end.snapshot(now)),
    };
  }

  #newEnd(channel: ChannelId, { connection, arrival, link }: NewLink): ChannelEnd {
    const end = new ChannelEnd(channel, connection, arrival, link, this.#guest.wiring, this);
    this.#ends.set(end.label, end);
    return end;
  }

  #tellLinked({ label: channel, connection, arrival, miniHeader }: ChannelEnd): void {
    const { tls } = arrival;
    const event = { name: "channel-linked", connection, channel, tls, miniHeader } as const;
    this.#guest.wiring.event({ ...event, client: this.key });
  }

  #drop(end: ChannelEnd, error: CarawayError | null): void {
    end.close();
    if (this.#ends.get(end.label) === end) this.#ends.delete(end.label);
    this.#playbacks.delete(end);
    const { label: channel } = end;
    this.#guest.wiring.event({ name: "channel-lost", client: this.key, channel, error });
    if (this.#displays.delete(end)) this.caches.break();
  }

  /** Sound that is heard late enough leaves video the time that it takes. */
  videoMargin(marginMs: number, audioDelayMs: number): void {
    const wanted = audioDelayMs + videoMarginMs - marginMs;
    if (Math.abs(marginMs - videoMarginMs) < videoMarginMs) return;
    this.#audioLatencyMs = Math.round(Math.min(Math.max(wanted, 0), audioLatencyMaxMs));
    for (const playback of this.#playbacks.values()) playback.leastLatency(this.#audioLatencyMs);
  }

  /** Another server measured it. */
  wasSlow(): void {
    this.#isSlow = true;
  }

  #measured(figures: NetworkFigures): void {
    this.#isSlow = isSlow(figures);
    this.#guest.wiring.event({ name: "network-measured", client: this.key, ...figures });
  }
}

/** A client brings a channel that the guest does not have here. */
export class ChannelMissing extends CarawayError {
  readonly code = "CHANNEL_MISSING";
}
