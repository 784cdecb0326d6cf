// Links to the target of a migration, made while the guest still runs on the source: main first,
// the others in parallel, each tried again until the switch. A channel that cannot be linked
// degrades only itself; what that means for the migration is decided elsewhere.
//
// INVARIANT: links that are lost again are all made anew, main first. A target counts the channels
// of a client that comes over, and one that was linked twice would make it wait for ever.

import { type Instant, LinkFailure, type TransportFailure } from "@caraway/channel";
import { hasCapability, MainCapability } from "@caraway/protocol";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import { LinkAttempt, type LinkedConnection, type LinkOwner } from "./link-attempt.ts";
import type { Endpoint, SessionOptions } from "./options.ts";
import { ParkedLink, SeamlessQuestion } from "./parked-link.ts";
import type { Wiring } from "./wiring.ts";

type TargetLink =
  | { readonly kind: "linking"; readonly attempt: LinkAttempt }
  | { readonly kind: "asking"; readonly question: SeamlessQuestion }
  | { readonly kind: "parked"; readonly parked: ParkedLink; readonly accepted: boolean }
  /** Until a time, or (null) until main is linked. */
  | { readonly kind: "waiting"; readonly until: Instant | null };

interface Entry {
  readonly channel: ChannelId;
  link: TargetLink;
  failures: number;
  failure: LinkFailure | null;
}

export interface TargetLinksOwner {
  /** A channel's link changed: ask again. */
  targetLinksChanged(): void;
  targetLinkFailed(channel: ChannelId, attempt: number, failure: LinkFailure): void;
}

const retryDelayMs = 250;
const retryDelayMsMax = 2000;

function isMain(channel: ChannelId): boolean {
  return channel.name === "main";
}

export class TargetLinks implements LinkOwner {
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #endpoint: Endpoint;
  readonly #sessionId: number;
  /** Version to ask the target with; null asks for nothing: semi-seamless. */
  readonly #seamlessVersion: number | null;
  readonly #owner: TargetLinksOwner;
  readonly #entries = new Map<string, Entry>();
  /** After the switch began: a link that fails is given up. */
  #final = false;

  constructor(
    wiring: Wiring,
    options: SessionOptions,
    target: { endpoint: Endpoint; sessionId: number; seamlessVersion: number | null },
    owner: TargetLinksOwner,
  ) {
    this.#wiring = wiring;
    this.#options = options;
    this.#endpoint = target.endpoint;
    this.#sessionId = target.sessionId;
    this.#seamlessVersion = target.seamlessVersion;
    this.#owner = owner;
  }

  snapshot(): unknown {
    return [...this.#entries].map(([label, { link, failures }]) => {
      return [label, link.kind, failures, stateOf(link, this.#wiring.now)];
    });
  }

  /** Begins to link. Main goes first; the others wait until it is linked. */
  add(channel: ChannelId): void {
    const label = channelLabel(channel);
    if (this.#entries.has(label)) return;
    const entry: Entry = {
      channel,
      link: { kind: "waiting", until: null },
      failures: 0,
      failure: null,
    };
    this.#entries.set(label, entry);
    if (isMain(channel) || this.#mainLinked) this.#start(entry);
  }

  /** The channel does not go over after all. */
  remove(channel: ChannelId): void {
    const label = channelLabel(channel);
    const entry = this.#entries.get(label);
    if (entry === undefined) return;
    this.#entries.delete(label);
    dropLink(entry.link);
  }

  /**
   * The switch begins: no link is tried again, and what is not linked is given up, but for links
   * under way of channels that are `awaited`.
   */
  finish(awaited: (channel: ChannelId) => boolean): void {
    this.#final = true;
    for (const { channel, link } of [...this.#entries.values()]) {
      if (link.kind === "parked") continue;
      if (link.kind === "waiting" || !awaited(channel)) this.remove(channel);
    }
  }

  /** Whether the channel's state may go to the target: now, in a moment, or never. */
  readiness(channel: ChannelId): "ready" | "coming" | "never" {
    const link = this.#entries.get(channelLabel(channel))?.link;
    if (link === undefined) return "never";
    if (link.kind !== "parked") return "coming";
    // State that the target did not agree to take would end the channel there.
    return isMain(channel) && !link.accepted ? "never" : "ready";
  }

  /** Channels that are not linked (main: or not asked) yet. */
  get missing(): readonly ChannelId[] {
    const entries = [...this.#entries.values()];
    return entries.filter(({ link }) => link.kind !== "parked").map(({ channel }) => channel);
  }

  /** How often linking this channel has failed, and why the last time. */
  failuresOf(channel: ChannelId): { readonly count: number; readonly newest: LinkFailure | null } {
    const entry = this.#entries.get(channelLabel(channel));
    return { count: entry?.failures ?? 0, newest: entry?.failure ?? null };
  }

  /** Whether the target said that it takes the channels' state. */
  get seamlessAccepted(): boolean {
    const main = this.#entries.get("main 0");
    return main?.link.kind === "parked" && main.link.accepted;
  }

  /** The channel's link, if it is there: the caller owns it from now on. */
  take(channel: ChannelId): LinkedConnection | null {
    const label = channelLabel(channel);
    const entry = this.#entries.get(label);
    if (entry?.link.kind !== "parked") return null;
    this.#entries.delete(label);
    return entry.link.parked.release();
  }

  deadline(): Instant | null {
    let earliest: Instant | null = null;
    for (const { link } of this.#entries.values()) {
      const due = link.kind === "linking" ? link.attempt.deadline() : null;
      const at = link.kind === "waiting" ? link.until : due;
      if (at !== null && (earliest === null || at < earliest)) earliest = at;
    }
    return earliest;
  }

  timeout(): void {
    for (const entry of [...this.#entries.values()]) {
      const { link } = entry;
      if (link.kind === "linking") link.attempt.timeout();
      else if (link.kind === "waiting" && link.until !== null && link.until <= this.#wiring.now) {
        this.#start(entry);
      }
    }
  }

  /** Leaves the target. */
  drop(): void {
    for (const { link } of this.#entries.values()) dropLink(link);
    this.#entries.clear();
  }

  linked(channel: ChannelId, linked: LinkedConnection): void {
    const entry = this.#entries.get(channelLabel(channel));
    if (entry === undefined) {
      this.#wiring.disconnect(linked.connection);
      return;
    }
    if (isMain(channel)) this.#mainIsLinked(entry, linked);
    else this.#park(entry, linked, false);
    this.#owner.targetLinksChanged();
  }

  linkFailed(channel: ChannelId, failure: LinkFailure): void {
    const entry = this.#entries.get(channelLabel(channel));
    if (entry === undefined) return;
    this.#failed(entry, failure);
    if (!this.#final) entry.link = { kind: "waiting", until: this.#retryAt(entry) };
    this.#owner.targetLinksChanged();
  }

  get #mainLinked(): boolean {
    const kind = this.#entries.get("main 0")?.link.kind;
    return kind === "parked" || kind === "asking";
  }

  #start(entry: Entry): void {
    const request = {
      channel: entry.channel,
      endpoint: this.#endpoint,
      connectionId: this.#sessionId,
    };
    const attempt = new LinkAttempt(this.#wiring, this.#options, request, this);
    entry.link = { kind: "linking", attempt };
    attempt.start();
  }

  #mainIsLinked(entry: Entry, linked: LinkedConnection): void {
    const { SPICE_MAIN_CAP_SEAMLESS_MIGRATE } = MainCapability;
    const { channelCapabilities } = linked.agreement;
    const able = hasCapability(channelCapabilities, SPICE_MAIN_CAP_SEAMLESS_MIGRATE);
    if (this.#seamlessVersion !== null && able) this.#ask(entry, linked, this.#seamlessVersion);
    else this.#park(entry, linked, false);
    // The target may have turned us away with its very first bytes.
    if (!this.#mainLinked) return;
    for (const other of [...this.#entries.values()]) {
      if (other.link.kind === "waiting" && other.link.until === null) this.#start(other);
    }
  }

  #ask(entry: Entry, linked: LinkedConnection, version: number): void {
    const answer = (accepted: boolean, rest: LinkedConnection) => {
      this.#park(entry, rest, accepted);
      this.#owner.targetLinksChanged();
    };
    const lost = (failure: TransportFailure | null) => this.#lose(entry, failure);
    const question = new SeamlessQuestion(this.#wiring, linked, version, answer, lost);
    entry.link = { kind: "asking", question };
    question.begin();
  }

  #park(entry: Entry, linked: LinkedConnection, accepted: boolean): void {
    const lost = (failure: TransportFailure | null) => this.#lose(entry, failure);
    entry.link = { kind: "parked", parked: new ParkedLink(this.#wiring, linked, lost), accepted };
  }

  /** A link that was there is gone. */
  #lose(entry: Entry, failure: TransportFailure | null): void {
    const detail = failure?.detail ?? "the target closed the connection";
    const label = channelLabel(entry.channel);
    this.#failed(entry, new LinkFailure("LINK_CLOSED", `${label}: ${detail}`, failure));
    if (!this.#final) this.#beginAnew(entry);
    this.#owner.targetLinksChanged();
  }

  #beginAnew(lost: Entry): void {
    const until = this.#retryAt(lost);
    for (const entry of this.#entries.values()) {
      if (entry !== lost) dropLink(entry.link);
      entry.link = { kind: "waiting", until: isMain(entry.channel) ? until : null };
    }
  }

  #failed(entry: Entry, failure: LinkFailure): void {
    entry.failures += 1;
    entry.failure = failure;
    if (this.#final) this.#entries.delete(channelLabel(entry.channel));
    this.#owner.targetLinkFailed(entry.channel, entry.failures, failure);
  }

  #retryAt(entry: Entry): Instant {
    const delay = Math.min(retryDelayMs * 2 ** (entry.failures - 1), retryDelayMsMax);
    return this.#wiring.now + delay;
  }
}

function stateOf(link: TargetLink, now: Instant): unknown {
  switch (link.kind) {
    case "linking":
      return link.attempt.snapshot();
    case "asking":
      return link.question.snapshot();
    case "parked":
      return [link.accepted, link.parked.snapshot()];
    case "waiting":
      return link.until === null ? null : link.until - now;
  }
}

function dropLink(link: TargetLink): void {
  switch (link.kind) {
    case "linking":
      link.attempt.abandon();
      break;
    case "asking":
      link.question.drop();
      break;
    case "parked":
      link.parked.drop();
      break;
    case "waiting":
      break;
  }
}
