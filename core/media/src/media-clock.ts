// The multimedia clock of a session: where the server's `mm_time` is by our own clock. It never
// goes backward: what it has to give back, it gives back by going slower.

import type { Instant } from "@caraway/channel";

/** A clock that is so far off belongs to another server: there is nothing to be smooth about. */
const unrelatedMs = 10_000;
/** How much slower or faster than time the clock goes while it is off. */
const slewRate = 0.1;
/** Differences that nobody notices. */
const toleratedMs = 2;
/** A reading from sound that is older says nothing: the guest has stopped to play. */
const soundHoldsMs = 500;

/** A line through which the clock goes: `time` at `since`, `rate` ms for each ms from there. */
interface Course {
  readonly since: Instant;
  readonly time: number;
  readonly rate: number;
  /** From here on the rate is 1. */
  readonly until: Instant;
}

export class MediaClock {
  #course: Course | null = null;
  #soundAt: Instant | null = null;

  /** Milliseconds as the wire has them, 0 to 2³²-1; null before the first reading. */
  at(now: Instant): number | null {
    return this.#course === null ? null : wrap(timeOf(this.#course, now));
  }

  /**
   * How long until the clock shows `time`, in ms; negative when it is past. Null before the first
   * reading.
   */
  untilShown(time: number, now: Instant): number | null {
    return this.#course === null ? null : signedDifference(time, timeOf(this.#course, now));
  }

  /** INIT or MULTI_MEDIA_TIME. While sound is heard, sound is the better clock. */
  serverSays(time: number, now: Instant): void {
    if (this.#soundAt !== null && now - this.#soundAt < soundHoldsMs) {
      const off = this.#course === null ? 0 : this.untilShown(time, now)!;
      if (Math.abs(off) < unrelatedMs) return;
    }
    this.#steer(time, now);
  }

  /** The sample stamped with `time` is heard at this moment. */
  soundSays(time: number, now: Instant): void {
    this.#soundAt = now;
    this.#steer(time, now);
  }

  snapshot(now: Instant): unknown {
    return {
      time: this.at(now),
      rate: this.#course !== null && now < this.#course.until ? this.#course.rate : 1,
      bySound: this.#soundAt !== null && now - this.#soundAt < soundHoldsMs,
    };
  }

  #steer(time: number, now: Instant): void {
    if (this.#course === null) {
      this.#course = { since: now, time, rate: 1, until: now };
      return;
    }
    const current = timeOf(this.#course, now);
    const off = signedDifference(time, current);
    if (Math.abs(off) >= unrelatedMs) {
      this.#course = { since: now, time, rate: 1, until: now };
      return;
    }
    const rate = 1 + Math.sign(off) * slewRate;
    const lasts = Math.abs(off) <= toleratedMs ? 0 : Math.abs(off) / slewRate;
    this.#course = { since: now, time: current, rate, until: now + lasts };
  }
}

function timeOf({ since, time, rate, until }: Course, now: Instant): number {
  const slewing = Math.min(now, until) - since;
  return time + slewing * rate + Math.max(0, now - until);
}

function wrap(time: number): number {
  return ((Math.floor(time) % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** `a - b` on the circle of 2³² ms: between -2³¹ and 2³¹. */
export function signedDifference(a: number, b: number): number {
  const difference = (a - b) % 2 ** 32;
  if (difference >= 2 ** 31) return difference - 2 ** 32;
  return difference < -(2 ** 31) ? difference + 2 ** 32 : difference;
}
