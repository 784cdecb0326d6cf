// This server as the target of a move: the sessions that were announced, or that come unannounced
// where that is allowed, and the guest that stands still until they are back.
// docs/moving-a-guest.md tells the order of things.

import { PeerMode, PeerPolicy, PeerProof, peerVersion } from "@caraway/protocol";
import { decodeUtf8 } from "@caraway/wire";
import type { Admittance, KnownBy, KnownClient } from "./access.ts";
import { type ChannelId, channelLabel } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { MediaTime } from "./media-time.ts";
import type { MouseMode } from "./mouse-mode.ts";
import { type HoldEnd, MoveHold } from "./move-hold.ts";
import {
  type ChannelPolicy,
  type ClientMoved,
  defaultTargetMove,
  type TargetMove as Move,
  type MoveMode,
} from "./moves.ts";
import { channelOfWire, inputOf, type PeerLink, type PeerMessage } from "./peer-link.ts";
import { ReturningClients } from "./returning-clients.ts";
import type { NewLink, ServedClient } from "./served-client.ts";
import { TargetClient, type TargetClientOwner } from "./target-client.ts";
import type { Wiring } from "./wiring.ts";

export interface TargetOwner {
  readonly wiring: Wiring;
  readonly peer: PeerLink;
  readonly mouseMode: MouseMode;
  readonly mediaTime: MediaTime;
  newClientKey(): ClientKey;
  /** Whether a session with this id is here already. */
  hasSession(session: number): boolean;
  admit: TargetClientOwner["admit"];
  /** This is the state of inputs whose client does not come. */
  letGo(state: Uint8Array): void;
  /** Clients come with what the guest shows now, and it may change before they are there. */
  noteChanges(): void;
  forgetChanges(): void;
  /** Something was decided. */
  progressed(): void;
  /** Clients are back, or were given up: what they did not take is free. */
  settled(): void;
}

interface Arrival {
  readonly move: Move;
  readonly clients: Map<number, TargetClient>;
  /** null before the guest is there. */
  hold: MoveHold | null;
}

/** Sessions of one move. */
const sessionsMax = 256;

export class TargetMove {
  readonly #owner: TargetOwner;
  #arrival: Arrival | null = null;
  /** What is still to be told of a move, or the next: which clients came anew. */
  #returning: ReturningClients | null = null;
  /** What became of the others. */
  #reports: readonly ClientMoved[] = [];
  /** Whether the source of the last move still speaks: what it held may come behind its clients. */
  #hears = false;

  constructor(owner: TargetOwner) {
    this.#owner = owner;
  }

  /** Whether clients may still come over. */
  get isPending(): boolean {
    return this.#arrival !== null;
  }

  /** Whether the agent may belong to a client that is on its way. */
  get reservesAgent(): boolean {
    return this.#some(({ mayOwnAgent }) => mayOwnAgent);
  }

  /** Clients of an earlier move that are still on their way had their time. */
  expect(move: Move): void {
    this.abandon();
    for (const client of [...(this.#arrival?.clients.values() ?? [])]) client.giveUp();
    this.#look();
    this.#returning?.giveUp();
    this.#tellSettled();
    if (move.peer) this.#owner.peer.begin();
    this.#owner.wiring.gate.close();
    this.#arrival = { move, clients: new Map(), hold: null };
    this.#hears = move.peer;
  }

  hold(): void {
    const { wiring } = this.#owner;
    if (this.#arrival === null) this.expect(defaultTargetMove);
    const arrival = this.#arrival;
    if (arrival === null || arrival.hold !== null) return;
    const { peer, deadlineMs } = arrival.move;
    arrival.hold = new MoveHold(arrival.move, wiring.now);
    this.#returning = new ReturningClients(this.#owner, peer, deadlineMs);
    this.#owner.noteChanges();
    wiring.event({ name: "hold-began" });
    for (const client of [...arrival.clients.values()]) client.goOn();
    this.#look(arrival.clients.size === 0 ? "nobody" : "restored");
  }

  /** The move is off; a guest that is here already is not given up by this. */
  abandon(): void {
    const arrival = this.#arrival;
    if (arrival === null) return;
    if (arrival.hold !== null) return;
    for (const client of arrival.clients.values()) client.drop();
    this.#arrival = null;
    this.#hears = false;
    this.#owner.wiring.gate.open();
  }

  // Who may link.

  /** The session that a link to main may bring, or null. */
  knows(session: number): { readonly known: KnownClient | null } | null {
    const arrival = this.#arrival;
    if (arrival === null || this.#owner.hasSession(session) !== this.#isComing(session))
      return null;
    const client = arrival.clients.get(session);
    if (client !== undefined) return client.takesMain ? { known: client.known } : null;
    const isTaken = arrival.move.strangers === "accept" && arrival.clients.size < sessionsMax;
    return isTaken ? { known: null } : null;
  }

  /** Whether a link of this channel waits for what the client brings. */
  takes(session: number, channel: ChannelId): boolean {
    return this.#arrival?.clients.get(session)?.takes(channel) === true;
  }

  /** Whether the session is on its way: its channels may link before the guest has them. */
  isComing(session: number): boolean {
    return this.#isComing(session);
  }

  /** Whether a device belongs to another session, which is on its way with it. */
  isBroughtByOther(session: number, channel: ChannelId): boolean {
    const label = channelLabel(channel);
    return this.#some((client) => client.session !== session && client.brings(label));
  }

  mainLinked(session: number, link: NewLink, who: Admittance & { readonly kind: "in" }): void {
    const arrival = this.#arrival;
    if (arrival === null) {
      this.#owner.wiring.disconnect(link.connection);
      return;
    }
    const client = arrival.clients.get(session) ?? this.#add(arrival, session, null);
    client.mainLinked(link, who);
    this.#look();
  }

  channelLinked(session: number, channel: ChannelId, link: NewLink): void {
    this.#arrival?.clients.get(session)?.linked(channel, link);
    this.#look();
  }

  /** Somebody came whom nobody announced. */
  clientJoined(served: ServedClient): void {
    this.#returning?.joined(served);
    this.#tellSettled();
  }

  /** A client that is here may have a channel more. */
  channelJoined(served: ServedClient): void {
    this.#returning?.linked(served);
    this.#tellSettled();
  }

  clientEnded(served: ServedClient): void {
    this.#returning?.ended(served);
    this.#tellSettled();
    const client = this.#arrival?.clients.get(served.sessionId);
    if (client?.served !== served) return;
    client.ended();
    this.#look();
  }

  // From the source.

  received(message: PeerMessage): void {
    if (!this.#hears) return;
    if (message.name === "HELD_INPUT" || message.name === "HELD_MONITORS") {
      this.#owner.wiring.gate.pass(inputOf(message));
      return;
    }
    if (message.name === "SWITCH") this.#expectAnew(message.body);
    const arrival = this.#arrival;
    if (arrival === null) {
      this.#heardLate(message);
      return;
    }
    switch (message.name) {
      case "ANNOUNCE":
        this.#announced(arrival, message.body);
        break;
      case "WITHDRAW": {
        const { session } = message.body;
        if (arrival.hold !== null) break;
        arrival.clients.get(session)?.drop();
        arrival.clients.delete(session);
        break;
      }
      case "EARLY_STATE": {
        const { session, channel, state } = message.body;
        arrival.clients.get(session)?.earlyState(channelOfWire(channel), state);
        break;
      }
      case "SWITCH":
        this.#left(arrival, message.body);
        break;
      case "CHANNEL_STATE": {
        const { session, channel, state } = message.body;
        arrival.clients.get(session)?.finalState(channelOfWire(channel), state);
        break;
      }
      case "CHANNEL_LOST": {
        const { session, channel } = message.body;
        arrival.clients.get(session)?.lostAtSource(channelOfWire(channel));
        break;
      }
      case "ANNOUNCED":
        break;
    }
    this.#look();
  }

  /** All clients are back or were given up: what comes now is of those. */
  #heardLate(message: PeerMessage): void {
    if (message.name !== "CHANNEL_STATE") return;
    const { channel, state } = message.body;
    if (channelOfWire(channel).name === "inputs") this.#owner.letGo(state);
  }

  /** Who was told to come anew. */
  #expectAnew({ sessions }: MessageBody<"SWITCH">): void {
    const anew = sessions.filter(({ mode }) => mode === PeerMode.SWITCH_HOST);
    this.#returning?.expect(
      anew.map(({ channels }) => channels.map(({ channel }) => channelOfWire(channel))),
    );
    this.#tellSettled();
  }

  deadline(): number | null {
    const hold = this.#arrival?.hold?.deadline() ?? null;
    const anew = this.#returning?.deadline() ?? null;
    return hold === null || anew === null ? (hold ?? anew) : Math.min(hold, anew);
  }

  timeout(): void {
    this.#returning?.timeout();
    this.#tellSettled();
    const arrival = this.#arrival;
    const { now } = this.#owner.wiring;
    if (arrival === null || arrival.hold === null) return;
    const reason = arrival.hold.expired(now);
    if (reason !== null) this.#endHold(arrival, arrival.hold, reason);
    if (arrival.hold.isOver && arrival.hold.isTooLate(now)) {
      for (const client of [...arrival.clients.values()]) client.giveUp();
    }
    this.#look();
  }

  snapshot(now: number): unknown {
    const arrival = this.#arrival;
    const anew = this.#returning?.snapshot(now) ?? null;
    if (arrival === null) return anew === null ? null : { anew };
    return {
      hold: arrival.hold?.snapshot(now) ?? null,
      clients: [...arrival.clients.values()].map((client) => client.snapshot()),
      anew,
    };
  }

  #some(test: (client: TargetClient) => boolean): boolean {
    return [...(this.#arrival?.clients.values() ?? [])].some(test);
  }

  #isComing(session: number): boolean {
    const served = this.#arrival?.clients.get(session)?.served ?? null;
    return served !== null && !served.isHere;
  }

  #add(arrival: Arrival, session: number, known: KnownClient | null): TargetClient {
    const { wiring, admit } = this.#owner;
    const key = this.#owner.newClientKey();
    const client = new TargetClient(key, session, known, {
      wiring,
      move: arrival.move,
      get hold() {
        return arrival.hold;
      },
      admit,
      progressed: () => this.#look(),
      letGo: (state) => this.#owner.letGo(state),
    });
    arrival.clients.set(session, client);
    return client;
  }

  #announced(arrival: Arrival, body: MessageBody<"ANNOUNCE">): void {
    const { round, session } = body;
    const reason = this.#refusal(arrival, body);
    if (reason === null) {
      arrival.clients.get(session)?.drop();
      const known = {
        knownBy: knownBy(body),
        viewOnly: body.viewOnly !== 0,
        miniHeader: body.miniHeader !== 0,
      };
      this.#add(arrival, session, known);
      // Before anybody has heard of this server's time: clocks of clients do not jump then.
      if (arrival.hold === null) {
        this.#owner.mediaTime.goOn(body.mediaTime, this.#owner.wiring.now);
      }
    }
    const accepted = reason === null ? 1 : 0;
    const answer = { round, session, accepted, reason: reason ?? "" };
    this.#owner.peer.send({ name: "ANNOUNCED", body: answer });
  }

  #refusal(arrival: Arrival, { version, session }: MessageBody<"ANNOUNCE">): string | null {
    if (version !== peerVersion) return `version ${version} of the peer link is not known`;
    if (arrival.hold !== null) return "the guest has moved already";
    if (session === 0) return "a session has no id";
    const isHere = this.#owner.hasSession(session) && !this.#isComing(session);
    if (isHere) return "a session with this id is here already";
    const isFull = arrival.clients.size >= sessionsMax && !arrival.clients.has(session);
    return isFull ? "too many sessions" : null;
  }

  #left(arrival: Arrival, { mouseMode, sessions }: MessageBody<"SWITCH">): void {
    this.#owner.mouseMode.request(mouseMode);
    const coming = new Set<TargetClient>();
    for (const { session, mode, channels } of sessions) {
      const client = arrival.clients.get(session);
      if (client === undefined) continue;
      coming.add(client);
      const listed = channels.map(({ channel, policy }) => {
        const found = channelOfWire(channel);
        return [channelLabel(found), { channel: found, policy: policies[policy] }] as const;
      });
      client.left({ mode: modes[mode], channels: new Map(listed) });
    }
    const nowhere = { mode: "switch-host", channels: new Map() } as const;
    for (const client of arrival.clients.values()) {
      if (client.known !== null && !coming.has(client)) client.left(nowhere);
    }
  }

  /** Looks at what is back; `reason` is why the hold ends when all is. */
  #look(reason: HoldEnd = "restored"): void {
    const arrival = this.#arrival;
    if (arrival === null || arrival.hold === null) return;
    this.#owner.progressed();
    const clients = [...arrival.clients.values()];
    if (!clients.every(({ isBack }) => isBack)) return;
    if (!arrival.hold.isOver) this.#endHold(arrival, arrival.hold, reason);
    if (this.#arrival !== arrival || clients.some(({ isOwedInputs }) => isOwedInputs)) return;
    this.#arrival = null;
    this.#owner.forgetChanges();
    this.#reports = clients.map(({ report }) => report).filter(({ channels }) => channels.length);
    this.#tellSettled();
    this.#owner.progressed();
    this.#owner.settled();
  }

  /** Says what became of all clients, once. */
  #tellSettled(): void {
    const returning = this.#returning;
    if (this.#arrival !== null || returning === null || !returning.isSettled) return;
    this.#returning = null;
    const clients = [...this.#reports, ...returning.reports];
    this.#owner.wiring.event({ name: "move-settled", clients });
  }

  #endHold(arrival: Arrival, hold: MoveHold, reason: HoldEnd): void {
    const { wiring } = this.#owner;
    hold.end();
    wiring.event({ name: "hold-ended", reason, ms: hold.age(wiring.now) });
    wiring.guest({ type: "run" });
    wiring.gate.open();
    // What the source did not send by now is not waited for where the client is there.
    for (const client of [...arrival.clients.values()]) client.goOn();
  }
}

type MessageBody<N extends PeerMessage["name"]> = Extract<
  PeerMessage,
  { readonly name: N }
>["body"];

const modes: Readonly<Record<(typeof PeerMode)[keyof typeof PeerMode], MoveMode>> = {
  [PeerMode.SEAMLESS]: "seamless",
  [PeerMode.SEMI_SEAMLESS]: "semi-seamless",
  [PeerMode.SWITCH_HOST]: "switch-host",
};

const policies: Readonly<Record<(typeof PeerPolicy)[keyof typeof PeerPolicy], ChannelPolicy>> = {
  [PeerPolicy.KEEP]: "keep",
  [PeerPolicy.REBUILD]: "rebuild",
  [PeerPolicy.DROP]: "drop",
};

function knownBy({ proof, secret }: MessageBody<"ANNOUNCE">): KnownBy {
  switch (proof) {
    case PeerProof.NONE:
      return { kind: "nothing" };
    case PeerProof.PASSWORD:
      return { kind: "password", password: secret.slice() };
    case PeerProof.USER:
      return { kind: "user", user: decodeUtf8(secret) };
  }
}
