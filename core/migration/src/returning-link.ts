// The source's end of the peer link: made, lost, and made again until somebody gives up.

import type { ConnectionKey, Instant } from "@caraway/channel";
import type { LinkInput, LinkOutput, MoveTiming } from "./move-border.ts";
import { PeerLink } from "./peer-link.ts";
import { type TargetMessage, targetCodec } from "./peer-messages.ts";

type Step =
  | { readonly step: "none" }
  | { readonly step: "connecting"; readonly connection: ConnectionKey; readonly until: Instant }
  /** Connected; the first exchange is not over. */
  | { readonly step: "asking"; readonly until: Instant }
  | { readonly step: "up" }
  | { readonly step: "waiting"; readonly retryAt: Instant };

/** `failed`: an attempt did not succeed; `lost`: it was up, and is not any more. */
export interface LinkLoss {
  readonly kind: "failed" | "lost";
  readonly detail: string;
}

export type LinkNews =
  /** Say PREPARE or RESOLVE. */
  | { readonly kind: "connected" }
  /** Read on. */
  | { readonly kind: "heard" }
  | LinkLoss;

export interface ReturningLinkOwner {
  emit(
    output:
      | LinkOutput
      | { readonly type: "connect"; readonly connection: ConnectionKey }
      | { readonly type: "peer"; readonly bytes: Uint8Array },
  ): void;
}

export class ReturningLink {
  readonly peer: PeerLink<TargetMessage>;
  readonly #owner: ReturningLinkOwner;
  readonly #timing: MoveTiming;
  #state: Step = { step: "none" };
  #lostAt: Instant | null = null;
  #nextConnection: ConnectionKey = 1;
  /** Attempts since it was lost. */
  #attempts = 0;

  constructor(owner: ReturningLinkOwner, timing: MoveTiming) {
    this.#owner = owner;
    this.#timing = timing;
    this.peer = new PeerLink(owner, targetCodec, timing);
  }

  /** An answer to the first exchange is awaited. */
  get isAsking(): boolean {
    return this.#state.step === "asking";
  }

  get isUp(): boolean {
    return this.#state.step === "up";
  }

  /** Since when it has been away; null when it is there, or never was. */
  get lostAt(): Instant | null {
    return this.#lostAt;
  }

  connect(now: Instant): void {
    const connection = this.#nextConnection++;
    const until = now + this.#timing.answerWithinMs;
    this.#state = { step: "connecting", connection, until };
    this.#owner.emit({ type: "connect", connection });
  }

  /** Tries again in a while. */
  retry(now: Instant): void {
    this.#close();
    this.#lostAt ??= now;
    const { retryAfterMs, retryMaxMs } = this.#timing;
    const pauseMs = Math.min(retryMaxMs, retryAfterMs * 2 ** Math.min(this.#attempts, 20));
    this.#attempts += 1;
    this.#state = { step: "waiting", retryAt: now + pauseMs };
  }

  /** The first exchange is over, and the other side has seen so many parts. */
  greeted(seen: number, now: Instant): void {
    this.#state = { step: "up" };
    this.#lostAt = null;
    this.#attempts = 0;
    this.peer.greeted(seen, now);
  }

  end(): void {
    this.#close();
    this.#state = { step: "none" };
    this.#lostAt = null;
  }

  #close(): void {
    this.peer.drop();
    if (this.#state.step !== "connecting") return;
    this.#owner.emit({ type: "disconnect", connection: this.#state.connection });
  }

  /** What an input of the driver means; null when it is of no concern any more. */
  take(input: LinkInput, now: Instant): LinkNews | null {
    const { connection } = input;
    const state = this.#state;
    if (state.step === "connecting" && state.connection === connection) {
      if (input.type === "received") return null;
      if (input.type === "connected") {
        this.#state = { step: "asking", until: state.until };
        this.peer.open(connection, now);
        return { kind: "connected" };
      }
      this.#state = { step: "none" };
      return { kind: "failed", detail: input.detail ?? "it closed the connection" };
    }
    if (this.peer.connection !== connection) return null;
    if (input.type === "received") {
      this.peer.receive(input.bytes, now);
      return { kind: "heard" };
    }
    if (input.type === "connected") return null;
    this.peer.lost();
    return this.#broken(input.detail ?? "it closed the connection");
  }

  /** The link is of no use any more. */
  #broken(detail: string): LinkLoss {
    const wasUp = this.#state.step === "up";
    this.#close();
    this.#state = { step: "none" };
    return { kind: wasUp ? "lost" : "failed", detail };
  }

  /** The other side broke the rules on it. */
  refuse(detail: string): LinkLoss {
    return this.#broken(detail);
  }

  timeout(now: Instant): LinkNews | null {
    const state = this.#state;
    if (state.step === "waiting" && now >= state.retryAt) {
      this.connect(now);
      return null;
    }
    const isLate = (state.step === "connecting" || state.step === "asking") && now >= state.until;
    if (isLate || this.peer.tick(now)) return this.#broken("it does not answer");
    return null;
  }

  deadline(): Instant | null {
    const state = this.#state;
    const own = state.step === "waiting" ? state.retryAt : "until" in state ? state.until : null;
    const peer = this.peer.deadline();
    if (own === null || peer === null) return own ?? peer;
    return Math.min(own, peer);
  }

  snapshot(now: Instant): unknown {
    const state = this.#state;
    return {
      step: state.step,
      ...("retryAt" in state && { at: state.retryAt - now }),
      ...("until" in state && { at: state.until - now }),
      lost: this.#lostAt === null ? null : this.#lostAt - now,
      peer: this.peer.snapshot(now),
    };
  }
}
