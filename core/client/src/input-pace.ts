// How fast keys and buttons may be sent. A PC keyboard keeps 16 bytes for its guest and drops what
// does not fit, a wheel 16 steps, and neither can tell: a burst, such as what was typed during a
// move, must be spread out. Nobody types as fast as that by hand.

import type { Instant } from "@caraway/channel";

/** Bytes that may be sent at once: Ctrl+Alt+Del, pressed and released, is 11. */
const burstMax = 12;
/** Time in which even a guest that is busy takes a byte: 40 keys a second. */
const msPerByte = 8;

export class InputPace {
  #left = burstMax;
  #at: Instant = 0;

  /** When so many bytes may be sent: `now`, or later. */
  whenFree(bytes: number, now: Instant): Instant {
    this.#refill(now);
    return this.#left >= bytes ? now : now + (bytes - this.#left) * msPerByte;
  }

  /** Counts what is sent now. */
  spend(bytes: number, now: Instant): void {
    this.#refill(now);
    this.#left -= bytes;
  }

  #refill(now: Instant): void {
    this.#left = Math.min(burstMax, this.#left + (now - this.#at) / msPerByte);
    this.#at = now;
  }
}
