// The channels of a session: their machines, the links that are being made for them, and what
// they wait for among each other. What their coming and going means is the session's business.

import type { Instant, LinkFailure } from "@caraway/channel";
import type { ImageCompression } from "@caraway/protocol";
import { CarriedChannel } from "./carried-channel.ts";
import {
  ChannelEnd,
  type ChannelHandler,
  type ChannelOwner,
  type ChannelSerial,
} from "./channel-end.ts";
import { type ChannelId, channelLabel, channelNameOf } from "./channel-name.ts";
import { CursorChannel } from "./cursor-channel.ts";
import { DisplayChannel } from "./display-channel.ts";
import { InputsChannel } from "./inputs-channel.ts";
import { LinkAttempt, type LinkedConnection, type LinkOwner } from "./link-attempt.ts";
import { MainChannel, type MainOwner } from "./main-channel.ts";
import type { Endpoint, SessionOptions } from "./options.ts";
import type { Wiring } from "./wiring.ts";

export interface ChannelSetOwner
  extends MainOwner,
    Pick<ChannelOwner, "migrating" | "handedOver" | "failed"> {
  channelLinked(end: ChannelEnd, linked: LinkedConnection): void;
  channelLinkFailed(channel: ChannelId, failure: LinkFailure): void;
}

interface Channel {
  readonly end: ChannelEnd;
  attempt: LinkAttempt | null;
}

const mainId: ChannelId = { name: "main", id: 0 };

export class ChannelSet implements ChannelOwner, LinkOwner {
  readonly main: MainChannel;
  readonly mainEnd: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #owner: ChannelSetOwner;
  readonly #channels = new Map<string, Channel>();
  readonly #displays = new Map<number, DisplayChannel>();
  #inputs: InputsChannel | null = null;
  #compression: ImageCompression | null = null;

  constructor(wiring: Wiring, options: SessionOptions, owner: ChannelSetOwner) {
    this.#wiring = wiring;
    this.#options = options;
    this.#owner = owner;
    this.mainEnd = new ChannelEnd(mainId, wiring, this);
    this.main = new MainChannel(this.mainEnd, wiring, options, owner);
    this.mainEnd.setHandler(this.main);
    this.#channels.set(channelLabel(mainId), { end: this.mainEnd, attempt: null });
  }

  get ends(): readonly ChannelEnd[] {
    return [...this.#channels.values()].map(({ end }) => end);
  }

  /** Channels that have a server. */
  get openEnds(): readonly ChannelEnd[] {
    return this.ends.filter(({ stateKind }) => stateKind !== "closed" && stateKind !== "unlinked");
  }

  preferCompression(compression: ImageCompression): void {
    this.#compression = compression;
    for (const display of this.#displays.values()) display.preferCompression(compression);
  }

  /** What the user types and points at goes there. */
  get inputs(): InputsChannel | null {
    return this.#inputs;
  }

  /** Channels that are being linked. */
  get linking(): readonly ChannelId[] {
    const linking = [...this.#channels.values()].filter(({ attempt }) => attempt?.active);
    return linking.map(({ end }) => end.channel);
  }

  /** Whether a server is still making a display or cursor channel of a link. */
  get settling(): boolean {
    return [...this.#channels.values()].some(({ end, attempt }) => {
      if (end.channel.name !== "display" && end.channel.name !== "cursor") return false;
      return attempt?.active || (end.isOpen && !end.heard);
    });
  }

  end(channel: ChannelId): ChannelEnd | null {
    return this.#channels.get(channelLabel(channel))?.end ?? null;
  }

  snapshot(): unknown {
    return [...this.#channels].map(([label, { end, attempt }]) => {
      return [label, end.snapshot(), attempt?.snapshot() ?? null];
    });
  }

  deadline(): Instant | null {
    let earliest: Instant | null = null;
    const note = (at: Instant | null) => {
      if (at !== null && (earliest === null || at < earliest)) earliest = at;
    };
    for (const { attempt } of this.#channels.values()) note(attempt?.deadline() ?? null);
    note(this.#inputs?.deadline() ?? null);
    return earliest;
  }

  timeout(): void {
    for (const { attempt } of [...this.#channels.values()]) attempt?.timeout();
    this.#inputs?.timeout();
  }

  /** Begins to link the channel, unless it is linked or being linked. */
  link(channel: ChannelId, endpoint: Endpoint, connectionId: number): void {
    const entry = this.#channels.get(channelLabel(channel)) ?? this.#add(channel);
    const { stateKind } = entry.end;
    if (entry.attempt?.active || (stateKind !== "unlinked" && stateKind !== "closed")) return;
    const request = { channel, endpoint, connectionId };
    entry.attempt = new LinkAttempt(this.#wiring, this.#options, request, this);
    entry.attempt.start();
  }

  /** Gives up what is being linked. */
  abandonLinks(): void {
    for (const entry of this.#channels.values()) {
      entry.attempt?.abandon();
      entry.attempt = null;
    }
  }

  linked(channel: ChannelId, linked: LinkedConnection): void {
    const entry = this.#channels.get(channelLabel(channel))!;
    entry.attempt = null;
    this.#owner.channelLinked(entry.end, linked);
  }

  linkFailed(channel: ChannelId, failure: LinkFailure): void {
    this.#channels.get(channelLabel(channel))!.attempt = null;
    this.#owner.channelLinkFailed(channel, failure);
  }

  migrating(end: ChannelEnd): void {
    this.#owner.migrating(end);
  }

  handedOver(end: ChannelEnd, source: number): void {
    this.#owner.handedOver(end, source);
  }

  failed(end: ChannelEnd, error: Parameters<ChannelOwner["failed"]>[1]): void {
    this.#owner.failed(end, error);
    this.progressed(end);
  }

  satisfied(end: ChannelEnd, waits: readonly ChannelSerial[]): boolean {
    return waits.every(({ channelType, channelId, messageSerial }) => {
      const name = channelNameOf(channelType);
      const other = name === null ? null : this.end({ name, id: channelId });
      // A channel that is not there will never get there; a channel is never ahead of itself.
      if (other === null || other === end) return true;
      const { stateKind } = other;
      if (stateKind === "closed" || stateKind === "unlinked") return true;
      return other.handledSerial >= messageSerial;
    });
  }

  progressed(end: ChannelEnd): void {
    for (const { end: other } of this.#channels.values()) if (other !== end) other.retry();
  }

  #add(channel: ChannelId): Channel {
    const end = new ChannelEnd(channel, this.#wiring, this);
    end.setHandler(this.#handlerFor(channel, end));
    const entry = { end, attempt: null };
    this.#channels.set(channelLabel(channel), entry);
    return entry;
  }

  #handlerFor(channel: ChannelId, end: ChannelEnd): ChannelHandler {
    switch (channel.name) {
      case "display": {
        const display = new DisplayChannel(end, this.#wiring, this.#options);
        this.#displays.set(channel.id, display);
        if (this.#compression !== null) display.preferCompression(this.#compression);
        return display;
      }
      case "inputs": {
        const inputs = new InputsChannel(end, this.#wiring);
        if (channel.id === 0) this.#inputs = inputs;
        return inputs;
      }
      case "cursor":
        return new CursorChannel(end, this.#wiring);
      default:
        return new CarriedChannel(end, this.#wiring);
    }
  }
}
