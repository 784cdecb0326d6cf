// The target's side of one move: prepares, takes the copy, and owns the guest from COMMIT on.
// docs/moving-a-guest.md has the phases and the commit point.
//
// INVARIANT: without COMMIT, or an operator's word, the copy never runs; behind FAILED, or the
// answer that COMMIT did not come, there is no copy, and none can come to be.

import type { ConnectionKey, Instant, Machine } from "@caraway/channel";
import { joinBytes } from "@caraway/wire";
import { MoveError } from "./errors.ts";
import {
  defaultMoveTiming,
  type LinkInput,
  type MoveOwner,
  type MoveTiming,
  type TargetMoveEvent,
  type TargetMoveInput,
  type TargetMoveOutput,
  type TargetPhase,
} from "./move-border.ts";
import { PeerLink, shorten } from "./peer-link.ts";
import {
  chunkSizeMax,
  MoveStage,
  MoveVerdict,
  type SourceMessage,
  sourceCodec,
  type TargetMessage,
  targetCodec,
} from "./peer-messages.ts";
import { violation } from "./server-stream.ts";

export interface TargetMoveOptions {
  /** What PREPARE said; see `PeerDoor`. */
  readonly description: Uint8Array;
  /** The link on which it came; bytes behind PREPARE come as `received`. */
  readonly connection: ConnectionKey;
  /** Largest state that is taken. */
  readonly stateSizeMax: number;
  readonly timing?: Partial<MoveTiming>;
}

type State =
  | { readonly phase: "preparing" | "loading" | "loaded"; readonly until: Instant }
  /** `until`: when the source, which was lost, is given up. */
  | { readonly phase: "prepared"; readonly until: Instant | null }
  | {
      readonly phase: "receiving";
      readonly until: Instant;
      readonly parts: Uint8Array[];
      size: number;
    }
  | { readonly phase: "orphaned"; readonly until: Instant }
  | { readonly phase: "owner" }
  | { readonly phase: "settled"; readonly until: Instant; readonly report: Uint8Array }
  | { readonly phase: "abandoned"; readonly until: Instant }
  | { readonly phase: "ended" };

/** In these the guest is the source's, and we may let go. */
const beforeCommit: ReadonlySet<string> = new Set<TargetPhase>([
  "preparing",
  "prepared",
  "receiving",
  "loading",
  "loaded",
  "orphaned",
]);

export class TargetMove implements Machine<TargetMoveInput, TargetMoveOutput> {
  readonly #options: TargetMoveOptions;
  readonly #timing: MoveTiming;
  readonly #outputs: TargetMoveOutput[] = [];
  readonly #link: PeerLink<SourceMessage>;
  #state: State;

  /** Begins when PREPARE has come. */
  constructor(options: TargetMoveOptions, now: Instant) {
    this.#options = options;
    this.#timing = { ...defaultMoveTiming, ...options.timing };
    this.#link = new PeerLink<SourceMessage>(
      { emit: (output) => this.#outputs.push(output) },
      sourceCodec,
      this.#timing,
    );
    this.#link.open(options.connection, now);
    this.#state = { phase: "preparing", until: now + this.#timing.answerWithinMs };
    this.#tell({ name: "phase", phase: "preparing" });
    this.#outputs.push({ type: "prepare", description: options.description });
  }

  get phase(): TargetPhase {
    return this.#state.phase;
  }

  handle(input: TargetMoveInput, now: Instant): void {
    const state = this.#state;
    switch (input.type) {
      case "timeout":
        this.#timeout(now);
        break;
      case "connected":
      case "received":
      case "closed":
        this.#linkInput(input, now);
        break;
      case "prepared":
        if (state.phase === "preparing") this.#prepared(input.address, now);
        break;
      case "refused":
        if (beforeCommit.has(state.phase)) {
          this.#abandon(new MoveError("MOVE_GUEST", input.reason), now);
        }
        break;
      case "loaded":
        if (state.phase === "loading") this.#loaded(now);
        break;
      case "settled":
        if (state.phase === "owner") this.#settled(input.report, now);
        break;
      case "peer":
        if (state.phase !== "abandoned" && state.phase !== "ended") this.#peer(input.bytes, now);
        break;
      case "cancel":
        if (beforeCommit.has(state.phase)) {
          this.#abandon(new MoveError("MOVE_CANCELLED", input.reason), now);
        } else this.#tell({ name: "cancel-refused", phase: state.phase });
        break;
      case "resolve":
        this.#resolve(input.owner, now);
        break;
    }
  }

  /** The source comes back over a new link, on which RESOLVE was read. */
  resume(
    connection: ConnectionKey,
    { stage, seen }: { readonly stage: MoveStage; readonly seen: number },
    now: Instant,
  ): void {
    const state = this.#state;
    this.#link.open(connection, now);
    if (state.phase === "prepared" && stage === MoveStage.LINKING) {
      this.#state = { phase: "prepared", until: null };
      this.#back(MoveVerdict.PREPARED, seen, now);
    } else if (state.phase === "owner" || state.phase === "settled") {
      this.#back(MoveVerdict.COMMITTED, seen, now);
      if (state.phase === "settled") this.#sayOutcome(state.report, now);
    } else {
      // The answer is given when there is no copy any more, and none can come to be.
      const detail = "the source was lost before the commit";
      if (beforeCommit.has(state.phase)) this.#letGo(new MoveError("MOVE_LINK", detail), now);
      this.#answer(MoveVerdict.NOT_COMMITTED, now);
      this.#link.drop();
    }
  }

  poll(): TargetMoveOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    const link = this.#link.deadline();
    const own = "until" in this.#state ? this.#state.until : null;
    if (link === null || own === null) return link ?? own;
    return Math.min(link, own);
  }

  snapshot(now: Instant): unknown {
    const state = this.#state;
    return {
      phase: state.phase,
      ...("until" in state && { until: state.until === null ? null : state.until - now }),
      ...(state.phase === "receiving" && { size: state.size }),
      link: this.#link.snapshot(now),
    };
  }

  #say(message: TargetMessage, now: Instant): void {
    this.#link.send(targetCodec.encode(message), now);
  }

  #tell(event: TargetMoveEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #enter(state: State): void {
    this.#state = state;
    this.#tell({ name: "phase", phase: state.phase });
  }

  // The link.

  #linkInput(input: LinkInput, now: Instant): void {
    if (input.connection !== this.#link.connection) return;
    if (input.type === "received") {
      this.#link.receive(input.bytes, now);
      this.#read(now);
    } else if (input.type === "closed") {
      this.#link.lost();
      this.#lost(input.detail ?? "it closed the connection", now);
    }
  }

  #read(now: Instant): void {
    try {
      for (let message = this.#link.next(now); message !== null; message = this.#link.next(now)) {
        this.#take(message, now);
      }
    } catch (error) {
      if (!(error instanceof MoveError)) throw error;
      // What breaks the rules may have meant COMMIT: only a question over a new link tells.
      this.#link.drop();
      this.#lost(error.message, now);
    }
  }

  #lost(detail: string, now: Instant): void {
    const { phase } = this.#state;
    switch (phase) {
      case "preparing":
      case "receiving":
      case "loading":
        // COMMIT is not sent before our LOADED.
        this.#abandon(new MoveError("MOVE_LINK", `the source was lost: ${detail}`), now);
        break;
      case "prepared":
        this.#tell({ name: "link-lost", detail });
        this.#state = { phase, until: now + this.#timing.resumeWithinMs };
        break;
      case "loaded":
        this.#tell({ name: "link-lost", detail });
        this.#enter({ phase: "orphaned", until: now + this.#timing.keepMs });
        this.#tell({ name: "in-doubt", detail });
        break;
      case "owner":
      case "settled":
        this.#tell({ name: "link-lost", detail });
        break;
      case "orphaned":
      case "abandoned":
      case "ended":
        break;
    }
  }

  #answer(verdict: MoveVerdict, now: Instant): void {
    this.#say({ name: "RESOLVED", body: { verdict, seen: this.#link.seen } }, now);
  }

  #back(verdict: MoveVerdict, seen: number, now: Instant): void {
    this.#answer(verdict, now);
    this.#greeted(seen, now);
    this.#tell({ name: "link-back" });
  }

  #greeted(seen: number, now: Instant): void {
    try {
      this.#link.greeted(seen, now);
    } catch (error) {
      if (!(error instanceof MoveError)) throw error;
      this.#link.drop();
      this.#lost(error.message, now);
    }
  }

  // What the source says.

  #take(message: SourceMessage, now: Instant): void {
    const state = this.#state;
    switch (message.name) {
      case "STATE":
        this.#takeState(message.body, now);
        break;
      case "COMMIT":
        if (state.phase !== "loaded") throw unexpected(message, state.phase);
        this.#say({ name: "COMMITTED", body: {} }, now);
        this.#own();
        break;
      case "ABORT":
        if (beforeCommit.has(state.phase)) {
          const reason = `the source says: ${message.body.reason}`;
          this.#letGo(new MoveError("MOVE_CANCELLED", reason), now);
        }
        this.#link.drop();
        break;
      case "END":
        if (state.phase !== "settled") throw unexpected(message, state.phase);
        this.#end();
        break;
      case "PREPARE":
      case "RESOLVE":
      case "STREAM":
        throw unexpected(message, state.phase);
    }
  }

  #takeState({ last, part }: { last: number; part: Uint8Array }, now: Instant): void {
    const before = this.#state;
    if (before.phase === "prepared") {
      const until = now + this.#timing.stateWithinMs;
      this.#enter({ phase: "receiving", until, parts: [], size: 0 });
    }
    const state = this.#state;
    if (state.phase !== "receiving") throw unexpected({ name: "STATE" }, state.phase);
    const { stateSizeMax } = this.#options;
    if (state.size + part.length > stateSizeMax) {
      const detail = `a state of more than ${stateSizeMax} bytes is not taken`;
      this.#abandon(new MoveError("MOVE_REFUSED", detail), now);
      return;
    }
    if (part.length > chunkSizeMax || (part.length === 0 && last === 0)) {
      throw violation("a part of the state that is too large, or empty");
    }
    state.parts.push(part);
    state.size += part.length;
    this.#say({ name: "STATE_SEEN", body: { size: state.size } }, now);
    this.#tell({ name: "progress", received: state.size });
    if (last === 0) return;
    this.#enter({ phase: "loading", until: now + this.#timing.stopWithinMs });
    this.#outputs.push({ type: "load", state: joinBytes(state.parts) });
  }

  // The phases.

  #prepared(address: Uint8Array, now: Instant): void {
    this.#enter({ phase: "prepared", until: null });
    this.#say({ name: "PREPARED", body: { address } }, now);
    this.#greeted(0, now);
  }

  #loaded(now: Instant): void {
    this.#enter({ phase: "loaded", until: now + this.#timing.stateWithinMs });
    this.#say({ name: "LOADED", body: {} }, now);
  }

  /** The commit point: the guest is ours. */
  #own(): void {
    this.#enter({ phase: "owner" });
    this.#outputs.push({ type: "own" });
    this.#tell({ name: "decided", owner: "target", error: null });
  }

  #settled(report: Uint8Array, now: Instant): void {
    this.#enter({ phase: "settled", until: now + this.#timing.rememberMs, report });
    this.#sayOutcome(report, now);
  }

  #sayOutcome(report: Uint8Array, now: Instant): void {
    for (let at = 0; at < report.length; at += chunkSizeMax) {
      const part = report.subarray(at, at + chunkSizeMax);
      this.#say({ name: "OUTCOME", body: { part } }, now);
    }
    this.#say({ name: "DONE", body: {} }, now);
  }

  #peer(bytes: Uint8Array, now: Instant): void {
    if (this.#link.pushServer(bytes, now) || !beforeCommit.has(this.#state.phase)) return;
    const detail = "what the servers have to say to each other does not come through";
    this.#abandon(new MoveError("MOVE_LINK", detail), now);
  }

  #resolve(owner: MoveOwner, now: Instant): void {
    if (this.#state.phase !== "orphaned") {
      this.#tell({ name: "resolve-refused", phase: this.#state.phase });
    } else if (owner === "target") this.#own();
    else this.#letGo(new MoveError("MOVE_RESOLVED", "an operator gave up the copy"), now);
  }

  /** We let go by ourselves, and say so: behind FAILED no COMMIT is taken. */
  #abandon(error: MoveError, now: Instant): void {
    this.#letGo(error, now);
    this.#say({ name: "FAILED", body: { reason: shorten(error.message) } }, now);
    this.#link.drop();
  }

  /** No copy is left; that it is so is remembered. */
  #letGo(error: MoveError, now: Instant): void {
    this.#outputs.push({ type: "drop" });
    this.#enter({ phase: "abandoned", until: now + this.#timing.rememberMs });
    this.#tell({ name: "decided", owner: "source", error });
  }

  #end(): void {
    this.#link.drop();
    this.#enter({ phase: "ended" });
    this.#tell({ name: "ended" });
  }

  #timeout(now: Instant): void {
    if (this.#link.tick(now)) {
      this.#link.drop();
      this.#lost("nothing has come from it for too long", now);
    }
    const state = this.#state;
    if ("until" in state && state.until !== null && now >= state.until)
      this.#late(state.phase, now);
  }

  #late(phase: TargetPhase, now: Instant): void {
    switch (phase) {
      case "preparing":
        this.#abandon(new MoveError("MOVE_TIMEOUT", "there is no server in time"), now);
        break;
      case "prepared":
        this.#abandon(new MoveError("MOVE_LINK", "the source stays away"), now);
        break;
      case "receiving":
      case "loading":
        this.#abandon(new MoveError("MOVE_TIMEOUT", "its state is not there in time"), now);
        break;
      case "loaded":
        this.#abandon(new MoveError("MOVE_TIMEOUT", "the source does not commit"), now);
        break;
      case "orphaned":
        this.#letGo(new MoveError("MOVE_LINK", "the source stays away"), now);
        break;
      case "settled":
      case "abandoned":
        this.#end();
        break;
      case "owner":
      case "ended":
        break;
    }
  }
}

function unexpected({ name }: { readonly name: string }, phase: string): MoveError {
  return violation(`${name} in phase ${phase}`);
}
