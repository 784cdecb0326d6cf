// How long a guest that came over stands still: until everything is back that is on its way, or a
// deadline has passed, which arriving state puts off, and never longer than the longest.

import type { TargetMove } from "./moves.ts";

export type HoldEnd = "restored" | "deadline" | "hold-max" | "nobody";

export class MoveHold {
  readonly #move: TargetMove;
  readonly #since: number;
  #lastState: number;
  #isOver = false;

  constructor(move: TargetMove, now: number) {
    this.#move = move;
    this.#since = now;
    this.#lastState = now;
  }

  /** Whether the guest may run. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Milliseconds since it began. */
  age(now: number): number {
    return now - this.#since;
  }

  /** State that was announced arrives. */
  stateComes(now: number): void {
    this.#lastState = now;
  }

  end(): void {
    this.#isOver = true;
  }

  /** Why the hold is over by now, if it is. */
  expired(now: number): HoldEnd | null {
    if (this.#isOver || now < this.#holdsUntil) return null;
    return now >= this.#since + this.#move.holdMaxMs ? "hold-max" : "deadline";
  }

  /** Whether nothing can come back any more. */
  isTooLate(now: number): boolean {
    return now >= this.#lateUntil;
  }

  deadline(): number {
    return this.#isOver ? this.#lateUntil : Math.min(this.#holdsUntil, this.#lateUntil);
  }

  snapshot(now: number): unknown {
    return {
      isOver: this.#isOver,
      until: this.#holdsUntil - now,
      max: this.#since + this.#move.holdMaxMs - now,
      late: this.#lateUntil - now,
    };
  }

  get #holdsUntil(): number {
    const { deadlineMs, holdMaxMs } = this.#move;
    return Math.min(this.#lastState + deadlineMs, this.#since + holdMaxMs);
  }

  get #lateUntil(): number {
    return this.#since + Math.max(this.#move.lateMaxMs, this.#move.holdMaxMs);
  }
}
