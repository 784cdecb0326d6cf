// One client in a move away from this server: announced to the target, asked to link, and which
// mode it would get now. What fails costs this client a mode, and nobody else anything.

import { MainCapability } from "@caraway/protocol";
import type { MoveAnswer } from "./main-channel.ts";
import type { MoveMode, SourceMove } from "./moves.ts";
import type { ServedClient } from "./served-client.ts";
import type { Wiring } from "./wiring.ts";

type State =
  /** It has not come over itself yet, or the target has not been told of it. */
  | { readonly kind: "waiting" }
  | { readonly kind: "announcing" }
  | { readonly kind: "linking" }
  | { readonly kind: "ready"; readonly mode: Exclude<MoveMode, "switch-host"> }
  /** SWITCH_HOST is all that is left. */
  | { readonly kind: "failed" };

export class SourceClient {
  readonly served: ServedClient;
  readonly #wiring: Wiring;
  readonly #move: SourceMove;
  #state: State = { kind: "waiting" };
  /** Nobody waits for it any more; it may still come to an end that counts. */
  #isGivenUp = false;
  /** Bytes of state that were handed over for it. */
  bytes = 0;
  /** Whether its bulk state was asked for in this move. */
  hasToldEarly = false;

  constructor(served: ServedClient, wiring: Wiring, move: SourceMove) {
    this.served = served;
    this.#wiring = wiring;
    this.#move = move;
  }

  /** The mode that it would get now. */
  get mode(): MoveMode {
    return this.#state.kind === "ready" ? this.#state.mode : "switch-host";
  }

  /** Whether somebody has to wait for it. */
  get isPending(): boolean {
    return !this.#isGivenUp && !["ready", "failed"].includes(this.#state.kind);
  }

  /** Whether it goes on with what it has, as far as is known now: the target may be told of that. */
  get isSeamless(): boolean {
    const { kind } = this.#state;
    return kind === "linking" ? this.#offer === "seamless" : this.mode === "seamless";
  }

  /** Begins, if the client is here and can; `announce` tells the target of it. */
  begin(announce: (() => void) | null): void {
    if (this.#state.kind !== "waiting" || !this.served.isHere) return;
    if (this.#offer === "switch-host") {
      this.#fail("the client cannot link to another server before the switch");
    } else if (announce === null) this.#ask();
    else {
      this.#state = { kind: "announcing" };
      announce();
    }
  }

  /** The target's word. */
  announced(isAccepted: boolean, reason: string): void {
    if (this.#state.kind !== "announcing") return;
    if (!isAccepted) {
      this.#fail(`the target does not take the client: ${reason}`);
      return;
    }
    this.#tell("announced", "");
    this.#ask();
  }

  /** The client's word; one that comes late still counts. */
  answered(answer: MoveAnswer): void {
    if (this.#state.kind !== "linking") return;
    if (answer === "error") {
      this.#fail("the client could not link to the target");
      return;
    }
    // What was not offered is not there: the client linked with less.
    const mode = this.#offer === "seamless" ? answer : "semi-seamless";
    this.#state = { kind: "ready", mode };
    this.#tell("ready", "");
  }

  /** It is not waited for any more. */
  giveUp(): void {
    if (!this.isPending) return;
    this.#isGivenUp = true;
    this.#tell("failed", "the client has not answered in time");
  }

  /** The move is off. */
  cancel(): void {
    if (this.#hasLinks) this.served.main.cancelMove();
    this.#state = { kind: "failed" };
  }

  /** Whether CANCEL has to go before SWITCH_HOST. */
  get isLinking(): boolean {
    return this.#state.kind === "linking";
  }

  snapshot(): unknown {
    return { client: this.served.key, state: this.#state, bytes: this.bytes };
  }

  /** Whether it has links to the target, or makes them. */
  get #hasLinks(): boolean {
    const { kind } = this.#state;
    return kind === "linking" || kind === "ready";
  }

  /** The best mode that the client knows, and that is wanted. */
  get #offer(): MoveMode {
    const { mode } = this.#move;
    const can = (capability: number) => this.served.main.can(capability);
    if (mode === "switch-host") return mode;
    // A client that is not told its tokens anew cannot go on with the agent.
    const isAble =
      can(MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE) &&
      can(MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS);
    if (mode === "seamless" && isAble) return mode;
    const isSemiAble = can(MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE);
    return isSemiAble ? "semi-seamless" : "switch-host";
  }

  #ask(): void {
    this.#state = { kind: "linking" };
    this.served.main.beginMove(this.#move.target, this.#offer === "seamless");
    this.#tell("linking", "");
  }

  #fail(detail: string): void {
    this.#state = { kind: "failed" };
    this.#tell("failed", detail);
  }

  #tell(state: "announced" | "linking" | "ready" | "failed", detail: string): void {
    const { key: client } = this.served;
    const offered = state === "announced" || state === "linking";
    const mode = offered ? this.#offer : this.mode;
    this.#wiring.event({ name: "move-client", client, state, mode, detail });
  }
}
