// The client's part in one migration: links to the target, the answer to the source, and the
// hand-over of each channel. The session decides what to do when it is over.
//
// Phases: linking → ready → switching → over. Before `switching` the source owns the guest and
// nothing that the target does can harm the session.

import type { Instant } from "@caraway/channel";
import type { ClientMessage, Main } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { ChannelEnd } from "./channel-end.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import type { LinkedConnection } from "./link-attempt.ts";
import type { MigrationEvent } from "./migration-event.ts";
import { MigrationFailure } from "./migration-failure.ts";
import {
  describeEndpoint,
  type Endpoint,
  type MigrationMode,
  type SessionOptions,
} from "./options.ts";
import { TargetLinks, type TargetLinksOwner } from "./target-links.ts";
import type { Wiring } from "./wiring.ts";

/** What the session does for a migration. */
export interface MigrationOwner {
  sendToSource(message: ClientMessage<typeof Main>): void;
  /** Every channel of the seamless switch went over; `missing` have no link to the target. */
  switched(missing: readonly ChannelId[]): void;
  /** The switch cannot be finished. */
  switchFailed(failure: MigrationFailure): void;
}

type Phase =
  /** The source waits for our answer until `answerBy`. */
  | { readonly kind: "linking"; readonly answerBy: Instant }
  | { readonly kind: "ready"; readonly mode: MigrationMode }
  /** The source was told that we have no links. */
  | { readonly kind: "not-ready" }
  | {
      readonly kind: "switching";
      readonly since: Instant;
      readonly until: Instant;
      /** Channels of the source that have not gone over, by label. */
      readonly remaining: Map<string, ChannelEnd>;
      readonly missing: ChannelId[];
    }
  | { readonly kind: "over" };

/** The source waits 10 s for the answer; stay below that. */
const answerWithinMs = 9000;

/** The source cuts its clients 10 s after the switch; no more can come after that. */
const switchWithinMs = 10_000;

/** Without these there is no session worth keeping on the target. */
const neededChannels: readonly string[] = ["main", "display"];

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
    this.#phase = { kind: "linking", answerBy: wiring.now + answerWithinMs };
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
    return { phase: phase.kind, left, links: this.#links.snapshot() };
  }

  begin(channels: readonly ChannelId[]): void {
    const mode = this.#seamless ? "seamless" : "semi-seamless";
    this.#event({ phase: "begin", mode, target: describeEndpoint(this.target) });
    for (const channel of channels) this.#links.add(channel);
  }

  /** The source announced a channel while the migration is under way. */
  add(channel: ChannelId): void {
    if (this.#phase.kind === "linking" || this.#phase.kind === "ready") this.#links.add(channel);
  }

  deadline(): Instant | null {
    const phase = this.#phase;
    if (phase.kind === "over" || phase.kind === "not-ready") return null;
    const own =
      phase.kind === "linking" ? phase.answerBy : phase.kind === "switching" ? phase.until : null;
    const links = this.#links.deadline();
    if (own === null || links === null) return own ?? links;
    return Math.min(own, links);
  }

  timeout(): void {
    this.#links.timeout();
    const phase = this.#phase;
    if (phase.kind === "linking" && phase.answerBy <= this.#wiring.now) this.#answer();
    if (phase.kind === "switching" && phase.until <= this.#wiring.now) {
      const left = [...phase.remaining.keys()].join(", ");
      const detail = `${left} did not come over within ${switchWithinMs} ms`;
      this.#fail(new MigrationFailure("MIGRATION_TIMEOUT", detail));
    }
  }

  targetLinksChanged(): void {
    const phase = this.#phase;
    if (phase.kind === "linking" && this.#links.missing.length === 0) this.#answer();
    if (phase.kind !== "switching") return;
    for (const end of [...phase.remaining.values()]) this.handedOver(end);
  }

  targetLinkFailed(channel: ChannelId, attempt: number, error: CarawayError): void {
    const { name, id } = channel;
    this.#event({ phase: "link-failed", channel: name, id, attempt, error });
  }

  /** MIGRATE came on a channel: the guest has moved. `ends` are the source's open channels. */
  migrating(ends: readonly ChannelEnd[]): void {
    if (this.#phase.kind !== "ready") return;
    this.#event({ phase: "switching", mode: this.#phase.mode });
    this.#phase = {
      kind: "switching",
      since: this.#wiring.now,
      until: this.#wiring.now + switchWithinMs,
      remaining: new Map(ends.map((end) => [channelLabel(end.channel), end])),
      missing: [],
    };
  }

  /** A channel's state waits for the target: hand it over if the link is there. */
  handedOver(end: ChannelEnd): void {
    const phase = this.#phase;
    if (phase.kind !== "switching" || end.stateKind !== "handed-over") return;
    const { channel } = end;
    const linked = this.#links.take(channel);
    if (linked === null) {
      this.#withoutLink(end);
      return;
    }
    const { dataSize } = end;
    end.moveTo(linked);
    const { name, id } = channel;
    this.#event({ phase: "channel", channel: name, id, outcome: "kept", dataSize });
    this.#settle(end);
  }

  /** A channel of the source is gone before it was handed over. */
  endLost(end: ChannelEnd): void {
    const phase = this.#phase;
    if (phase.kind !== "switching") return;
    if (!neededChannels.includes(end.channel.name)) {
      phase.missing.push(end.channel);
      this.#settle(end);
      return;
    }
    const detail = `${channelLabel(end.channel)} ended before its state was handed over`;
    this.#fail(new MigrationFailure("MIGRATION_SOURCE_LOST", detail));
  }

  /** Semi-seamless: the links, for the session to open them anew. Null where there is none. */
  take(channel: ChannelId): LinkedConnection | null {
    return this.#links.take(channel);
  }

  /** Leaves the target; nothing more is said. */
  drop(): void {
    this.#links.drop();
    this.#phase = { kind: "over" };
  }

  /** A needed channel waits for its link to be made; any other will begin anew. */
  #withoutLink(end: ChannelEnd): void {
    const phase = this.#phase;
    const { channel } = end;
    if (phase.kind !== "switching" || neededChannels.includes(channel.name)) return;
    phase.missing.push(channel);
    end.unlink();
    this.#settle(end);
  }

  #settle(end: ChannelEnd): void {
    const phase = this.#phase;
    if (phase.kind !== "switching") return;
    phase.remaining.delete(channelLabel(end.channel));
    if (phase.remaining.size === 0) this.#owner.switched(phase.missing);
  }

  /** Tells the source how far we came. */
  #answer(): void {
    const missing = this.#links.missing;
    const needed = missing.find(({ name }) => neededChannels.includes(name));
    if (needed !== undefined) {
      const cause = this.#links.failureOf(needed);
      const detail = `${channelLabel(needed)} could not be linked to the target in time`;
      const error = new MigrationFailure(
        "MIGRATION_NOT_LINKED",
        cause === null ? detail : `${detail}: ${cause.message}`,
        { cause },
      );
      this.refuse(error);
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
  refuse(error: CarawayError): void {
    this.#links.drop();
    this.#owner.sendToSource({ name: "MIGRATE_CONNECT_ERROR", body: {} });
    this.#phase = { kind: "not-ready" };
    this.#event({ phase: "not-ready", error });
  }

  #fail(failure: MigrationFailure): void {
    this.drop();
    this.#owner.switchFailed(failure);
  }

  #event(event: MigrationEvent): void {
    this.#wiring.event({ name: "migration", ...event });
  }
}
