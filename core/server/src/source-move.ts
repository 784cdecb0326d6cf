// This server as the source of a move: its clients are asked to link to the target, and sent over
// when the guest has gone. docs/moving-a-guest.md tells the order of things; who owns the guest is
// the movers' business.
//
// INVARIANT: nothing of a move is left when it is over or cancelled: each begins with clients that
// were not asked, and what a client says of an earlier one does not count.

import { PeerMode, PeerPolicy, PeerProof, peerVersion } from "@caraway/protocol";
import { CarawayError, encodeUtf8 } from "@caraway/wire";
import type { KnownBy } from "./access.ts";
import { channelLabel } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { MoveAnswer } from "./main-channel.ts";
import type { MediaTime } from "./media-time.ts";
import { migrateFlagsOf } from "./migration-flags.ts";
import type { MouseMode } from "./mouse-mode.ts";
import type { ChannelPolicy, SourceMove as Move, MoveMode, MoveTarget } from "./moves.ts";
import type { ChannelTypeName } from "./options.ts";
import { inputMessage, type PeerLink, type PeerMessage, wireChannel } from "./peer-link.ts";
import type { ServedClient } from "./served-client.ts";
import { SourceClient } from "./source-client.ts";
import type { Wiring } from "./wiring.ts";

export interface SourceOwner {
  readonly wiring: Wiring;
  readonly peer: PeerLink;
  readonly mouseMode: MouseMode;
  readonly mediaTime: MediaTime;
  clients(): Iterable<ServedClient>;
  isGuestRunning(): boolean;
}

interface Plan {
  readonly move: Move;
  /** Counts moves, so that the target's words can be told apart. */
  readonly round: number;
  readonly clients: Map<ClientKey, SourceClient>;
}

type Phase =
  | { readonly kind: "idle" }
  /** Clients link. `answerBy` null: the answer was given. */
  | {
      readonly kind: "linking";
      readonly plan: Plan;
      readonly answerBy: number | null;
      readonly earlyAt: number;
    }
  /** Clients leave; those that make no progress until `until` had their time. */
  | {
      readonly kind: "leaving";
      readonly plan: Plan;
      readonly remaining: Set<ClientKey>;
      readonly until: number;
      readonly lastUntil: number;
    }
  /** The guest is another server's. */
  | { readonly kind: "gone"; readonly target: MoveTarget };

/** How often bulk state is told. */
const earlyPeriodMs = 2000;
/** However slowly a client goes on, it has this many times what a client has that does not. */
const patience = 6;

export class SourceMove {
  readonly #owner: SourceOwner;
  #phase: Phase = { kind: "idle" };
  #round = 0;

  constructor(owner: SourceOwner) {
    this.#owner = owner;
  }

  /** Whether the guest has left, or is about to: nobody new is served. */
  get isGone(): boolean {
    return this.#phase.kind === "leaving" || this.#phase.kind === "gone";
  }

  begin(move: Move): void {
    const { wiring, peer } = this.#owner;
    if (this.#phase.kind === "linking") this.#drop();
    if (this.isGone) {
      wiring.event({ name: "move-ready", clients: [] });
      return;
    }
    if (move.peer) peer.begin();
    this.#round += 1;
    const plan: Plan = { move, round: this.#round, clients: new Map() };
    const answerBy = wiring.now + move.answerWithinMs;
    this.#phase = { kind: "linking", plan, answerBy, earlyAt: wiring.now };
    if (move.peer && !this.#owner.isGuestRunning()) wiring.gate.close();
    for (const client of this.#owner.clients()) this.clientJoined(client);
    this.#settle();
  }

  /** Another guest is expected here: the one that has gone is nobody's business any more. */
  forget(): void {
    if (this.#phase.kind !== "gone") return;
    this.#phase = { kind: "idle" };
    this.#owner.wiring.gate.open();
  }

  cancel(): void {
    if (this.#phase.kind === "linking") this.#drop();
    this.#owner.wiring.event({ name: "move-cancelled" });
  }

  switch(): void {
    const phase = this.#phase;
    const { wiring } = this.#owner;
    if (phase.kind !== "linking") {
      wiring.event({ name: "move-left", clients: [] });
      return;
    }
    this.#answer();
    const { plan } = phase;
    const clients = [...plan.clients.values()];
    const { switchWithinMs } = plan.move;
    this.#phase = {
      kind: "leaving",
      plan,
      remaining: new Set(clients.filter(({ served }) => served.isHere).map(keyOf)),
      until: wiring.now + switchWithinMs,
      lastUntil: wiring.now + switchWithinMs * patience,
    };
    if (plan.move.peer) this.#tellSwitch(clients);
    for (const client of clients) this.#send(client, plan);
    this.#checkLeft();
  }

  // From clients.

  /** A client is here now, or came over itself. */
  clientJoined(served: ServedClient): void {
    const phase = this.#phase;
    if (phase.kind === "leaving" || phase.kind === "gone") {
      // It was on its way here while the guest left.
      served.main.switchHost(phase.kind === "gone" ? phase.target : phase.plan.move.target);
      served.silence();
      return;
    }
    if (phase.kind !== "linking") return;
    const { plan } = phase;
    let client = plan.clients.get(served.key);
    if (client === undefined) {
      client = new SourceClient(served, this.#owner.wiring, plan.move);
      plan.clients.set(served.key, client);
    }
    client.begin(plan.move.peer ? () => this.#announce(served, plan) : null);
  }

  clientEnded({ key, sessionId }: ServedClient): void {
    const phase = this.#phase;
    if (phase.kind === "leaving") {
      phase.remaining.delete(key);
      this.#checkLeft();
    } else if (phase.kind === "linking" && phase.plan.clients.delete(key)) {
      if (phase.plan.move.peer) this.#tell({ name: "WITHDRAW", body: { session: sessionId } });
      this.#settle();
    }
  }

  clientAnswered({ key }: ServedClient, answer: MoveAnswer): void {
    if (this.#phase.kind !== "linking") return;
    const client = this.#phase.plan.clients.get(key);
    client?.answered(answer);
    if (client !== undefined) this.#tellEarly(client);
    this.#settle();
  }

  /** A client took something of what was under way to it. */
  clientProgressed(): void {
    const phase = this.#phase;
    if (phase.kind !== "leaving") return;
    const until = this.#owner.wiring.now + phase.plan.move.switchWithinMs;
    this.#phase = { ...phase, until: Math.min(until, phase.lastUntil) };
  }

  // From guest and target.

  runningChanged(running: boolean): void {
    const { gate } = this.#owner.wiring;
    if (running) {
      // An operator may have decided that it is ours after all.
      if (this.#phase.kind === "gone") this.#phase = { kind: "idle" };
      if (this.#phase.kind !== "leaving") gate.open();
    } else if (this.#phase.kind === "linking" && this.#phase.plan.move.peer) gate.close();
  }

  announced({ round, session, accepted, reason }: MessageBody<"ANNOUNCED">): void {
    const phase = this.#phase;
    if (phase.kind !== "linking" || phase.plan.round !== round) return;
    for (const client of phase.plan.clients.values()) {
      if (client.served.sessionId !== session) continue;
      client.announced(accepted !== 0, reason);
      // While the client links, so that little is left to be told when the guest stands still.
      this.#tellEarly(client);
    }
    this.#settle();
  }

  deadline(): number | null {
    const phase = this.#phase;
    if (phase.kind === "leaving") return phase.until;
    if (phase.kind !== "linking") return null;
    const { plan, answerBy } = phase;
    const isEarlyDue =
      plan.move.peer && [...plan.clients.values()].some(({ isSeamless }) => isSeamless);
    if (!isEarlyDue) return answerBy;
    return answerBy === null ? phase.earlyAt : Math.min(phase.earlyAt, answerBy);
  }

  timeout(): void {
    const phase = this.#phase;
    const { now } = this.#owner.wiring;
    if (phase.kind === "leaving" && phase.until <= now) this.#endLeaving();
    if (phase.kind !== "linking") return;
    if (phase.answerBy !== null && phase.answerBy <= now) {
      for (const client of phase.plan.clients.values()) client.giveUp();
      this.#answer();
    }
    if (phase.earlyAt <= now && this.#phase.kind === "linking") {
      this.#phase = { ...this.#phase, earlyAt: now + earlyPeriodMs };
      for (const client of phase.plan.clients.values()) this.#tellEarly(client);
    }
  }

  snapshot(now: number): unknown {
    const phase = this.#phase;
    if (!("plan" in phase)) return { phase: phase.kind };
    const { round, clients } = phase.plan;
    const times =
      phase.kind === "linking"
        ? [phase.answerBy === null ? null : phase.answerBy - now, phase.earlyAt - now]
        : [phase.until - now, phase.lastUntil - now];
    const each = [...clients.values()].map((client) => client.snapshot());
    return { phase: phase.kind, round, times, clients: each };
  }

  /** The move is off: clients stay, and what waited for the guest reaches it here. */
  #drop(): void {
    const phase = this.#phase;
    if (phase.kind !== "linking") return;
    this.#answer();
    for (const client of phase.plan.clients.values()) client.cancel();
    this.#phase = { kind: "idle" };
    this.#owner.wiring.gate.open();
  }

  /** Answers when nobody has to be waited for. */
  #settle(): void {
    if (this.#phase.kind !== "linking") return;
    const { clients } = this.#phase.plan;
    if ([...clients.values()].every(({ isPending }) => !isPending)) this.#answer();
  }

  #answer(): void {
    const phase = this.#phase;
    if (phase.kind !== "linking" || phase.answerBy === null) return;
    this.#phase = { ...phase, answerBy: null };
    const clients = [...phase.plan.clients.values()].map(({ served, mode }) => {
      return { client: served.key, mode };
    });
    this.#owner.wiring.event({ name: "move-ready", clients });
  }

  // To the target.

  #tell(message: PeerMessage): number {
    return this.#owner.peer.send(message);
  }

  #announce(served: ServedClient, { round }: Plan): void {
    const body = {
      version: peerVersion,
      round,
      session: served.sessionId,
      ...secretOf(served.knownBy),
      viewOnly: served.viewOnly ? 1 : 0,
      miniHeader: served.miniHeader ? 1 : 0,
      mediaTime: this.#owner.mediaTime.at(this.#owner.wiring.now),
    };
    this.#tell({ name: "ANNOUNCE", body });
  }

  #tellEarly(client: SourceClient): void {
    if (this.#phase.kind !== "linking" || !this.#phase.plan.move.peer) return;
    if (!client.isSeamless) return;
    const { sessionId: session } = client.served;
    for (const { channel, state } of client.served.earlyStates(!client.hasToldEarly)) {
      const body = { session, channel: wireChannel(channel), state };
      client.bytes += this.#tell({ name: "EARLY_STATE", body });
    }
    client.hasToldEarly = true;
  }

  #tellSwitch(clients: readonly SourceClient[]): void {
    const sessions = clients.map(({ served, mode }) => ({
      session: served.sessionId,
      mode: modes[mode],
      channels: served.channels.map((channel) => {
        return { channel: wireChannel(channel), policy: policies[this.#policyOf(channel.name)] };
      }),
    }));
    const mouseMode = this.#owner.mouseMode.currentBit;
    this.#tell({ name: "SWITCH", body: { mouseMode, sessions } });
    this.#owner.wiring.gate.redirect((input) => this.#tell(inputMessage(input)));
  }

  #policyOf(channel: ChannelTypeName): ChannelPolicy {
    if (this.#phase.kind !== "leaving") return "keep";
    const policy = this.#phase.plan.move.policies[channel] ?? "keep";
    return channel === "main" && policy === "drop" ? "rebuild" : policy;
  }

  // To the clients.

  #send(client: SourceClient, { move }: Plan): void {
    const { served, mode } = client;
    const { main } = served;
    if (mode === "seamless") {
      this.#leave(client, move);
      return;
    }
    if (mode === "semi-seamless") main.endMove();
    else {
      // Some clients forget links that they make only when they are told to.
      if (client.isLinking) main.cancelMove();
      main.switchHost(move.target);
    }
    served.silence();
  }

  #leave(client: SourceClient, move: Move): void {
    const { served } = client;
    const { sessionId: session } = served;
    const said = new Set<string>();
    served.leave({
      hasPeer: move.peer,
      flagsOf: ({ name }) => (this.#policyOf(name) === "drop" ? 0 : migrateFlagsOf(name)),
      left: (channel, state, dataSize) => {
        said.add(channelLabel(channel));
        client.bytes += dataSize;
        this.clientProgressed();
        if (!move.peer) return;
        const body = { session, channel: wireChannel(channel), state: state ?? new Uint8Array(0) };
        client.bytes += this.#tell({ name: "CHANNEL_STATE", body });
      },
      lost: (channel) => {
        this.clientProgressed();
        if (!move.peer || said.has(channelLabel(channel))) return;
        this.#tell({ name: "CHANNEL_LOST", body: { session, channel: wireChannel(channel) } });
      },
    });
  }

  #checkLeft(): void {
    if (this.#phase.kind === "leaving" && this.#phase.remaining.size === 0) this.#endLeaving();
  }

  /** Those who are still there had their time. */
  #endLeaving(): void {
    const phase = this.#phase;
    if (phase.kind !== "leaving") return;
    const { clients, move } = phase.plan;
    this.#phase = { kind: "gone", target: move.target };
    for (const key of phase.remaining) {
      const detail = "the guest has gone to another server, and the client did not follow";
      clients.get(key)?.served.close(new ClientLeftBehind(detail));
    }
    const left = [...clients.values()].map(({ served, mode, bytes }) => {
      return { client: served.key, mode, bytes };
    });
    this.#owner.wiring.event({ name: "move-left", clients: left });
  }
}

function keyOf({ served }: SourceClient): ClientKey {
  return served.key;
}

/** A client had its time to follow the guest. */
export class ClientLeftBehind extends CarawayError {
  readonly code = "CLIENT_LEFT_BEHIND";
}

type MessageBody<N extends PeerMessage["name"]> = Extract<
  PeerMessage,
  { readonly name: N }
>["body"];

const modes: Readonly<Record<MoveMode, (typeof PeerMode)[keyof typeof PeerMode]>> = {
  seamless: PeerMode.SEAMLESS,
  "semi-seamless": PeerMode.SEMI_SEAMLESS,
  "switch-host": PeerMode.SWITCH_HOST,
};

const policies: Readonly<Record<ChannelPolicy, (typeof PeerPolicy)[keyof typeof PeerPolicy]>> = {
  keep: PeerPolicy.KEEP,
  rebuild: PeerPolicy.REBUILD,
  drop: PeerPolicy.DROP,
};

function secretOf(known: KnownBy) {
  switch (known.kind) {
    case "nothing":
      return { proof: PeerProof.NONE, secret: new Uint8Array(0) };
    case "password":
      return { proof: PeerProof.PASSWORD, secret: known.password };
    case "user":
      return { proof: PeerProof.USER, secret: encodeUtf8(known.user) };
  }
}
