// The source's side of one move: who is asked what, in which order, and when the guest is no longer
// ours. docs/moving-a-guest.md has the phases and the commit point.
//
// INVARIANT: behind COMMIT the guest runs here again only when the target has said that COMMIT did
// not come, or when an operator says so; it is destroyed only when the target has said DONE, or when
// an operator gives it to the target.

import type { Instant, Machine } from "@caraway/channel";
import { joinBytes } from "@caraway/wire";
import { MoveError } from "./errors.ts";
import {
  defaultMoveTiming,
  type MoveOwner,
  type MoveTiming,
  type SourceMoveEvent,
  type SourceMoveInput,
  type SourceMoveOutput,
  type SourcePhase,
} from "./move-border.ts";
import { shorten } from "./peer-link.ts";
import {
  MoveStage,
  MoveVerdict,
  moveVersion,
  type SourceMessage,
  sourceCodec,
  type TargetMessage,
} from "./peer-messages.ts";
import { type LinkLoss, type LinkNews, ReturningLink } from "./returning-link.ts";
import { violation } from "./server-stream.ts";
import { beforeCommit, lateFaults, type SourceState as State } from "./source-phases.ts";
import { StateSender } from "./state-sender.ts";

export interface SourceMoveOptions {
  /** 16 bytes that nobody can guess; they name the move on both sides. */
  readonly id: Uint8Array;
  /** For the target's host, uninterpreted here: at most 64 KiB. */
  readonly description: Uint8Array;
  /** The guest goes over while it runs, by a way of its own: see `stop-guest`. */
  readonly live?: boolean;
  readonly timing?: Partial<MoveTiming>;
}

/** Bytes of OUTCOME parts, together. */
const outcomeSizeMax = 4 << 20;

export class SourceMove implements Machine<SourceMoveInput, SourceMoveOutput> {
  readonly #options: SourceMoveOptions;
  readonly #timing: MoveTiming;
  readonly #outputs: SourceMoveOutput[] = [];
  readonly #link: ReturningLink;
  #state: State = { phase: "idle" };
  #wereClientsAsked = false;
  #isGuestStopped = false;
  #isSwitched = false;
  #haveClientsLeft = false;
  #isDone = false;
  #outcome: Uint8Array[] = [];
  #outcomeSize = 0;

  constructor(options: SourceMoveOptions) {
    this.#options = options;
    this.#timing = { ...defaultMoveTiming, ...options.timing };
    this.#link = new ReturningLink({ emit: (output) => this.#outputs.push(output) }, this.#timing);
  }

  get phase(): SourcePhase | "idle" {
    return this.#state.phase;
  }

  handle(input: SourceMoveInput, now: Instant): void {
    const state = this.#state;
    switch (input.type) {
      case "start":
        if (state.phase !== "idle") break;
        this.#enter({ phase: "connecting", until: now + this.#timing.answerWithinMs });
        this.#link.connect(now);
        break;
      case "timeout":
        this.#timeout(now);
        break;
      case "connected":
      case "received":
      case "closed":
        this.#news(this.#link.take(input, now), now);
        break;
      case "peer":
        this.#peer(input.bytes, now);
        break;
      case "clients-ready":
        if (state.phase === "linking") this.#stop(now);
        break;
      case "guest-saved":
        if (state.phase === "stopping" || state.phase === "moving") this.#send(input.state, now);
        break;
      case "guest-progress":
        if (state.phase === "moving") this.#moves(input, now);
        break;
      case "guest-failed":
        if (beforeCommit.has(state.phase)) {
          this.#fail(new MoveError("MOVE_GUEST", input.reason), now);
        }
        break;
      case "clients-left":
        this.#haveClientsLeft = true;
        this.#goOn(now);
        break;
      case "clients-cancelled":
        if (state.phase === "cancelling") this.#end("source", state.error);
        break;
      case "cancel":
        this.#cancel(input.reason, now);
        break;
      case "resolve":
        this.#resolve(input.owner, now);
        break;
    }
  }

  poll(): SourceMoveOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    const times = [this.#link.deadline(), this.#returnEnd];
    if ("until" in this.#state) times.push(this.#state.until);
    const least = Math.min(...times.filter((time) => time !== null));
    return least === Number.POSITIVE_INFINITY ? null : least;
  }

  snapshot(now: Instant): unknown {
    const state = this.#state;
    return {
      phase: state.phase,
      ...("until" in state && { until: state.until - now }),
      ...(state.phase === "sending" && { seen: state.sender.seen }),
      ...(state.phase === "in-doubt" && { committed: state.committed, word: state.word }),
      link: this.#link.snapshot(now),
      outcome: this.#outcomeSize,
      wereClientsAsked: this.#wereClientsAsked,
      isGuestStopped: this.#isGuestStopped,
      isSwitched: this.#isSwitched,
      haveClientsLeft: this.#haveClientsLeft,
      isDone: this.#isDone,
    };
  }

  #say(message: SourceMessage, now: Instant): void {
    this.#link.peer.send(sourceCodec.encode(message), now);
  }

  #tell(event: SourceMoveEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #enter(state: Exclude<State, { phase: "idle" | "ended" }> | { phase: "ended" }): void {
    this.#state = state;
    this.#tell({ name: "phase", phase: state.phase });
  }

  // The link.

  #news(news: LinkNews | null, now: Instant): void {
    switch (news?.kind) {
      case "connected":
        this.#greet(now);
        break;
      case "heard":
        this.#read(now);
        break;
      case "failed":
      case "lost":
        this.#away(news, now);
        break;
      case undefined:
        break;
    }
  }

  #greet(now: Instant): void {
    const { id: move, description } = this.#options;
    if (this.#state.phase === "connecting") {
      this.#enter({ phase: "preparing", until: now + this.#timing.answerWithinMs });
      this.#say({ name: "PREPARE", body: { version: moveVersion, move, description } }, now);
      return;
    }
    const { seen } = this.#link.peer;
    const body = { version: moveVersion, move, stage: this.#stage, seen };
    this.#say({ name: "RESOLVE", body }, now);
  }

  get #stage(): MoveStage {
    const state = this.#state;
    if (beforeCommit.has(state.phase)) return MoveStage.LINKING;
    const isOpen = state.phase === "in-doubt" && !state.committed;
    return isOpen ? MoveStage.IN_DOUBT : MoveStage.COMMITTED;
  }

  #read(now: Instant): void {
    const { peer } = this.#link;
    try {
      for (let message = peer.next(now); message !== null; message = peer.next(now)) {
        this.#take(message, now);
      }
    } catch (error) {
      if (!(error instanceof MoveError)) throw error;
      if (beforeCommit.has(this.#state.phase)) this.#fail(error, now);
      else this.#away(this.#link.refuse(error.message), now);
    }
  }

  /** There is no link now: the move ends, or the link is to come back. */
  #away({ kind, detail }: LinkLoss, now: Instant): void {
    const state = this.#state;
    if (this.#isDone || state.phase === "cancelling" || state.phase === "ended") return;
    if (beforeCommit.has(state.phase) && state.phase !== "linking") {
      const what = state.phase === "connecting" ? "cannot be reached" : "was lost";
      this.#fail(new MoveError("MOVE_LINK", `the other host ${what}: ${detail}`), now);
      return;
    }
    this.#link.retry(now);
    if (kind === "lost") this.#tell({ name: "link-lost", detail });
    if (state.phase === "committing") this.#doubt(false, detail);
    if (state.phase === "in-doubt" && state.word !== null) this.#decide(state.word, now);
  }

  /** When a link that stays away has consequences. */
  get #returnEnd(): Instant | null {
    const { lostAt } = this.#link;
    if (lostAt === null || this.#state.phase === "in-doubt") return null;
    const { resumeWithinMs, doubtAfterMs } = this.#timing;
    return lostAt + (this.#state.phase === "linking" ? resumeWithinMs : doubtAfterMs);
  }

  #doubt(committed: boolean, detail: string): void {
    this.#enter({ phase: "in-doubt", committed, word: null });
    this.#tell({ name: "in-doubt", committed, detail });
  }

  // What the target says.

  #take(message: TargetMessage, now: Instant): void {
    const state = this.#state;
    switch (message.name) {
      case "PREPARED":
        if (state.phase !== "preparing") throw unexpected(message, state.phase);
        this.#begin(message.body.address.slice(), now);
        break;
      case "STATE_SEEN":
        if (state.phase !== "sending") throw unexpected(message, state.phase);
        state.sender.acknowledge(message.body.size);
        this.#sendParts(state.sender, now);
        break;
      case "LOADED":
        if (state.phase !== "sending" || !state.sender.isSeen) {
          throw unexpected(message, state.phase);
        }
        // The commit point: from here on nobody but the target can tell whose the guest is.
        this.#enter({ phase: "committing", until: now + this.#timing.answerWithinMs });
        this.#say({ name: "COMMIT", body: {} }, now);
        break;
      case "COMMITTED":
        if (state.phase !== "committing") throw unexpected(message, state.phase);
        this.#committed(now);
        break;
      case "FAILED":
        // Said only while the target has no copy and takes no COMMIT any more.
        if (!beforeCommit.has(state.phase) && state.phase !== "committing") {
          throw unexpected(message, state.phase);
        }
        this.#fail(
          new MoveError("MOVE_REFUSED", `the other host says: ${message.body.reason}`),
          now,
        );
        break;
      case "RESOLVED":
        if (!this.#link.isAsking) throw unexpected(message, state.phase);
        this.#resolved(message.body, now);
        break;
      case "OUTCOME":
        this.#mustBeCommitted(message);
        this.#outcomeSize += message.body.part.length;
        if (this.#outcomeSize > outcomeSizeMax) throw violation("an outcome without an end");
        this.#outcome.push(message.body.part);
        break;
      case "DONE":
        this.#mustBeCommitted(message);
        this.#isDone = true;
        this.#tell({ name: "outcome", report: joinBytes(this.#outcome) });
        this.#goOn(now);
        break;
    }
  }

  #mustBeCommitted(message: TargetMessage): void {
    const { phase } = this.#state;
    const isCommitted = phase === "switching" || phase === "settling";
    if (!isCommitted || this.#isDone) throw unexpected(message, phase);
  }

  #resolved({ verdict, seen }: { verdict: MoveVerdict; seen: number }, now: Instant): void {
    const stage = this.#stage;
    if (stage === MoveStage.LINKING && verdict !== MoveVerdict.PREPARED) {
      this.#fail(new MoveError("MOVE_LINK", "the other host has given up the move"), now);
    } else if (stage === MoveStage.IN_DOUBT && verdict === MoveVerdict.NOT_COMMITTED) {
      const detail = "the commit did not reach the other host: the guest goes on here";
      this.#fail(new MoveError("MOVE_NOT_COMMITTED", detail), now);
    } else if (stage !== MoveStage.LINKING && verdict !== MoveVerdict.COMMITTED) {
      // It was started anew, or has forgotten: only a person can know what became of the guest.
      const detail = "the other host knows nothing of this move";
      if (this.#state.phase !== "in-doubt") this.#doubt(true, detail);
      this.#away(this.#link.refuse(detail), now);
    } else {
      // What was said of the outcome over the old link is said again.
      this.#outcome = [];
      this.#outcomeSize = 0;
      this.#link.greeted(seen, now);
      this.#tell({ name: "link-back" });
      if (this.#state.phase === "in-doubt") this.#committed(now);
    }
  }

  // The phases.

  #begin(address: Uint8Array, now: Instant): void {
    this.#link.greeted(0, now);
    this.#enter({ phase: "linking", until: now + this.#timing.clientsWithinMs });
    this.#wereClientsAsked = true;
    this.#outputs.push({ type: "begin-clients", address });
  }

  #stop(now: Instant): void {
    // Without a link the guest would stand still for nothing.
    if (!this.#link.isUp) {
      this.#fail(new MoveError("MOVE_LINK", "the other host was lost"), now);
      return;
    }
    this.#isGuestStopped = true;
    const { stopWithinMs, stateWithinMs } = this.#timing;
    if (this.#options.live === true) this.#enter({ phase: "moving", until: now + stateWithinMs });
    else this.#enter({ phase: "stopping", until: now + stopWithinMs });
    this.#outputs.push({ type: "stop-guest" });
  }

  /** As long as it gets on, it has time. */
  #moves({ sent, total }: { readonly sent: number; readonly total: number }, now: Instant): void {
    this.#state = { phase: "moving", until: now + this.#timing.stateWithinMs };
    this.#tell({ name: "progress", sent, total });
  }

  #send(state: Uint8Array, now: Instant): void {
    const sender = new StateSender(state);
    this.#enter({ phase: "sending", until: now + this.#timing.stateWithinMs, sender });
    this.#sendParts(sender, now);
  }

  #sendParts(sender: StateSender, now: Instant): void {
    this.#tell({ name: "progress", sent: sender.seen, total: sender.total });
    for (let part = sender.next(); part !== null; part = sender.next()) {
      this.#say({ name: "STATE", body: part }, now);
    }
  }

  /** The guest is the target's. */
  #committed(now: Instant): void {
    if (this.#haveClientsLeft) {
      this.#enter({ phase: "settling", until: now + this.#timing.settleWithinMs });
      return;
    }
    this.#enter({ phase: "switching", until: now + this.#timing.leaveWithinMs });
    if (this.#isSwitched) return;
    this.#isSwitched = true;
    this.#outputs.push({ type: "switch-clients" });
  }

  /** Clients have left, or the target is done: the move is over behind both. */
  #goOn(now: Instant): void {
    const { phase } = this.#state;
    if (!this.#haveClientsLeft) return;
    if (this.#isDone && (phase === "switching" || phase === "settling")) {
      this.#outputs.push({ type: "destroy-guest" });
      this.#say({ name: "END", body: {} }, now);
      this.#end("target", null);
    } else if (phase === "switching") {
      this.#enter({ phase: "settling", until: now + this.#timing.settleWithinMs });
    }
  }

  #peer(bytes: Uint8Array, now: Instant): void {
    const { phase } = this.#state;
    if (phase === "idle" || phase === "cancelling" || phase === "ended") return;
    if (this.#link.peer.pushServer(bytes, now)) return;
    // Behind the commit the target makes anew what it does not hear of.
    if (!beforeCommit.has(phase)) return;
    const detail = "what the servers have to say to each other does not come through";
    this.#fail(new MoveError("MOVE_LINK", detail), now);
  }

  #cancel(reason: string, now: Instant): void {
    const { phase } = this.#state;
    if (phase === "idle" || beforeCommit.has(phase)) {
      this.#fail(new MoveError("MOVE_CANCELLED", reason), now);
    } else if (phase !== "cancelling" && phase !== "ended") {
      this.#tell({ name: "cancel-refused", phase });
    }
  }

  #resolve(owner: MoveOwner, now: Instant): void {
    const state = this.#state;
    if (state.phase !== "in-doubt") {
      if (state.phase !== "idle") this.#tell({ name: "resolve-refused", phase: state.phase });
    } else if (this.#link.isAsking) {
      // The target may be about to say it itself, and then its word holds.
      this.#state = { ...state, word: owner };
    } else {
      this.#decide(owner, now);
    }
  }

  #decide(owner: MoveOwner, now: Instant): void {
    if (owner === "source") {
      this.#fail(new MoveError("MOVE_RESOLVED", "an operator runs the guest here"), now);
      return;
    }
    // As if the target were done: clients that have not gone yet are sent there.
    this.#link.end();
    this.#isDone = true;
    this.#committed(now);
    this.#goOn(now);
  }

  /** The guest is ours and goes on; its clients are told. */
  #fail(error: MoveError, now: Instant): void {
    this.#say({ name: "ABORT", body: { reason: shorten(error.message) } }, now);
    this.#link.end();
    if (this.#wereClientsAsked) this.#outputs.push({ type: "cancel-clients" });
    if (this.#isGuestStopped) this.#outputs.push({ type: "run-guest" });
    this.#isGuestStopped = false;
    if (!this.#wereClientsAsked) {
      this.#end("source", error);
      return;
    }
    this.#enter({ phase: "cancelling", until: now + this.#timing.leaveWithinMs, error });
  }

  #end(owner: MoveOwner, error: MoveError | null): void {
    this.#link.end();
    this.#enter({ phase: "ended" });
    this.#tell({ name: "ended", owner, error });
  }

  #timeout(now: Instant): void {
    this.#news(this.#link.timeout(now), now);
    const end = this.#returnEnd;
    if (end !== null && now >= end) this.#staysAway(now);
    const state = this.#state;
    if ("until" in state && now >= state.until) this.#late(state, now);
  }

  #staysAway(now: Instant): void {
    if (this.#state.phase === "linking") {
      this.#fail(new MoveError("MOVE_LINK", "the other host was lost, and stays away"), now);
    } else {
      this.#doubt(true, "the other host was lost, and stays away");
    }
  }

  #late(state: State & { readonly until: Instant }, now: Instant): void {
    const fault = lateFaults[state.phase];
    if (fault !== undefined) {
      this.#fail(new MoveError(...fault), now);
      return;
    }
    switch (state.phase) {
      case "committing":
        this.#away({ kind: "lost", detail: "the commit is not answered" }, now);
        break;
      case "switching":
        // The server has had its time: its clients are elsewhere, or lost.
        this.#haveClientsLeft = true;
        this.#goOn(now);
        break;
      case "settling":
        this.#doubt(true, "the other host does not say that the guest lives there");
        this.#link.retry(now);
        break;
      case "cancelling":
        this.#end("source", state.error);
        break;
    }
  }
}

function unexpected({ name }: { readonly name: string }, phase: string): MoveError {
  return violation(`${name} in phase ${phase}`);
}
