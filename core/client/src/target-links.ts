// Links to the target of a migration, made while the guest still runs on the source: main first,
// the others in parallel, each tried again until the switch. A failing channel degrades only
// itself; what that means for the migration is decided elsewhere.

import { type Instant, LinkFailure, type TransportFailure } from "@caraway/channel";
import { hasCapability, MainCapability } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import { LinkAttempt, type LinkedConnection, type LinkOwner } from "./link-attempt.ts";
import type { Endpoint, SessionOptions } from "./options.ts";
import { ParkedLink, SeamlessQuestion } from "./parked-link.ts";
import type { Wiring } from "./wiring.ts";

type TargetLink =
  | { readonly kind: "linking"; readonly attempt: LinkAttempt }
  | { readonly kind: "asking"; readonly question: SeamlessQuestion }
  | { readonly kind: "parked"; readonly parked: ParkedLink; readonly accepted: boolean }
  | { readonly kind: "waiting"; readonly until: Instant; readonly failure: CarawayError };

interface Entry {
  readonly channel: ChannelId;
  link: TargetLink;
  attempts: number;
}

export interface TargetLinksOwner {
  /** A channel's link changed: ask again. */
  targetLinksChanged(): void;
  targetLinkFailed(channel: ChannelId, attempt: number, failure: CarawayError): void;
}

const retryDelayMs = 250;
const retryDelayMsMax = 2000;

export class TargetLinks implements LinkOwner {
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #endpoint: Endpoint;
  readonly #sessionId: number;
  /** Version to ask the target with; null asks for nothing: semi-seamless. */
  readonly #seamlessVersion: number | null;
  readonly #owner: TargetLinksOwner;
  readonly #entries = new Map<string, Entry>();

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
    return [...this.#entries].map(([label, { link, attempts }]) => [label, link.kind, attempts]);
  }

  /** Begins to link. Main goes first; the others wait until it is linked. */
  add(channel: ChannelId): void {
    const label = channelLabel(channel);
    if (this.#entries.has(label)) return;
    const waitForMain = channel.name !== "main" && !this.#mainLinked;
    const link: TargetLink = {
      kind: "waiting",
      until: waitForMain ? Number.POSITIVE_INFINITY : this.#wiring.now,
      failure: new LinkFailure("LINK_UNREACHABLE", `${label}: main is not linked yet`),
    };
    const entry: Entry = { channel, link, attempts: 0 };
    this.#entries.set(label, entry);
    if (!waitForMain) this.#start(entry);
  }

  /** Channels that are not linked (main: or not asked) yet. */
  get missing(): readonly ChannelId[] {
    const entries = [...this.#entries.values()];
    return entries.filter(({ link }) => link.kind !== "parked").map(({ channel }) => channel);
  }

  /** The newest failure of a channel that is not linked. */
  failureOf(channel: ChannelId): CarawayError | null {
    const link = this.#entries.get(channelLabel(channel))?.link;
    return link?.kind === "waiting" ? link.failure : null;
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
    let earliest = Number.POSITIVE_INFINITY;
    for (const { link } of this.#entries.values()) {
      const at = link.kind === "waiting" ? link.until : null;
      const deadline = link.kind === "linking" ? link.attempt.deadline() : at;
      if (deadline !== null) earliest = Math.min(earliest, deadline);
    }
    return earliest === Number.POSITIVE_INFINITY ? null : earliest;
  }

  timeout(): void {
    for (const entry of [...this.#entries.values()]) {
      const { link } = entry;
      if (link.kind === "linking") link.attempt.timeout();
      else if (link.kind === "waiting" && link.until <= this.#wiring.now) this.#start(entry);
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
    if (channel.name === "main") this.#mainIsLinked(entry, linked);
    else this.#park(entry, linked, false);
    this.#owner.targetLinksChanged();
  }

  linkFailed(channel: ChannelId, failure: LinkFailure): void {
    const entry = this.#entries.get(channelLabel(channel));
    if (entry !== undefined) this.#retry(entry, failure);
  }

  get #mainLinked(): boolean {
    const kind = this.#entries.get("main 0")?.link.kind;
    return kind === "parked" || kind === "asking";
  }

  #start(entry: Entry): void {
    entry.attempts += 1;
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
    for (const other of this.#entries.values()) {
      if (other.link.kind === "waiting" && other.attempts === 0) this.#start(other);
    }
  }

  #ask(entry: Entry, linked: LinkedConnection, version: number): void {
    const answer = (accepted: boolean, rest: LinkedConnection) => {
      this.#park(entry, rest, accepted);
      this.#owner.targetLinksChanged();
    };
    const lost = (failure: TransportFailure | null) => this.#lose(entry, failure);
    const question = new SeamlessQuestion(this.#wiring, linked, version, answer, lost);
    // The answer may have come with the link.
    if (entry.link.kind === "linking") entry.link = { kind: "asking", question };
  }

  #park(entry: Entry, linked: LinkedConnection, accepted: boolean): void {
    const lost = (failure: TransportFailure | null) => this.#lose(entry, failure);
    entry.link = { kind: "parked", parked: new ParkedLink(this.#wiring, linked, lost), accepted };
  }

  #lose(entry: Entry, failure: TransportFailure | null): void {
    const detail = failure?.detail ?? "the target closed the connection";
    const label = channelLabel(entry.channel);
    this.#retry(entry, new LinkFailure("LINK_CLOSED", `${label}: ${detail}`, failure));
  }

  #retry(entry: Entry, failure: CarawayError): void {
    const delay = Math.min(retryDelayMs * 2 ** (entry.attempts - 1), retryDelayMsMax);
    entry.link = { kind: "waiting", until: this.#wiring.now + delay, failure };
    this.#owner.targetLinkFailed(entry.channel, entry.attempts, failure);
    this.#owner.targetLinksChanged();
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
