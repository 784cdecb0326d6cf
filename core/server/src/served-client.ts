// One client of the server: its channels, and what they share. The client lives as long as its main
// channel; any other may end alone.

import type { ConnectionKey, LinkServed } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import { CardFormat } from "./card-format.ts";
import { ChannelEnd, type ChannelEndOwner, type ChannelHandler } from "./channel-end.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import { ClientCaches } from "./client-caches.ts";
import { CursorChannel } from "./cursor-channel.ts";
import { DisplayChannel } from "./display-channel.ts";
import type { ClientKey } from "./events.ts";
import type { GuestInputs } from "./guest-inputs.ts";
import { InputsChannel } from "./inputs-channel.ts";
import { MainChannel, type MainView } from "./main-channel.ts";
import { isSlow, type NetworkFigures } from "./network-test.ts";
import type { ServerOptions } from "./options.ts";
import type { SharedEncodings } from "./picture-encoder.ts";
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
}

export interface ClientIdentity {
  readonly key: ClientKey;
  readonly sessionId: number;
  readonly user: string | null;
  readonly viewOnly: boolean;
}

/** A link that came through. */
export interface NewLink {
  readonly connection: ConnectionKey;
  readonly arrival: Arrival;
  readonly link: LinkServed;
}

export class ServedClient implements ChannelEndOwner {
  readonly key: ClientKey;
  readonly sessionId: number;
  readonly viewOnly: boolean;
  readonly caches = new ClientCaches();
  readonly main: MainChannel;
  readonly #guest: ServedGuest;
  readonly #owner: ClientOwner;
  readonly #mainEnd: ChannelEnd;
  readonly #ends = new Map<string, ChannelEnd>();
  readonly #displays = new Map<ChannelEnd, DisplayChannel>();
  #inputs: InputsChannel | null = null;
  #isSlow = false;
  #isOver = false;

  constructor(identity: ClientIdentity, link: NewLink, guest: ServedGuest, owner: ClientOwner) {
    this.key = identity.key;
    this.sessionId = identity.sessionId;
    this.viewOnly = identity.viewOnly;
    this.#guest = guest;
    this.#owner = owner;
    this.#mainEnd = this.#newEnd({ name: "main", id: 0 }, link);
    const client = this.key;
    const { sessionId, viewOnly } = this;
    const channels = () => owner.channelsFor(this);
    const measured = (figures: NetworkFigures) => this.#measured(figures);
    const mainOwner = { client, sessionId, viewOnly, channels, measured };
    this.main = new MainChannel(this.#mainEnd, guest.wiring, mainOwner, guest);
  }

  get isSlow(): boolean {
    return this.#isSlow;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Begins the session. */
  open(): void {
    this.#tellLinked(this.#mainEnd);
    this.#mainEnd.open(this.main);
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
    const { wiring, mirror, options, encodings, mouseMode, inputs } = this.#guest;
    const { name, id } = end.channel;
    switch (name) {
      case "display": {
        const display = mirror.display(id);
        if (display === null) return null;
        const handler = new DisplayChannel(end, wiring, display, this, options, encodings);
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

  channelEnded(end: ChannelEnd, error: CarawayError | null): void {
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
      viewOnly: this.viewOnly,
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

  #tellLinked({ label, arrival, miniHeader }: ChannelEnd): void {
    const { tls } = arrival;
    const event = { name: "channel-linked", channel: label, tls, miniHeader } as const;
    this.#guest.wiring.event({ ...event, client: this.key });
  }

  #drop(end: ChannelEnd, error: CarawayError | null): void {
    end.close();
    if (this.#ends.get(end.label) === end) this.#ends.delete(end.label);
    const { label: channel } = end;
    this.#guest.wiring.event({ name: "channel-lost", client: this.key, channel, error });
    if (!this.#displays.delete(end)) return;
    this.caches.break();
    for (const display of this.#displays.values()) display.breakCaches();
  }

  #measured(figures: NetworkFigures): void {
    this.#isSlow = isSlow(figures);
    this.#guest.wiring.event({ name: "network-measured", client: this.key, ...figures });
  }
}
