// How unevenly packets arrive, which says how much must be kept ready to play them evenly.

import type { Instant } from "@caraway/channel";
import { signedDifference } from "./media-clock.ts";

/** Lateness is forgotten over so many ms of time. */
const windowMs = 10_000;
const slices = 10;
const sliceMs = windowMs / slices;

interface Slice {
  readonly since: Instant;
  earliest: number;
  latest: number;
}

/**
 * Compares when packets were made (by the sender's clock) with when they came (by ours). What the
 * two clocks differ by drops out: only the spread between the quickest and the slowest counts.
 */
export class TransitMeter {
  readonly #slices: Slice[] = [];
  #base: { readonly time: number; readonly at: Instant } | null = null;

  /** A packet stamped with `time` (ms, wraps) came. */
  arrived(time: number, now: Instant): void {
    this.#base ??= { time, at: now };
    const made = signedDifference(time, this.#base.time);
    const late = now - this.#base.at - made;
    // A sender that sets its clock anew is not late: measuring begins again.
    if (Math.abs(late) > windowMs) {
      this.reset();
      this.arrived(time, now);
      return;
    }
    const newest = this.#slices[this.#slices.length - 1];
    if (newest === undefined || now - newest.since >= sliceMs) {
      this.#slices.push({ since: now, earliest: late, latest: late });
      while (this.#slices.length > slices) this.#slices.shift();
      return;
    }
    newest.earliest = Math.min(newest.earliest, late);
    newest.latest = Math.max(newest.latest, late);
  }

  /**
   * Spread of the last ten seconds in ms. What was late in one of them alone was a hitch, and no
   * reason to be late with all that follows.
   */
  get spreadMs(): number {
    if (this.#slices.length === 0) return 0;
    const earliest = Math.min(...this.#slices.map((slice) => slice.earliest));
    const latest = this.#slices.map((slice) => slice.latest).sort((a, b) => b - a);
    return (latest[1] ?? latest[0]!) - earliest;
  }

  reset(): void {
    this.#slices.length = 0;
    this.#base = null;
  }
}
