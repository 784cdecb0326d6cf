// The channels of a session: their machines, the links that are being made for them, and what
// they wait for among each other. What their coming and going means is the session's business.

import type { Instant, LinkFailure } from "@caraway/channel";
import { MediaClock } from "@caraway/media";
import type { ImageCompression } from "@caraway/protocol";
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
import { PlaybackChannel } from "./playback-channel.ts";
import { RecordChannel } from "./record-channel.ts";
import { StreamChannel } from "./stream-channel.ts";
import type { StreamChannelName, StreamCommand } from "./stream-event.ts";
import type { Wiring } from "./wiring.ts";

export interface ChannelSetOwner
  extends MainOwner,
    Pick<ChannelOwner, "migrating" | "handedOver" | "failed"> {
  channelLinked(end: ChannelEnd, linked: LinkedConnection): void;
  channelLinkFailed(channel: ChannelId, failure: LinkFailure): void;
}

interface Channel {
  readonly end: ChannelEnd;
  linking: Linking | null;
}

interface Linking {
  readonly attempt: LinkAttempt;
  /** Failures are forgiven until then. */
  readonly patientUntil: Instant;
  /** When to try again; null while a try is under way. */
  retryAt: Instant | null;
}

function stateOf({ attempt, patientUntil, retryAt }: Linking, now: Instant): unknown {
  const patience = Math.max(0, patientUntil - now);
  return { link: attempt.snapshot(), patience, retryIn: retryAt === null ? null : retryAt - now };
}

const retryDelayMs = 500;
/** Sound that came before says nothing of what is heard now. */
const soundHoldsMs = 500;

const mainId: ChannelId = { name: "main", id: 0 };

export class ChannelSet implements ChannelOwner, LinkOwner {
  readonly main: MainChannel;
  readonly mainEnd: ChannelEnd;
  readonly clock = new MediaClock();
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #owner: ChannelSetOwner;
  readonly #channels = new Map<string, Channel>();
  readonly #displays = new Map<number, DisplayChannel>();
  readonly #streams: StreamChannel[] = [];
  readonly #records = new Map<number, RecordChannel>();
  #nextStream = 1;
  #newestSound: { readonly time: number; readonly cameAt: Instant } | null = null;
  #inputs: InputsChannel | null = null;
  #compression: ImageCompression | null = null;

  constructor(wiring: Wiring, options: SessionOptions, owner: ChannelSetOwner) {
    this.#wiring = wiring;
    this.#options = options;
    this.#owner = owner;
    this.mainEnd = new ChannelEnd(mainId, wiring, this);
    this.main = new MainChannel(this.mainEnd, wiring, options, owner);
    this.mainEnd.setHandler(this.main);
    this.#channels.set(channelLabel(mainId), { end: this.mainEnd, linking: null });
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

  /** Sound for the guest. */
  record(channelId: number, data: Uint8Array): void {
    this.#records.get(channelId)?.record(data);
  }

  stream(command: StreamCommand): void {
    this.#streams.find(({ key }) => key === command.stream)?.handle(command);
  }

  /** The guest has moved, and the channels are about to follow it. */
  streamsMoving(): void {
    for (const stream of this.#streams) stream.moving();
  }

  /** Channels that are being linked. */
  get linking(): readonly ChannelId[] {
    const entries = [...this.#channels.values()];
    return entries.filter(({ linking }) => linking !== null).map(({ end }) => end.channel);
  }

  /** Whether a server is still making a display or cursor channel of a link. */
  get settling(): boolean {
    return [...this.#channels.values()].some(({ end, linking }) => {
      if (end.channel.name !== "display" && end.channel.name !== "cursor") return false;
      return linking?.attempt.active || (end.isOpen && !end.heard);
    });
  }

  end(channel: ChannelId): ChannelEnd | null {
    return this.#channels.get(channelLabel(channel))?.end ?? null;
  }

  snapshot(): unknown {
    return [...this.#channels].map(([label, { end, linking }]) => {
      return [label, end.snapshot(), linking && stateOf(linking, this.#wiring.now)];
    });
  }

  deadline(): Instant | null {
    let earliest: Instant | null = null;
    const note = (at: Instant | null) => {
      if (at !== null && (earliest === null || at < earliest)) earliest = at;
    };
    for (const { linking } of this.#channels.values()) {
      if (linking !== null) note(linking.retryAt ?? linking.attempt.deadline());
    }
    note(this.#inputs?.deadline() ?? null);
    for (const display of this.#displays.values()) note(display.deadline());
    return earliest;
  }

  timeout(): void {
    for (const { linking } of [...this.#channels.values()]) {
      if (linking === null) continue;
      if (linking.retryAt === null) linking.attempt.timeout();
      else if (linking.retryAt <= this.#wiring.now) {
        linking.retryAt = null;
        linking.attempt.start();
      }
    }
    this.#inputs?.timeout();
    for (const display of this.#displays.values()) display.timeout();
  }

  /** Begins to link the channel, unless it is linked or being linked; tries again for a while. */
  link(channel: ChannelId, endpoint: Endpoint, connectionId: number, patienceMs = 0): void {
    const entry = this.#channels.get(channelLabel(channel)) ?? this.#add(channel);
    const { stateKind } = entry.end;
    if (entry.linking !== null || (stateKind !== "unlinked" && stateKind !== "closed")) return;
    const request = { channel, endpoint, connectionId };
    const attempt = new LinkAttempt(this.#wiring, this.#options, request, this);
    entry.linking = { attempt, patientUntil: this.#wiring.now + patienceMs, retryAt: null };
    attempt.start();
  }

  /** Ends the channel, or the attempt to link it. */
  close(channel: ChannelId): void {
    const entry = this.#channels.get(channelLabel(channel));
    if (entry === undefined) return;
    this.#abandon(entry);
    entry.end.close();
  }

  /** Gives up what is being linked. */
  abandonLinks(): void {
    for (const entry of this.#channels.values()) this.#abandon(entry);
  }

  linked(channel: ChannelId, linked: LinkedConnection): void {
    const entry = this.#channels.get(channelLabel(channel))!;
    entry.linking = null;
    this.#owner.channelLinked(entry.end, linked);
  }

  linkFailed(channel: ChannelId, failure: LinkFailure): void {
    const entry = this.#channels.get(channelLabel(channel))!;
    const { linking } = entry;
    const { now } = this.#wiring;
    if (linking !== null && now < linking.patientUntil && failure.mayPass) {
      linking.retryAt = now + retryDelayMs;
      return;
    }
    entry.linking = null;
    this.#owner.channelLinkFailed(channel, failure);
  }

  #abandon(entry: Channel): void {
    entry.linking?.attempt.abandon();
    entry.linking = null;
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
    const entry = { end, linking: null };
    this.#channels.set(channelLabel(channel), entry);
    return entry;
  }

  #handlerFor(channel: ChannelId, end: ChannelEnd): ChannelHandler {
    switch (channel.name) {
      case "display": {
        const { clock } = this;
        const audioDelay = () => this.#audioDelay();
        const display = new DisplayChannel(end, this.#wiring, this.#options, { clock, audioDelay });
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
      case "playback":
        return new PlaybackChannel(end, this.#wiring, this.#options.opus, (time) => {
          this.#newestSound = { time, cameAt: this.#wiring.now };
        });
      case "record": {
        const mediaTime = () => this.clock.at(this.#wiring.now) ?? 0;
        const record = new RecordChannel(end, this.#wiring, this.#options.opusRecord, mediaTime);
        this.#records.set(channel.id, record);
        return record;
      }
      case "main":
        return this.main;
      default:
        return this.#addStream(channel.name, end);
    }
  }

  /** How long until the newest sound is heard; null when none came of late. */
  #audioDelay(): number | null {
    const { now } = this.#wiring;
    const newest = this.#newestSound;
    if (newest === null || now - newest.cameAt > soundHoldsMs) return null;
    return this.clock.untilShown(newest.time, now);
  }

  #addStream(name: StreamChannelName, end: ChannelEnd): StreamChannel {
    const stream = new StreamChannel(end, this.#wiring, name, () => this.#nextStream++);
    this.#streams.push(stream);
    return stream;
  }
}
