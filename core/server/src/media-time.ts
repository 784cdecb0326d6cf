// The server's multimedia time, which stamps sound and video, and what its clients' clocks show.

import type { Instant } from "@caraway/channel";

/** Clients are set so far behind, which leaves room for what comes late; spice-server's choice. */
const clientsBehindMs = 400;
/** So that clocks do not begin below zero. */
const epochMs = 1 << 20;

export class MediaTime {
  #epoch = epochMs;

  /** What is made at `now` is stamped so. */
  at(now: Instant): number {
    return wrap(now + this.#epoch);
  }

  /** What a client's clock shows at `now`. */
  forClients(now: Instant): number {
    return wrap(now + this.#epoch - clientsBehindMs);
  }

  /** The guest comes from a server whose time is `time` at `now`: it goes on from there. */
  goOn(time: number, now: Instant): void {
    this.#epoch = time - now;
  }

  /** How far it is ahead of the driver's clock. */
  snapshot(): number {
    return this.#epoch;
  }
}

function wrap(time: number): number {
  return ((Math.floor(time) % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
