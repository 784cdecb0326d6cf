// A client's session with a server: the main channel, the channels that it lists, and what crosses
// them. It routes what the driver brings to the part that it concerns and makes the few decisions
// that concern all: when the session begins, where it is attached, and when it ends.

import type { Monitor } from "@caraway/agent";
import type {
  Instant,
  LinkFailure,
  LinkTaskResult,
  Machine,
  TaskKey,
  TransportInput,
} from "@caraway/channel";
import type { ImageCompression } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import { CarriedChannel } from "./carried-channel.ts";
import { ChannelEnd, type ChannelOwner, type ChannelSerial } from "./channel-end.ts";
import { type ChannelId, channelLabel, channelNameOf } from "./channel-name.ts";
import { CursorChannel } from "./cursor-channel.ts";
import { DisplayChannel } from "./display-channel.ts";
import type { MouseModeName } from "./events.ts";
import { type InputCommand, InputsChannel } from "./inputs-channel.ts";
import { LinkAttempt, type LinkedConnection, type LinkOwner } from "./link-attempt.ts";
import {
  type Destination,
  type ListedChannel,
  MainChannel,
  type MainOwner,
} from "./main-channel.ts";
import { ClientMigration, type MigrationOwner } from "./migration.ts";
import { MigrationFailure } from "./migration-failure.ts";
import type { Endpoint, MigrationMode, SessionOptions } from "./options.ts";
import type { SessionOutput } from "./session-output.ts";
import { targetEndpoint } from "./target-endpoint.ts";
import { Wiring } from "./wiring.ts";

export type SessionCommand =
  | { readonly name: "open" }
  /** Ends the session. */
  | { readonly name: "close" }
  | { readonly name: "input"; readonly input: InputCommand }
  | { readonly name: "mouse-mode"; readonly mode: MouseModeName }
  | { readonly name: "monitors"; readonly monitors: readonly Monitor[] | null }
  | { readonly name: "prefer-compression"; readonly compression: ImageCompression };

export type SessionInput =
  | TransportInput
  | { readonly type: "timeout" }
  | { readonly type: "done"; readonly task: TaskKey; readonly result: LinkTaskResult }
  | { readonly type: "command"; readonly command: SessionCommand }
  /** The renderer is done with the oldest `apply` of this display. */
  | { readonly type: "rendered"; readonly display: number }
  /** The renderer gave up on this display. */
  | { readonly type: "render-failed"; readonly display: number; readonly error: CarawayError };

interface Channel {
  readonly end: ChannelEnd;
  attempt: LinkAttempt | null;
}

/** A session that is opened anew at the target of a migration. */
interface Reconnect {
  readonly mode: MigrationMode;
  readonly since: Instant;
  /** Until then a target that cannot be reached is tried again. */
  readonly until: Instant;
  /** When to try next; null while a try is under way. */
  retryAt: Instant | null;
  /** Whether the target has said which channels it has. */
  listed: boolean;
}

const reconnectWithinMs = 15_000;
const reconnectDelayMs = 500;
/** A target counts the channels that come over; late ones may link once it is done. */
const relinkDelayMs = 500;

export class ClientSession
  implements
    Machine<SessionInput, SessionOutput>,
    ChannelOwner,
    LinkOwner,
    MainOwner,
    MigrationOwner
{
  readonly #options: SessionOptions;
  readonly #wiring = new Wiring();
  readonly #channels = new Map<string, Channel>();
  readonly #main: MainChannel;
  readonly #displays = new Map<number, DisplayChannel>();
  readonly #inputs = new Map<number, InputsChannel>();
  #endpoint: Endpoint;
  #sessionId = 0;
  #migration: ClientMigration | null = null;
  #reconnect: Reconnect | null = null;
  /** Channels of which the target had no link: linked again at this time. */
  #relink: { readonly at: Instant; readonly channels: readonly ChannelId[] } | null = null;
  /** Channels to open when the target's INIT comes (semi-seamless). */
  #awaitingInit: ClientMigration | null = null;
  #ended = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#endpoint = options.endpoint;
    const end = this.#addChannel({ name: "main", id: 0 });
    this.#main = new MainChannel(end, this.#wiring, options, this);
    end.setHandler(this.#main);
  }

  handle(input: SessionInput, now: Instant): void {
    this.#wiring.now = now;
    if (this.#ended) return;
    switch (input.type) {
      case "connected":
        this.#wiring.owner(input.connection)?.connected();
        break;
      case "received":
        this.#wiring.owner(input.connection)?.received(input.bytes);
        break;
      case "closed":
        this.#wiring.forget(input.connection)?.closed(input.failure);
        break;
      case "backlog":
        break;
      case "timeout":
        this.#timeout();
        break;
      case "done":
        this.#wiring.takeTask(input.task)?.done(input.result);
        break;
      case "command":
        this.#command(input.command);
        break;
      case "rendered":
        this.#channels.get(`display ${input.display}`)?.end.credit();
        break;
      case "render-failed":
        this.#channels.get(`display ${input.display}`)?.end.fail(input.error);
        break;
    }
  }

  poll(): SessionOutput | null {
    return this.#wiring.poll();
  }

  deadline(): Instant | null {
    if (this.#ended) return null;
    const deadlines = [
      this.#migration?.deadline() ?? null,
      this.#awaitingInit?.deadline() ?? null,
      this.#reconnect?.retryAt ?? null,
      this.#reconnect?.until ?? null,
      this.#relink?.at ?? null,
    ];
    for (const { attempt } of this.#channels.values()) deadlines.push(attempt?.deadline() ?? null);
    const due = deadlines.filter((deadline) => deadline !== null);
    return due.length === 0 ? null : Math.min(...due);
  }

  snapshot(now: Instant): unknown {
    return {
      channels: [...this.#channels].map(([label, { end, attempt }]) => {
        return [label, end.snapshot(), attempt?.snapshot() ?? null];
      }),
      migration: this.#migration?.snapshot(now) ?? null,
      reconnecting: this.#reconnect !== null,
      ended: this.#ended,
    };
  }

  /** Where the session is attached. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  // What the driver and the embedder bring.

  #command(command: SessionCommand): void {
    switch (command.name) {
      case "open":
        this.#link({ name: "main", id: 0 }, 0);
        break;
      case "close":
        this.#end(null);
        break;
      case "input":
        this.#inputs.get(0)?.handle(command.input);
        break;
      case "mouse-mode":
        this.#main.wantMouseMode(command.mode);
        break;
      case "monitors":
        this.#main.wantMonitors(command.monitors);
        break;
      case "prefer-compression":
        for (const display of this.#displays.values()) {
          display.preferCompression(command.compression);
        }
        break;
    }
  }

  #timeout(): void {
    const { now } = this.#wiring;
    for (const { attempt } of [...this.#channels.values()]) attempt?.timeout();
    this.#migration?.timeout();
    if (this.#relink !== null && this.#relink.at <= now) {
      const { channels } = this.#relink;
      this.#relink = null;
      for (const channel of channels) this.#link(channel, this.#sessionId);
    }
    const reconnect = this.#reconnect;
    if (reconnect === null) return;
    if (reconnect.until <= now) {
      const detail = `no session with the target after ${reconnectWithinMs} ms`;
      this.#end(new MigrationFailure("MIGRATION_TIMEOUT", detail));
    } else if (reconnect.retryAt !== null && reconnect.retryAt <= now) {
      reconnect.retryAt = null;
      this.#link({ name: "main", id: 0 }, 0);
    }
  }

  // Channels and their links.

  #addChannel(channel: ChannelId): ChannelEnd {
    const end = new ChannelEnd(channel, this.#wiring, this);
    this.#channels.set(channelLabel(channel), { end, attempt: null });
    return end;
  }

  #channelFor(channel: ChannelId): Channel {
    const label = channelLabel(channel);
    const known = this.#channels.get(label);
    if (known !== undefined && known.end.stateKind !== "closed") return known;
    const end = this.#addChannel(channel);
    end.setHandler(this.#handlerFor(channel, end));
    return this.#channels.get(label)!;
  }

  #handlerFor(channel: ChannelId, end: ChannelEnd) {
    switch (channel.name) {
      case "main":
        return this.#main;
      case "display": {
        const display = new DisplayChannel(end, this.#wiring, this.#options);
        this.#displays.set(channel.id, display);
        return display;
      }
      case "inputs": {
        const inputs = new InputsChannel(end, this.#wiring);
        this.#inputs.set(channel.id, inputs);
        return inputs;
      }
      case "cursor":
        return new CursorChannel(end, this.#wiring);
      default:
        return new CarriedChannel(end, this.#wiring);
    }
  }

  #link(channel: ChannelId, connectionId: number): void {
    const entry = this.#channelFor(channel);
    if (entry.attempt?.active || entry.end.stateKind !== "unlinked") return;
    const request = { channel, endpoint: this.#endpoint, connectionId };
    entry.attempt = new LinkAttempt(this.#wiring, this.#options, request, this);
    entry.attempt.start();
  }

  linked(channel: ChannelId, linked: LinkedConnection): void {
    const entry = this.#channels.get(channelLabel(channel));
    if (entry === undefined) return;
    entry.attempt = null;
    this.#open(entry.end, linked);
    this.#checkReconnected();
  }

  #open(end: ChannelEnd, linked: LinkedConnection): void {
    const { name, id } = end.channel;
    const { miniHeader } = linked.agreement;
    if (this.#reconnect !== null) this.#rebuilt(end.channel);
    this.#wiring.event({ name: "channel-linked", channel: name, id, tls: linked.tls, miniHeader });
    end.open(linked);
  }

  linkFailed(channel: ChannelId, failure: LinkFailure): void {
    const entry = this.#channels.get(channelLabel(channel));
    if (entry !== undefined) entry.attempt = null;
    if (channel.name !== "main") {
      this.#lose(channel, failure);
      this.#checkReconnected();
      return;
    }
    const reconnect = this.#reconnect;
    const { now } = this.#wiring;
    if (reconnect === null || failure.transport === null || now >= reconnect.until) {
      this.#end(failure);
      return;
    }
    reconnect.retryAt = now + reconnectDelayMs;
  }

  #lose(channel: ChannelId, error: CarawayError): void {
    this.#channels.get(channelLabel(channel))?.end.close();
    if (channel.name === "display") this.#displays.delete(channel.id);
    if (channel.name === "inputs") this.#inputs.delete(channel.id);
    const { name, id } = channel;
    this.#wiring.event({ name: "channel-lost", channel: name, id, error });
  }

  satisfied(waits: readonly ChannelSerial[]): boolean {
    return waits.every(({ channelType, channelId, messageSerial }) => {
      const name = channelNameOf(channelType);
      const end = name === null ? undefined : this.#channels.get(`${name} ${channelId}`)?.end;
      // A channel that this client does not have will never get there: nothing to wait for.
      return end?.isOpen !== true || end.handledSerial >= messageSerial;
    });
  }

  progressed(end: ChannelEnd): void {
    if (end.channel.name !== "display") return;
    for (const other of this.#displays.keys()) {
      if (other !== end.channel.id) this.#channels.get(`display ${other}`)?.end.retry();
    }
  }

  failed(end: ChannelEnd, error: CarawayError): void {
    if (this.#migration?.phase === "switching") {
      this.#migration.endLost(end);
      return;
    }
    if (end.channel.name !== "main") {
      this.#lose(end.channel, error);
      return;
    }
    if (this.#migration?.readyMode != null) {
      const detail = "the source went away after the target was ready";
      this.#switchFailedAt(
        this.#migration.target,
        new MigrationFailure("MIGRATION_SOURCE_LOST", detail, { cause: error }),
      );
      return;
    }
    this.#end(error);
  }

  // What the main channel learns.

  sessionBegan(sessionId: number): void {
    this.#sessionId = sessionId;
    const migration = this.#awaitingInit;
    if (migration === null) return;
    this.#awaitingInit = null;
    this.#openAtTarget(migration);
  }

  channelsListed(listed: readonly ListedChannel[]): void {
    const wanted = listed
      .map(({ type, id }) => ({ name: channelNameOf(type), id }))
      .filter((channel): channel is ChannelId => {
        return channel.name !== null && this.#options.channels.includes(channel.name);
      });
    for (const channel of wanted) {
      if (channel.name === "main") continue;
      this.#link(channel, this.#sessionId);
      this.#migration?.add(channel);
    }
    if (this.#reconnect !== null) {
      this.#loseUnlisted(wanted);
      this.#reconnect.listed = true;
      this.#checkReconnected();
    }
  }

  migrateBegin(destination: Destination, seamlessVersion: number | null): void {
    this.#migration?.drop();
    const seamless = this.#options.migration === "seamless" ? seamlessVersion : null;
    try {
      const endpoint = targetEndpoint(destination, this.#options);
      const target = { endpoint, sessionId: this.#sessionId, seamlessVersion: seamless };
      this.#migration = new ClientMigration(this.#wiring, this.#options, target, this);
    } catch (error) {
      if (!(error instanceof MigrationFailure)) throw error;
      this.#migration = null;
      this.#wiring.event({ name: "migration", phase: "not-ready", error });
      this.sendToSource({ name: "MIGRATE_CONNECT_ERROR", body: {} });
      return;
    }
    this.#migration.begin(this.#openChannels().map(({ channel }) => channel));
  }

  migrateCancel(): void {
    if (this.#migration === null) return;
    this.#migration.drop();
    this.#migration = null;
    this.#wiring.event({ name: "migration", phase: "cancelled" });
  }

  /** Semi-seamless: the guest has moved; everything begins anew over the links that are there. */
  migrateEnd(): void {
    const migration = this.#migration;
    const main =
      migration?.readyMode === "semi-seamless" ? migration.take({ name: "main", id: 0 }) : null;
    if (migration === null || main === null) {
      const detail = "the source ended a migration for which there is no link to the target";
      const failure = new MigrationFailure("MIGRATION_NOT_LINKED", detail);
      if (migration === null) this.#end(failure);
      else this.#switchFailedAt(migration.target, failure);
      return;
    }
    this.#wiring.event({ name: "migration", phase: "switching", mode: "semi-seamless" });
    this.#beginReconnect("semi-seamless", migration.target);
    this.#migration = null;
    this.#awaitingInit = migration;
    const { end } = this.#channels.get("main 0")!;
    end.unlink();
    this.#open(end, main);
    this.#main.send({ name: "MIGRATE_END", body: {} });
  }

  switchHost(destination: Destination): void {
    this.#migration?.drop();
    this.#migration = null;
    try {
      const target = targetEndpoint(destination, this.#options);
      this.#wiring.event({ name: "migration", phase: "switching", mode: "switch-host" });
      this.#connectAnew(target);
    } catch (error) {
      if (!(error instanceof MigrationFailure)) throw error;
      this.#end(error);
    }
  }

  // The course of a migration.

  migrating(end: ChannelEnd): void {
    const migration = this.#migration;
    if (migration?.phase === "ready") {
      migration.migrating(this.#openChannels());
    } else if (migration?.phase !== "switching") {
      end.fail(end.unexpected("MIGRATE", "no migration is agreed on"));
      return;
    }
    if (end.channel.name === "inputs") this.#inputs.get(end.channel.id)?.migrating();
  }

  handedOver(end: ChannelEnd): void {
    this.#migration?.handedOver(end);
  }

  sendToSource(message: Parameters<MainChannel["send"]>[0]): void {
    this.#main.send(message);
  }

  switched(missing: readonly ChannelId[]): void {
    const migration = this.#migration;
    if (migration === null) return;
    const { switchMs } = migration;
    this.#endpoint = migration.target;
    migration.drop();
    this.#migration = null;
    this.#wiring.event({ name: "migration", phase: "done", mode: "seamless", switchMs });
    if (missing.length === 0) return;
    this.#relink = { at: this.#wiring.now + relinkDelayMs, channels: missing };
    for (const channel of missing) this.#rebuilt(channel);
  }

  #rebuilt({ name: channel, id }: ChannelId): void {
    const outcome = "rebuilt";
    this.#wiring.event({ name: "migration", phase: "channel", channel, id, outcome, dataSize: 0 });
  }

  switchFailed(failure: MigrationFailure): void {
    if (this.#migration !== null) this.#switchFailedAt(this.#migration.target, failure);
  }

  /** The guest is at the target as far as we know: try to have a new session with it there. */
  #switchFailedAt(target: Endpoint, error: MigrationFailure): void {
    this.#migration?.drop();
    this.#migration = null;
    this.#wiring.event({ name: "migration", phase: "failed", error, reconnecting: true });
    this.#connectAnew(target);
  }

  #connectAnew(target: Endpoint): void {
    this.#beginReconnect("switch-host", target);
    this.#sessionId = 0;
    this.#link({ name: "main", id: 0 }, 0);
  }

  /** Leaves the source on every channel; what the user does meanwhile is kept. */
  #beginReconnect(mode: MigrationMode, target: Endpoint): void {
    const { now } = this.#wiring;
    this.#endpoint = target;
    this.#relink = null;
    this.#reconnect = {
      mode,
      since: now,
      until: now + reconnectWithinMs,
      retryAt: null,
      listed: false,
    };
    this.#wiring.render({ type: "reset-caches" });
    for (const inputs of this.#inputs.values()) inputs.migrating();
    for (const entry of this.#channels.values()) {
      entry.attempt?.abandon();
      entry.attempt = null;
      if (entry.end.stateKind !== "closed" || entry.end.channel.name === "main") entry.end.unlink();
    }
  }

  #openAtTarget(migration: ClientMigration): void {
    const channels = [...this.#channels.values()].map(({ end }) => end);
    for (const end of channels.filter(({ stateKind }) => stateKind === "unlinked")) {
      const linked = migration.take(end.channel);
      if (linked !== null) this.#open(end, linked);
      else this.#link(end.channel, this.#sessionId);
    }
    migration.drop();
  }

  /** Channels that the new server does not have are gone. */
  #loseUnlisted(listed: readonly ChannelId[]): void {
    const labels = new Set(listed.map(channelLabel));
    for (const [label, { end }] of [...this.#channels]) {
      if (label === "main 0" || labels.has(label) || end.stateKind === "closed") continue;
      const detail = `the target has no ${label}`;
      this.#lose(end.channel, new MigrationFailure("MIGRATION_TARGET_LOST", detail));
    }
  }

  /** The move is over when every channel of the new session is linked, or lost. */
  #checkReconnected(): void {
    const reconnect = this.#reconnect;
    if (reconnect?.listed !== true) return;
    if ([...this.#channels.values()].some(({ attempt }) => attempt?.active)) return;
    this.#reconnect = null;
    const switchMs = this.#wiring.now - reconnect.since;
    this.#wiring.event({ name: "migration", phase: "done", mode: reconnect.mode, switchMs });
  }

  #openChannels(): ChannelEnd[] {
    return [...this.#channels.values()]
      .map(({ end }) => end)
      .filter(({ stateKind }) => stateKind !== "closed" && stateKind !== "unlinked");
  }

  #end(error: CarawayError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#migration?.drop();
    this.#awaitingInit?.drop();
    for (const { end, attempt } of this.#channels.values()) {
      attempt?.abandon();
      end.close();
    }
    this.#wiring.event({ name: "ended", error });
  }
}
