// The law of every driver: one input, then drain, then the deadline. What an output brings about
// waits its turn, and a timer stands for the deadline.

import type { Instant } from "@caraway/channel";

export interface Clock {
  /** Monotonic. */
  now(): Instant;
  /** Calls `run` once, not much earlier than in `delayMs`; the answer calls that off. */
  wake(delayMs: number, run: () => void): () => void;
}

export interface TurnsOptions {
  readonly clock: Clock;
  /** When `wake` is due; asked whenever the turns are done. */
  readonly deadline: () => Instant | null;
  /** A turn at the deadline. */
  readonly wake: () => void;
  /** A turn has thrown, which is a fault in the program: no turn follows. */
  readonly fault: (error: unknown) => void;
}

/** The longest delay that the timers of Node and of browsers take. */
const delayMaxMs = 2 ** 31 - 1;

export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: (() => void)[] = [];
  #isWorking = false;
  #isStopped = false;
  #stopTimer: (() => void) | null = null;
  #timerAt: Instant | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Does the work now, or after the turns that wait. Ignored after `stop`. */
  take(work: () => void): void {
    if (this.#isStopped) return;
    this.#waiting.push(work);
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        next();
      }
      if (!this.#isStopped) this.#setTimer(this.#options.deadline());
    } catch (error) {
      this.stop();
      this.#options.fault(error);
    } finally {
      this.#isWorking = false;
    }
  }

  /** No turn begins any more. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    this.#setTimer(null);
  }

  #setTimer(deadline: Instant | null): void {
    if (deadline === this.#timerAt) return;
    this.#timerAt = deadline;
    this.#stopTimer?.();
    this.#stopTimer = null;
    if (deadline === null) return;
    const { clock, wake } = this.#options;
    const delayMs = Math.min(Math.max(0, Math.ceil(deadline - clock.now())), delayMaxMs);
    this.#stopTimer = clock.wake(delayMs, () => {
      this.#stopTimer = null;
      this.#timerAt = null;
      // A timer may fire a little early, and long delays are cut.
      if (clock.now() < deadline) this.#setTimer(deadline);
      else this.take(wake);
    });
  }
}
