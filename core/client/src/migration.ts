// The client's part in one migration: links to the target, the answer to the source, and the
// hand-over of each channel. The session decides what to do when it is over.
//
// Phases: linking → ready → switching → over. Before `switching` the source owns the guest and
// nothing that the target does can harm the session.
//
// INVARIANT: the connections to the source stay open until every channel is handed over. A source
// whose main connection is gone drops the state of all the others.

import type { ConnectionKey, Instant, LinkFailure } from "@caraway/channel";
import type { ClientMessage, Main } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { ChannelEnd } from "./channel-end.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import type { LinkedConnection } from "./link-attempt.ts";
import type { MigrationEvent } from "./migration-event.ts";
import { MigrationFailure, type MigrationFailureCode } from "./migration-failure.ts";
import {
  describeEndpoint,
  type Endpoint,
  type MigrationMode,
  type SessionOptions,
} from "./options.ts";
import { TargetLinks, type TargetLinksOwner } from "./target-links.ts";
import type { ConnectionOwner, Wiring } from "./wiring.ts";

/** What the session does for a migration. */
export interface MigrationOwner {
  sendToSource(message: ClientMessage<typeof Main>): void;
  /** Every channel of the seamless switch went over; `missing` could not. */
  switched(missing: readonly ChannelId[]): void;
  /** The switch cannot be finished. */
  switchFailed(failure: MigrationFailure): void;
}

interface Switching {
  readonly kind: "switching";
  readonly since: Instant;
  /** Links of optional channels that are under way are waited for until then. */
  readonly patientUntil: Instant;
  readonly until: Instant;
  /** Channels of the source that have not gone over, by label. */
  readonly remaining: Map<string, ChannelEnd>;
  readonly missing: ChannelId[];
  /** Connections to the source of channels that are handed over. */
  readonly sources: ConnectionKey[];
}

type Phase =
  /**
   * The source waits for our answer until `answerBy`. Optional channels that are still being
   * linked are waited for until `patientUntil`.
   */
  | { readonly kind: "linking"; readonly patientUntil: Instant; readonly answerBy: Instant }
  | { readonly kind: "ready"; readonly mode: MigrationMode }
  /** The source was told that we have no links. */
  | { readonly kind: "not-ready" }
  | Switching
  | { readonly kind: "over" };

/** The source waits 10 s for the answer; stay below that. */
const answerWithinMs = 9000;
const patienceMs = 3000;
/** An optional channel that failed so often no longer delays the answer. */
const failuresMax = 2;

/** The source cuts its clients 10 s after the switch; no more can come after that. */
const switchWithinMs = 10_000;
const switchPatienceMs = 1000;

/** Without these there is no session worth keeping on the target. */
const neededChannels: readonly string[] = ["main", "display"];

function isNeeded(channel: ChannelId): boolean {
  return neededChannels.includes(channel.name);
}

/** The source has said all on this connection. */
const nobody: ConnectionOwner = { connected() {}, received() {}, closed() {} };

export class ClientMigration implements TargetLinksOwner {
  readonly target: Endpoint;
  readonly #wiring: Wiring;
  readonly #owner: MigrationOwner;
  readonly #links: TargetLinks;
  readonly #seamless: boolean;
  #phase: Phase;

  constructor(
    wiring: Wiring,
    options: SessionOptions,
    target: { endpoint: Endpoint; sessionId: number; seamlessVersion: number | null },
    owner: MigrationOwner,
  ) {
    this.target = target.endpoint;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#seamless = target.seamlessVersion !== null;
    this.#links = new TargetLinks(wiring, options, target, this);
    const { now } = wiring;
    this.#phase = {
      kind: "linking",
      patientUntil: now + patienceMs,
      answerBy: now + answerWithinMs,
    };
  }

  get phase(): Phase["kind"] {
    return this.#phase.kind;
  }

  /** Mode that the source was told, or null. */
  get readyMode(): MigrationMode | null {
    return this.#phase.kind === "ready" ? this.#phase.mode : null;
  }

  /** Milliseconds since the first sign of the switch. */
  get switchMs(): number {
    return this.#phase.kind === "switching" ? this.#wiring.now - this.#phase.since : 0;
  }

  snapshot(now: Instant): unknown {
    const phase = this.#phase;
    const left = phase.kind === "linking" ? phase.answerBy - now : null;
    const remaining = phase.kind === "switching" ? [...phase.remaining.keys()] : [];
    const missing = phase.kind === "switching" ? phase.missing.map(channelLabel) : [];
    const patience = "patientUntil" in phase ? Math.max(0, phase.patientUntil - now) : null;
    const mode = phase.kind === "ready" ? phase.mode : null;
    const links = this.#links.snapshot();
    return { phase: phase.kind, left, patience, mode, remaining, missing, links };
  }

  begin(channels: readonly ChannelId[]): void {
    const mode = this.#seamless ? "seamless" : "semi-seamless";
    const target = describeEndpoint(this.target);
    this.#event({ phase: "begin", mode, target, withinMs: answerWithinMs });
    for (const channel of channels) this.#links.add(channel);
  }

  /** The source has one more channel. */
  add(channel: ChannelId): void {
    if (this.#phase.kind === "linking" || this.#phase.kind === "ready") this.#links.add(channel);
  }

  /** The source has one channel less. */
  remove(channel: ChannelId): void {
    this.#links.remove(channel);
    this.targetLinksChanged();
  }

  /** Whether the channel is one of the switch that has not gone over. */
  awaits(channel: ChannelId): boolean {
    return this.#phase.kind === "switching" && this.#phase.remaining.has(channelLabel(channel));
  }

  deadline(): Instant | null {
    const own = this.#ownDeadline();
    const links = this.#links.deadline();
    if (own === null || links === null) return own ?? links;
    return Math.min(own, links);
  }

  timeout(): void {
    this.#links.timeout();
    const phase = this.#phase;
    const { now } = this.#wiring;
    if (phase.kind === "linking") {
      if (phase.answerBy <= now) this.#answer();
      else if (phase.patientUntil <= now) this.targetLinksChanged();
    } else if (phase.kind === "switching") {
      if (phase.until <= now) this.#giveUp([...phase.remaining.values()]);
      else if (phase.patientUntil <= now) {
        this.#links.finish(isNeeded);
        this.targetLinksChanged();
      }
    }
  }

  targetLinksChanged(): void {
    const phase = this.#phase;
    if (phase.kind === "linking" && this.#isSettled(phase.patientUntil)) this.#answer();
    if (phase.kind !== "switching") return;
    for (const end of [...phase.remaining.values()]) this.#goOver(end);
  }

  targetLinkFailed(channel: ChannelId, attempt: number, error: LinkFailure): void {
    const { name, id } = channel;
    this.#event({ phase: "link-failed", channel: name, id, attempt, error });
  }

  /**
   * MIGRATE came on a channel: the guest has moved. `ends` are the source's open channels,
   * `missing` those that it has and that are not open yet.
   */
  beginSwitch(ends: readonly ChannelEnd[], missing: readonly ChannelId[]): void {
    if (this.#phase.kind !== "ready") return;
    this.#event({ phase: "switching", mode: this.#phase.mode, withinMs: switchWithinMs });
    this.#links.finish(() => true);
    const { now } = this.#wiring;
    this.#phase = {
      kind: "switching",
      since: now,
      patientUntil: now + switchPatienceMs,
      until: now + switchWithinMs,
      remaining: new Map(ends.map((end) => [channelLabel(end.channel), end])),
      missing: [...missing],
      sources: [],
    };
  }

  /** A channel's state waits for the target; its connection to the source has served. */
  handedOver(end: ChannelEnd, source: ConnectionKey): void {
    if (this.#phase.kind !== "switching") {
      this.#wiring.disconnect(source);
      return;
    }
    this.#wiring.handOver(source, nobody);
    this.#phase.sources.push(source);
    this.#leaveSource();
    this.#goOver(end);
  }

  /** A channel ended in the middle of the switch. */
  endLost(end: ChannelEnd, cause: CarawayError): void {
    const phase = this.#phase;
    if (phase.kind !== "switching") return;
    const atSource = this.awaits(end.channel);
    if (isNeeded(end.channel)) {
      const label = channelLabel(end.channel);
      if (atSource) {
        const detail = `${label} ended before its state was handed over`;
        this.#fail("MIGRATION_SOURCE_LOST", detail, cause);
      } else {
        this.#fail("MIGRATION_TARGET_LOST", `the target ended ${label}`, cause);
      }
      return;
    }
    phase.missing.push(end.channel);
    this.#settle(end);
  }

  /** Semi-seamless: the links as they are now are what the session begins anew with. */
  keepLinked(): void {
    this.#links.finish(() => false);
  }

  /** Semi-seamless: the channel's link; null where there is none. */
  take(channel: ChannelId): LinkedConnection | null {
    return this.#links.take(channel);
  }

  /** Leaves the target, and what is left of the source's connections; nothing more is said. */
  drop(): void {
    this.#links.drop();
    if (this.#phase.kind === "switching") {
      for (const source of this.#phase.sources) this.#wiring.disconnect(source);
    }
    this.#phase = { kind: "over" };
  }

  #ownDeadline(): Instant | null {
    const phase = this.#phase;
    if (phase.kind !== "linking" && phase.kind !== "switching") return null;
    const last = phase.kind === "linking" ? phase.answerBy : phase.until;
    return this.#wiring.now < phase.patientUntil ? phase.patientUntil : last;
  }

  /** Whether nothing is gained by waiting longer with the answer. */
  #isSettled(patientUntil: Instant): boolean {
    return this.#links.missing.every((channel) => {
      if (isNeeded(channel)) return false;
      const isPatient = this.#wiring.now < patientUntil;
      return !isPatient || this.#links.failuresOf(channel).count >= failuresMax;
    });
  }

  /** When nothing more is to come from the source, it may go: it waits for its clients to leave. */
  #leaveSource(): void {
    const phase = this.#phase;
    if (phase.kind !== "switching") return;
    const ends = [...phase.remaining.values()];
    if (ends.some(({ stateKind }) => stateKind !== "handed-over")) return;
    for (const source of phase.sources.splice(0)) this.#wiring.disconnect(source);
  }

  /** Goes on with the channel at the target when its link is there. */
  #goOver(end: ChannelEnd): void {
    if (this.#phase.kind !== "switching" || end.stateKind !== "handed-over") return;
    const { channel, dataSize } = end;
    // Once a target has all state that it counts on, a channel that links is a new one to it: main
    // keeps it counting until the last link is there.
    if (channel.name === "main" && this.#links.missing.length > 0) return;
    const readiness = this.#links.readiness(channel);
    if (readiness === "never") this.#giveUp([end]);
    if (readiness !== "ready") return;
    const { name, id } = channel;
    this.#event({ phase: "channel", channel: name, id, outcome: "kept", dataSize });
    end.moveTo(this.#links.take(channel)!);
    this.#settle(end);
  }

  /** These channels will not go over. */
  #giveUp(ends: readonly ChannelEnd[]): void {
    const needed = ends.filter(({ channel }) => isNeeded(channel));
    if (needed.length > 0) {
      const labels = needed.map(({ channel }) => channelLabel(channel)).join(", ");
      const waiting = needed.some(({ stateKind }) => stateKind !== "handed-over");
      if (waiting) {
        this.#fail("MIGRATION_TIMEOUT", `no state of ${labels} within ${switchWithinMs} ms`);
      } else this.#fail("MIGRATION_TARGET_LOST", `the target has no link for ${labels}`);
      return;
    }
    for (const end of ends) {
      if (this.#phase.kind !== "switching") return;
      this.#phase.missing.push(end.channel);
      end.unlink();
      this.#settle(end);
    }
  }

  #settle(end: ChannelEnd): void {
    const phase = this.#phase;
    if (phase.kind !== "switching") return;
    phase.remaining.delete(channelLabel(end.channel));
    this.#leaveSource();
    if (phase.remaining.size === 0) this.#owner.switched(phase.missing);
  }

  /** Tells the source how far we came. */
  #answer(): void {
    const missing = this.#links.missing;
    const needed = missing.find(isNeeded);
    if (needed !== undefined) {
      this.#refuse(needed);
      return;
    }
    const seamless = this.#links.seamlessAccepted;
    this.#owner.sendToSource(
      seamless
        ? { name: "MIGRATE_CONNECTED_SEAMLESS", body: {} }
        : { name: "MIGRATE_CONNECTED", body: {} },
    );
    const mode = seamless ? "seamless" : "semi-seamless";
    this.#phase = { kind: "ready", mode };
    this.#event({ phase: "ready", mode, missing: missing.map(channelLabel) });
  }

  /** Tells the source that there is no link: it says SWITCH_HOST if the guest moves. */
  #refuse(needed: ChannelId): void {
    const cause = this.#links.failuresOf(needed).newest;
    const detail = `${channelLabel(needed)} could not be linked to the target in time`;
    const error = new MigrationFailure(
      "MIGRATION_NOT_LINKED",
      cause === null ? detail : `${detail}: ${cause.message}`,
      { cause },
    );
    this.#links.drop();
    this.#owner.sendToSource({ name: "MIGRATE_CONNECT_ERROR", body: {} });
    this.#phase = { kind: "not-ready" };
    this.#event({ phase: "not-ready", error });
  }

  #fail(code: MigrationFailureCode, detail: string, cause?: CarawayError): void {
    this.drop();
    this.#owner.switchFailed(new MigrationFailure(code, detail, cause && { cause }));
  }

  #event(event: MigrationEvent): void {
    this.#wiring.event({ name: "migration", ...event });
  }
}
