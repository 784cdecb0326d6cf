// One session on its way to this server: its links, what it brings and what the source says of it,
// and what became of each of its channels. A channel goes on as soon as all of it is there, alone.
//
// INVARIANT: a channel has one outcome, and from then on is the business of ServedClient alone;
// state that comes later is refused there.

import { mainCodec, migrationVersion } from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import type { Admittance, KnownClient } from "./access.ts";
import { ArrivingChannel, type ArrivingOwner } from "./arriving-channel.ts";
import { isKnownState } from "./bad-state.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import { ClientCaches } from "./client-caches.ts";
import { decodeDisplayEarlyState } from "./display-state.ts";
import type { ClientKey } from "./events.ts";
import type { MoveHold } from "./move-hold.ts";
import type {
  ChannelMoved,
  ChannelOutcome,
  ChannelPolicy,
  ClientMoved,
  MoveMode,
  TargetMove,
} from "./moves.ts";
import type { NewLink, ServedClient } from "./served-client.ts";
import type { Wiring } from "./wiring.ts";

/** What the source says of a session that left it. */
export interface SessionPlan {
  readonly mode: MoveMode;
  readonly channels: ReadonlyMap<
    string,
    { readonly channel: ChannelId; readonly policy: ChannelPolicy }
  >;
}

/** The move that the client is a part of. */
export interface TargetClientOwner {
  readonly wiring: Wiring;
  readonly move: TargetMove;
  /** null before the guest is there. */
  readonly hold: MoveHold | null;
  /** Takes a client in that is not here yet. */
  admit(
    key: ClientKey,
    session: number,
    link: NewLink,
    who: Admittance & { readonly kind: "in" },
    caches: ClientCaches,
  ): ServedClient;
  /** Something is decided, or has come: what depends on it is looked at again. */
  progressed(): void;
  /** This is the state of inputs that are lost. */
  letGo(state: Uint8Array): void;
}

const inputsLabel = channelLabel({ name: "inputs", id: 0 });
/** Channels of one session that may be linked at a time. */
const linksMax = 64;

export class TargetClient implements ArrivingOwner {
  readonly key: ClientKey;
  readonly session: number;
  /** null: nobody announced it. */
  readonly known: KnownClient | null;
  readonly #owner: TargetClientOwner;
  readonly #arrivals = new Map<string, ArrivingChannel>();
  /** They fill while the client links. */
  readonly #caches = new ClientCaches();
  readonly #final = new Map<string, Uint8Array>();
  readonly #outcomes = new Map<string, ChannelMoved>();
  #served: ServedClient | null = null;
  #plan: SessionPlan | null = null;
  /** Whether channels go on with their state, as the client was told. */
  #isSeamless = false;
  /** MIGRATE_END came. */
  #beginsAnew = false;
  #isGone = false;
  #isGivenUp = false;
  /** The source has said all of inputs. */
  #areInputsTold = false;

  constructor(
    key: ClientKey,
    session: number,
    known: KnownClient | null,
    owner: TargetClientOwner,
  ) {
    this.key = key;
    this.session = session;
    this.known = known;
    this.#owner = owner;
  }

  get served(): ServedClient | null {
    return this.#served;
  }

  /** Whether a link of this channel is one that waits for what it brings. */
  takes(channel: ChannelId): boolean {
    const label = channelLabel(channel);
    if (this.#isGone || this.#served === null || this.#outcomes.has(label)) return false;
    if (this.#beginsAnew && this.#served.isHere) return false;
    if (this.#plan !== null) return this.#plan.channels.has(label);
    return !this.#served.isHere;
  }

  // Links.

  /** Whether main may be linked: not when what was linked has begun to go on. */
  get takesMain(): boolean {
    return this.#outcomes.size === 0 && this.#served?.isHere !== true;
  }

  /** A client that links main again has lost all that it had linked. */
  mainLinked(link: NewLink, who: Admittance & { readonly kind: "in" }): void {
    this.#dropLinks();
    this.#isGone = false;
    this.#isSeamless = false;
    this.#beginsAnew = false;
    this.#served = this.#owner.admit(this.key, this.session, link, who, this.#caches);
    this.#arrive({ name: "main", id: 0 }, link);
  }

  linked(channel: ChannelId, link: NewLink): void {
    if (this.#arrivals.size >= linksMax) {
      this.#owner.wiring.disconnect(link.connection);
      return;
    }
    this.#arrivals.get(channelLabel(channel))?.drop();
    this.#arrive(channel, link);
  }

  #arrive(channel: ChannelId, link: NewLink): void {
    const arriving = new ArrivingChannel(channel, link, this.#owner.wiring, this);
    this.#arrivals.set(arriving.label, arriving);
    arriving.begin();
    if (this.#isSeamless) arriving.awaitData();
    this.goOn();
  }

  askedSeamless(main: ArrivingChannel, version: number): void {
    const isAble = version <= migrationVersion && !this.#isSeamless;
    const name = isAble ? "MIGRATE_DST_SEAMLESS_ACK" : "MIGRATE_DST_SEAMLESS_NACK";
    main.say(mainCodec.server.encode({ name, body: {} }));
    if (!isAble) return;
    this.#isSeamless = true;
    for (const arriving of [...this.#arrivals.values()]) arriving.awaitData();
  }

  endedMove(): void {
    this.#beginsAnew = true;
    this.goOn();
    this.#owner.progressed();
  }

  dataComes(): void {
    this.#owner.hold?.stateComes(this.#owner.wiring.now);
  }

  dataCame(): void {
    this.goOn();
    this.#owner.progressed();
  }

  channelGone({ channel, label }: ArrivingChannel, error: CarawayError | null): void {
    this.#arrivals.delete(label);
    const { wiring, hold } = this.#owner;
    if (channel.name === "main") this.#served?.close(error);
    else {
      wiring.event({ name: "channel-lost", client: this.key, channel: label, error });
      // Before the switch the client links again; after it there is nothing to link with.
      if (hold !== null && this.#isExpected(label)) {
        this.#decide(label, "lost", error?.message ?? "the client closed the channel");
      }
    }
    this.#owner.progressed();
  }

  /** The client is over. */
  ended(): void {
    this.#isGone = true;
    this.#dropArrivals();
    this.#served = null;
    if (this.#owner.hold !== null) this.#loseRest("the client left");
  }

  // From the source.

  /** State ahead of the channel that it is of; only displays have such. */
  earlyState({ name }: ChannelId, state: Uint8Array): void {
    if (name !== "display") return;
    try {
      if (isKnownState(state)) this.#caches.takeEarly(decodeDisplayEarlyState(state));
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#caches.break();
    }
  }

  left(plan: SessionPlan): void {
    this.#plan = plan;
    if (plan.mode === "switch-host") this.#dropLinks();
    this.goOn();
  }

  finalState(channel: ChannelId, state: Uint8Array): void {
    this.#owner.hold?.stateComes(this.#owner.wiring.now);
    const label = channelLabel(channel);
    this.#final.set(label, state);
    if (label === inputsLabel) this.#areInputsTold = true;
    if (this.#outcomes.get(label)?.outcome === "lost") this.#letGo(label);
    this.goOn();
  }

  lostAtSource(channel: ChannelId): void {
    const label = channelLabel(channel);
    // What was held was let go there, and that has come before.
    if (label === inputsLabel) this.#areInputsTold = true;
    const arriving = this.#arrivals.get(label);
    if (arriving?.data !== undefined || this.#outcomes.has(label)) return;
    this.#decide(label, "lost", "the channel ended before it left the source");
  }

  // What becomes of it.

  /** Whether nothing of it has to be waited for. */
  get isBack(): boolean {
    if (this.#isGone) return true;
    const plan = this.#plan;
    if (plan === null && this.known !== null && this.#owner.move.peer) return false;
    const mode =
      plan?.mode ?? (this.#isSeamless && !this.#beginsAnew ? "seamless" : "semi-seamless");
    if (mode === "switch-host" || (plan === null && this.#served === null)) return true;
    if (mode === "semi-seamless") return this.#served?.isHere === true;
    return this.#expected.every((label) => this.#outcomes.has(label));
  }

  /** Whether it may still come with this channel, and with the device behind it. */
  brings(label: string): boolean {
    if (this.#isGone || this.#outcomes.has(label)) return false;
    return this.#isExpected(label) && this.#expected.includes(label);
  }

  /** Whether it is gone, and the source has still to say what it held down in the guest. */
  get isOwedInputs(): boolean {
    const plan = this.#plan;
    if (!this.#isGone || this.#isGivenUp || this.known === null || !this.#owner.move.peer) {
      return false;
    }
    if (plan === null) return true;
    return plan.mode === "seamless" && plan.channels.has(inputsLabel) && !this.#areInputsTold;
  }

  /** Whether its main channel may still bring the agent. */
  get mayOwnAgent(): boolean {
    return !this.isBack && !this.#outcomes.has("main 0");
  }

  /** Goes on with whatever is complete. */
  goOn(): void {
    if (this.#owner.hold === null || this.#served === null) return;
    if (this.#beginsAnew) {
      this.#beginAnew();
      return;
    }
    for (const arriving of [...this.#arrivals.values()]) this.#goOnWith(arriving);
  }

  /** It had its time. */
  giveUp(): void {
    const reason = "it has not come in time";
    const isHere = this.#served?.isHere === true;
    this.#isGivenUp = true;
    this.#loseRest(reason);
    this.#dropArrivals();
    if (!isHere) this.#served?.close(null);
  }

  /** Ends what is parked. */
  drop(): void {
    this.#dropLinks();
  }

  get report(): ClientMoved {
    const mode = this.#plan?.mode ?? (this.#isSeamless ? "seamless" : "semi-seamless");
    const channels = [...this.#outcomes.values()];
    return { client: this.key, session: this.session, mode, channels };
  }

  snapshot(): unknown {
    return {
      client: this.key,
      session: this.session,
      isAnnounced: this.known !== null,
      isSeamless: this.#isSeamless,
      beginsAnew: this.#beginsAnew,
      isGone: this.#isGone,
      plan: this.#plan === null ? null : [this.#plan.mode, ...this.#plan.channels.keys()],
      arrivals: [...this.#arrivals.values()].map((arriving) => arriving.snapshot()),
      caches: this.#caches.snapshot(),
      final: [...this.#final],
      outcomes: [...this.#outcomes.values()],
    };
  }

  /** Labels of channels that should go on. */
  get #expected(): readonly string[] {
    if (this.#plan !== null) return [...this.#plan.channels.keys()];
    return [...new Set([...this.#arrivals.keys(), ...this.#outcomes.keys()])];
  }

  #isExpected(label: string): boolean {
    return this.#plan === null ? this.#isSeamless : this.#plan.channels.has(label);
  }

  #goOnWith(arriving: ArrivingChannel): void {
    const { label, channel, link, data } = arriving;
    const { move, hold, wiring } = this.#owner;
    const isUnplanned = this.#plan === null && this.known !== null && move.peer;
    if (data === undefined || hold === null || (isUnplanned && !hold.isOver)) return;
    const policy = this.#policyOf(channel, label);
    if (policy === "drop") {
      this.#arrivals.delete(label);
      arriving.drop();
      this.#decide(label, "lost", "policy");
      return;
    }
    const final = this.#final.get(label) ?? null;
    const needsFinal = this.known !== null && move.peer && policy === "keep";
    if (needsFinal && final === null && !hold.isOver) return;
    const isMissing = needsFinal && final === null;
    let rebuild = isMissing ? "its state has not come from the source" : null;
    if (policy === "rebuild") rebuild = "policy";
    this.#arrivals.delete(label);
    const brought = {
      data,
      final: final === null || final.length === 0 ? null : final,
      rebuild,
      rest: arriving.release(),
      nextSerial: arriving.nextSerial,
    };
    try {
      const reason = this.#served!.goOn(channel, link, brought, new Set(this.#expected));
      const isThere = this.#served?.has(channel) === true;
      if (!isThere) this.#decide(label, "lost", "it ended as it went on");
      else this.#decide(label, reason === null ? "kept" : "rebuilt", reason ?? "");
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      wiring.disconnect(link.connection);
      wiring.event({ name: "channel-lost", client: this.key, channel: label, error });
      this.#decide(label, "lost", error.message);
      if (channel.name === "main") this.#served?.close(error);
    }
  }

  #policyOf({ name }: ChannelId, label: string): ChannelPolicy {
    const policies = [
      this.#plan?.channels.get(label)?.policy ?? "keep",
      this.#owner.move.policies[name] ?? "keep",
    ];
    const policy = (["drop", "rebuild"] as const).find((one) => policies.includes(one)) ?? "keep";
    return name === "main" && policy === "drop" ? "rebuild" : policy;
  }

  /** Semi-seamless: everything begins, over the links that are there. */
  #beginAnew(): void {
    const served = this.#served;
    const main = this.#arrivals.get("main 0");
    if (served === null || main === undefined) return;
    const arrivals = [...this.#arrivals.values()];
    this.#arrivals.clear();
    const rests = arrivals.map((arriving) => arriving.release());
    served.openAnew(new Set(arrivals.map(({ label }) => label)), rests[arrivals.indexOf(main)]!);
    for (const [index, { channel, link, label }] of arrivals.entries()) {
      if (channel.name !== "main") {
        served.link(channel, { ...link, link: { ...link.link, rest: rests[index]! } });
      }
      this.#decide(label, served.has(channel) ? "rebuilt" : "lost", "semi-seamless");
    }
  }

  #decide(label: string, outcome: ChannelOutcome, reason: string): void {
    if (this.#outcomes.has(label)) return;
    const { wiring, hold } = this.#owner;
    const gapMs = hold?.age(wiring.now) ?? 0;
    const moved = { session: this.session, channel: label, outcome, reason, gapMs };
    this.#outcomes.set(label, moved);
    wiring.event({ name: "move-channel", client: this.key, ...moved });
    if (outcome === "lost") this.#letGo(label);
  }

  /** What the client held down in the guest, as the source says, is held by nobody. */
  #letGo(label: string): void {
    const state = this.#final.get(label);
    if (label === inputsLabel && state !== undefined) this.#owner.letGo(state);
  }

  #loseRest(reason: string): void {
    if (this.#plan?.mode === "switch-host") return;
    for (const label of this.#expected) this.#decide(label, "lost", reason);
  }

  #dropLinks(): void {
    this.#dropArrivals();
    const served = this.#served;
    this.#served = null;
    served?.close(null);
  }

  #dropArrivals(): void {
    for (const arriving of this.#arrivals.values()) arriving.drop();
    this.#arrivals.clear();
  }
}
