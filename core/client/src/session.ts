// A client's session with a server: the main channel, the channels that it lists, and what crosses
// them. It routes what the driver brings to the part that it concerns and makes the few decisions
// that concern all: when the session begins, where it is attached, and when it ends.

import type { AgentCommand } from "@caraway/agent";
import type {
  ConnectionKey,
  Instant,
  LinkFailure,
  LinkTaskResult,
  Machine,
  TaskKey,
  TransportInput,
} from "@caraway/channel";
import type { ImageCompression } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { ChannelEnd } from "./channel-end.ts";
import { type ChannelId, channelLabel, channelNameOf } from "./channel-name.ts";
import { ChannelSet, type ChannelSetOwner } from "./channel-set.ts";
import type { MouseModeName } from "./events.ts";
import type { InputCommand } from "./input-command.ts";
import { LateChannels } from "./late-channels.ts";
import type { LinkedConnection } from "./link-attempt.ts";
import type { Destination, ListedChannel, MainChannel } from "./main-channel.ts";
import { ClientMigration, type MigrationOwner } from "./migration.ts";
import type { ChannelOutcome } from "./migration-event.ts";
import { MigrationFailure } from "./migration-failure.ts";
import type { Endpoint, MigrationMode, SessionOptions } from "./options.ts";
import { Reconnect, type ReconnectOwner, reconnectWithinMs } from "./reconnect.ts";
import type { SessionOutput } from "./session-output.ts";
import type { StreamCommand } from "./stream-event.ts";
import { targetEndpoint } from "./target-endpoint.ts";
import { Wiring } from "./wiring.ts";

export type SessionCommand =
  | { readonly name: "open" }
  /** Ends the session. */
  | { readonly name: "close" }
  | { readonly name: "input"; readonly input: InputCommand }
  | { readonly name: "mouse-mode"; readonly mode: MouseModeName }
  | AgentCommand
  | { readonly name: "prefer-compression"; readonly compression: ImageCompression }
  /** Sound for a guest that listens, as `record-start` wanted it. */
  | { readonly name: "record-data"; readonly channelId: number; readonly data: Uint8Array }
  /** What is stamped with `time` leaves the loudspeaker now. */
  | { readonly name: "sound-heard"; readonly time: number }
  | StreamCommand;

export type SessionInput =
  | TransportInput
  | { readonly type: "timeout" }
  | { readonly type: "done"; readonly task: TaskKey; readonly result: LinkTaskResult }
  | { readonly type: "command"; readonly command: SessionCommand }
  /** The renderer is done with the oldest `apply` of this display. */
  | { readonly type: "rendered"; readonly display: number }
  /** The renderer gave up on this display. */
  | { readonly type: "render-failed"; readonly display: number; readonly error: CarawayError };

/** How long channels are tried again behind a move. */
const patienceMs = 2000;

/** Channels of one session; a server that lists more is not one of ours. */
const channelsMax = 64;

/** How long `close` waits for channels that are only just being made. */
const leaveWithinMs = 1000;

const mainId: ChannelId = { name: "main", id: 0 };

export class ClientSession
  implements Machine<SessionInput, SessionOutput>, ChannelSetOwner, MigrationOwner, ReconnectOwner
{
  readonly #options: SessionOptions;
  readonly #wiring = new Wiring();
  readonly #channels: ChannelSet;
  #endpoint: Endpoint;
  #sessionId = 0;
  #migration: ClientMigration | null = null;
  /** The next migration, announced by a target before the last channels are there. */
  #postponed: { destination: Destination; seamlessVersion: number | null } | null = null;
  #reconnect: Reconnect | null = null;
  #late: LateChannels | null = null;
  /** Late channels that are being linked, by label. */
  readonly #rebuilding = new Set<string>();
  /** `close` was asked for; until then it may wait. */
  #leaveBy: Instant | null = null;
  #ended = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#endpoint = options.endpoint;
    this.#channels = new ChannelSet(this.#wiring, options, this);
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
        this.#wiring.owner(input.connection)?.backlog?.(input.bytes);
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
        this.#channels.end({ name: "display", id: input.display })?.credit();
        break;
      case "render-failed":
        this.#channels.end({ name: "display", id: input.display })?.fail(input.error);
        break;
    }
    if (this.#leaveBy !== null) this.#leave(this.#leaveBy);
  }

  poll(): SessionOutput | null {
    return this.#wiring.poll();
  }

  deadline(): Instant | null {
    if (this.#ended) return null;
    const deadlines = [
      this.#channels.deadline(),
      this.#migration?.deadline() ?? null,
      this.#reconnect?.deadline() ?? null,
      this.#late?.deadline() ?? null,
      this.#leaveBy,
    ];
    const due = deadlines.filter((deadline) => deadline !== null);
    return due.length === 0 ? null : Math.min(...due);
  }

  snapshot(now: Instant): unknown {
    return {
      session: this.#sessionId,
      channels: this.#channels.snapshot(),
      migration: this.#migration?.snapshot(now) ?? null,
      postponed: this.#postponed?.seamlessVersion ?? null,
      reconnect: this.#reconnect?.snapshot(now) ?? null,
      late: this.#late?.channels.map(channelLabel) ?? null,
      rebuilding: [...this.#rebuilding],
      connections: this.#wiring.connectionCount,
      ended: this.#ended,
    };
  }

  /** The session's multimedia clock: what is stamped with this time is to be shown now. */
  mediaTime(now: Instant): number | null {
    return this.#channels.clock.at(now);
  }

  /** Where the session is attached. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  // What the driver and the embedder bring.

  #command(command: SessionCommand): void {
    switch (command.name) {
      case "open":
        this.connectMain();
        break;
      case "close":
        this.#leaveBy ??= this.#wiring.now + leaveWithinMs;
        break;
      case "input":
        this.#channels.inputs?.handle(command.input);
        break;
      case "mouse-mode":
        this.#channels.main.wantMouseMode(command.mode);
        break;
      case "prefer-compression":
        this.#channels.preferCompression(command.compression);
        break;
      case "record-data":
        this.#channels.record(command.channelId, command.data);
        break;
      case "sound-heard":
        this.#channels.clock.soundSays(command.time, this.#wiring.now);
        break;
      case "stream-send":
      case "stream-send-card":
      case "stream-send-signal":
      case "stream-taken":
        this.#channels.stream(command);
        break;
      default:
        this.#channels.main.agent(command);
        break;
    }
  }

  /**
   * PEER: spice-server 0.15, and the VM with it, dies when a client leaves while its worker still
   * makes a display or cursor channel of the link.
   */
  #leave(by: Instant): void {
    if (!this.#channels.settling || this.#wiring.now >= by) this.#end(null);
  }

  #timeout(): void {
    const { now } = this.#wiring;
    this.#channels.timeout();
    this.#migration?.timeout();
    this.#reconnect?.timeout(now);
    if (this.#late?.timeout(now) === false) this.#settleLate(new Set());
  }

  // Channels and their links.

  connectMain(): void {
    this.#channels.link(mainId, this.#endpoint, 0);
  }

  /** What was there before a move should be there again behind it. */
  #link(channel: ChannelId): void {
    const isBack = this.#reconnect !== null || this.#rebuilding.has(channelLabel(channel));
    this.#channels.link(channel, this.#endpoint, this.#sessionId, isBack ? patienceMs : 0);
  }

  channelLinked(end: ChannelEnd, linked: LinkedConnection): void {
    this.#open(end, linked);
    this.#migration?.add(end.channel);
    this.#checkReconnected();
  }

  #open(end: ChannelEnd, linked: LinkedConnection): void {
    const { name, id } = end.channel;
    const { miniHeader } = linked.agreement;
    if (this.#isRebuilt(end.channel)) this.#tellOutcome(end.channel, "rebuilt");
    this.#wiring.event({ name: "channel-linked", channel: name, id, tls: linked.tls, miniHeader });
    end.open(linked);
  }

  channelLinkFailed(channel: ChannelId, failure: LinkFailure): void {
    if (channel.name !== "main") {
      this.#lose(channel, failure);
      this.#checkReconnected();
    } else if (this.#reconnect !== null) this.#mainFailed(this.#reconnect, failure);
    else this.#end(failure);
  }

  /** The channel ends; the session goes on without it. */
  #lose(channel: ChannelId, error: CarawayError): void {
    this.#channels.close(channel);
    this.#migration?.remove(channel);
    const { name, id } = channel;
    if (this.#isRebuilt(channel)) this.#tellOutcome(channel, "lost");
    this.#wiring.event({ name: "channel-lost", channel: name, id, error });
  }

  /** Whether the channel begins anew because of a migration. Asked when that is settled. */
  #isRebuilt(channel: ChannelId): boolean {
    return this.#rebuilding.delete(channelLabel(channel)) || this.#reconnect !== null;
  }

  failed(end: ChannelEnd, error: CarawayError): void {
    const migration = this.#migration;
    if (migration?.phase === "switching") {
      migration.endLost(end, error);
    } else if (end.channel.name !== "main") {
      this.#lose(end.channel, error);
    } else if (migration !== null) {
      const detail = "the source went away before it had handed the session over";
      const failure = new MigrationFailure("MIGRATION_SOURCE_LOST", detail, { cause: error });
      this.#switchFailedAt(migration.target, failure);
    } else if (this.#reconnect !== null) this.#mainFailed(this.#reconnect, error);
    else this.#end(error);
  }

  // What the main channel learns.

  sessionBegan(sessionId: number): void {
    this.#sessionId = sessionId;
    const parked = this.#reconnect?.takeParked() ?? null;
    if (parked !== null) this.#openAtTarget(parked);
  }

  mediaTimeIs(time: number): void {
    this.#channels.clock.serverSays(time, this.#wiring.now);
    this.#wiring.event({ name: "multi-media-time", time });
  }

  mouseModeIs(mode: MouseModeName): void {
    this.#channels.inputs?.mouseModeIs(mode);
  }

  channelsListed(listed: readonly ListedChannel[]): void {
    // Channels of the source do not begin any more, and the target is asked when all are over.
    if (this.#migration?.phase === "switching" || this.#leaveBy !== null) return;
    const { channels } = this.#options;
    const wanted = listed
      .map(({ type, id }) => ({ name: channelNameOf(type), id }))
      .filter((channel): channel is ChannelId => {
        const { name } = channel;
        return name !== null && name !== "main" && channels.includes(name);
      })
      // A server takes tens of milliseconds for each link, one after another.
      .sort((a, b) => channels.indexOf(a.name) - channels.indexOf(b.name))
      .slice(0, channelsMax);
    const labels = new Set(wanted.map(channelLabel));
    this.#settleLate(labels);
    for (const channel of wanted) this.#link(channel);
    if (this.#reconnect === null) return;
    this.#loseUnlisted(labels);
    this.#reconnect.listed();
    this.#checkReconnected();
  }

  migrateBegin(destination: Destination, seamlessVersion: number | null): void {
    if (this.#migration?.phase === "switching") {
      this.#expectTarget("MIGRATE_BEGIN");
      this.#postponed = { destination, seamlessVersion };
      return;
    }
    this.#callOff("another-migration");
    const seamless = this.#options.migration === "seamless" ? seamlessVersion : null;
    try {
      const endpoint = targetEndpoint(destination, this.#options);
      const target = { endpoint, sessionId: this.#sessionId, seamlessVersion: seamless };
      this.#migration = new ClientMigration(this.#wiring, this.#options, target, this);
    } catch (error) {
      if (!(error instanceof MigrationFailure)) throw error;
      this.#wiring.event({ name: "migration", phase: "not-ready", error });
      this.sendToSource({ name: "MIGRATE_CONNECT_ERROR", body: {} });
      return;
    }
    this.#channels.main.holdFiles(seamless === null);
    this.#migration.begin(this.#channels.openEnds.map(({ channel }) => channel));
  }

  migrateCancel(): void {
    if (this.#migration?.phase === "switching") {
      this.#expectTarget("MIGRATE_CANCEL");
      this.#postponed = null;
      return;
    }
    this.#callOff("source");
  }

  #callOff(by: "source" | "another-migration"): void {
    if (this.#migration === null) return;
    this.#migration.drop();
    this.#migration = null;
    this.#channels.main.holdFiles(false);
    this.#wiring.event({ name: "migration", phase: "cancelled", by });
  }

  /** In the middle of the switch, only the target may speak of another migration. */
  #expectTarget(message: string): void {
    if (this.#migration?.awaits(mainId) !== true) return;
    throw this.#channels.mainEnd.unexpected(message, "channels are going over already");
  }

  /** Semi-seamless: the guest has moved; everything begins anew over the links that are there. */
  migrateEnd(): void {
    const migration = this.#migration;
    const main = migration?.readyMode === "semi-seamless" ? migration.take(mainId) : null;
    if (migration === null || main === null) {
      this.#movedWithoutLinks(this.#channels.mainEnd, "MIGRATE_END");
      return;
    }
    this.#tellSwitching("semi-seamless");
    this.#migration = null;
    migration.keepLinked();
    this.#beginReconnect("semi-seamless", migration.target, migration);
    this.#open(this.#channels.mainEnd, main);
    this.#channels.main.send({ name: "MIGRATE_END", body: {} });
  }

  switchHost(destination: Destination): void {
    try {
      const target = targetEndpoint(destination, this.#options);
      this.#tellSwitching("switch-host");
      this.#connectAnew(target);
    } catch (error) {
      if (!(error instanceof MigrationFailure)) throw error;
      this.#end(error);
    }
  }

  #tellSwitching(mode: MigrationMode): void {
    const withinMs = reconnectWithinMs;
    this.#wiring.event({ name: "migration", phase: "switching", mode, withinMs });
  }

  // The course of a migration.

  migrating(end: ChannelEnd): void {
    const migration = this.#migration;
    if (migration?.phase === "switching") {
      if (!migration.awaits(end.channel)) {
        end.fail(end.unexpected("MIGRATE", "the channel has only just come over"));
      }
    } else if (migration?.readyMode === "seamless") {
      const missing = this.#channels.linking;
      this.#channels.abandonLinks();
      this.#checkReconnected();
      migration.beginSwitch(this.#channels.openEnds, missing);
      this.#channels.streamsMoving();
    } else if (migration?.readyMode === "semi-seamless") {
      // spice-server may remember the mode of an earlier migration. The guest has moved.
      this.migrateEnd();
      return;
    } else {
      this.#movedWithoutLinks(end, "MIGRATE");
      return;
    }
    if (end.channel.name === "inputs") this.#channels.inputs?.moving();
  }

  /** The guest has moved, and there is nothing that the session could go over by. */
  #movedWithoutLinks(end: ChannelEnd, message: string): void {
    const migration = this.#migration;
    if (migration === null) {
      end.fail(end.unexpected(message, "no migration was announced"));
      return;
    }
    const detail = "the guest moved before the target was linked";
    const failure = new MigrationFailure("MIGRATION_NOT_LINKED", detail);
    this.#switchFailedAt(migration.target, failure);
  }

  handedOver(end: ChannelEnd, source: ConnectionKey): void {
    if (this.#migration === null) this.#wiring.disconnect(source);
    else this.#migration.handedOver(end, source);
  }

  sendToSource(message: Parameters<MainChannel["send"]>[0]): void {
    this.#channels.main.send(message);
  }

  switched(missing: readonly ChannelId[]): void {
    const migration = this.#migration;
    if (migration === null) return;
    const { switchMs } = migration;
    this.#endpoint = migration.target;
    migration.drop();
    this.#migration = null;
    this.#reconnect?.drop();
    this.#reconnect = null;
    this.#wiring.event({ name: "migration", phase: "done", mode: "seamless", switchMs });
    const late = [...missing, ...(this.#late?.channels ?? [])];
    this.#late = new LateChannels(late, this.#wiring.now, () => {
      this.#channels.main.attachChannels();
    });
    const next = this.#postponed;
    this.#postponed = null;
    if (next !== null) this.migrateBegin(next.destination, next.seamlessVersion);
  }

  switchFailed(failure: MigrationFailure): void {
    if (this.#migration !== null) this.#switchFailedAt(this.#migration.target, failure);
  }

  /** The guest is at the target as far as we know: try to have a new session with it there. */
  #switchFailedAt(target: Endpoint, error: MigrationFailure): void {
    this.#wiring.event({ name: "migration", phase: "failed", error, reconnecting: true });
    this.#connectAnew(target);
  }

  #connectAnew(target: Endpoint): void {
    this.#beginReconnect("switch-host", target, null);
    this.connectMain();
  }

  /** Leaves the source on every channel; what the user does meanwhile is kept. */
  #beginReconnect(mode: MigrationMode, target: Endpoint, parked: ClientMigration | null): void {
    this.#migration?.drop();
    this.#migration = null;
    this.#reconnect?.drop();
    this.#late = null;
    this.#rebuilding.clear();
    this.#postponed = null;
    this.#endpoint = target;
    this.#reconnect = new Reconnect(mode, parked, this.#wiring.now, this);
    this.#wiring.render({ type: "reset-caches" });
    this.#channels.inputs?.moving();
    this.#unlinkAll();
  }

  #unlinkAll(): void {
    this.#channels.abandonLinks();
    this.#sessionId = 0;
    for (const end of this.#channels.ends) end.unlink();
  }

  #openAtTarget(parked: ClientMigration): void {
    for (const end of this.#channels.ends.filter(({ stateKind }) => stateKind === "unlinked")) {
      const linked = parked.take(end.channel);
      if (linked !== null) this.#open(end, linked);
      else this.#link(end.channel);
    }
    parked.drop();
  }

  #mainFailed(reconnect: Reconnect, error: CarawayError): void {
    this.#unlinkAll();
    reconnect.mainFailed(error, this.#wiring.now);
  }

  /** Channels that the new server does not have are gone. */
  #loseUnlisted(listed: ReadonlySet<string>): void {
    for (const { channel, stateKind } of this.#channels.ends) {
      if (channel.name === "main" || stateKind === "closed") continue;
      if (!listed.has(channelLabel(channel))) this.#lose(channel, absent(channel));
    }
  }

  #checkReconnected(): void {
    if (this.#channels.linking.length === 0) this.#reconnect?.settled(this.#wiring.now);
  }

  reconnected(mode: MigrationMode, switchMs: number): void {
    this.#reconnect = null;
    this.#wiring.event({ name: "migration", phase: "done", mode, switchMs });
  }

  reconnectFailed(error: CarawayError): void {
    this.#end(error);
  }

  /** The target has said which channels it has, or will not: the rest is not to be had there. */
  #settleLate(listed: ReadonlySet<string>): void {
    const channels = this.#late?.channels ?? [];
    this.#late = null;
    for (const channel of channels) {
      this.#rebuilding.add(channelLabel(channel));
      if (!listed.has(channelLabel(channel))) this.#lose(channel, absent(channel));
    }
  }

  #tellOutcome({ name: channel, id }: ChannelId, outcome: ChannelOutcome): void {
    this.#wiring.event({ name: "migration", phase: "channel", channel, id, outcome, dataSize: 0 });
  }

  #end(error: CarawayError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#migration?.drop();
    this.#reconnect?.drop();
    this.#channels.abandonLinks();
    for (const end of this.#channels.ends) end.close();
    this.#channels.main.end();
    this.#wiring.event({ name: "ended", error });
  }
}

function absent(channel: ChannelId): MigrationFailure {
  const detail = `the target has no ${channelLabel(channel)}`;
  return new MigrationFailure("MIGRATION_TARGET_LOST", detail);
}
