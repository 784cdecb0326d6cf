// Slows down whoever guesses: an address that failed too often in a while is not listened to until
// that while is over.

import type { Instant } from "@caraway/channel";

export interface ThrottleOptions {
  readonly failuresMax: number;
  readonly windowMs: number;
  /** Addresses that are remembered; the oldest are forgotten first. */
  readonly addressesMax: number;
}

export const defaultThrottle: ThrottleOptions = {
  failuresMax: 30,
  windowMs: 60_000,
  addressesMax: 65_536,
};

interface Failures {
  count: number;
  readonly since: Instant;
}

export class FailureThrottle {
  readonly #options: ThrottleOptions;
  /** In order of their first failure. */
  readonly #failures = new Map<string, Failures>();

  constructor(options: ThrottleOptions = defaultThrottle) {
    this.#options = options;
  }

  isBlocked(address: string, now: Instant): boolean {
    this.#forget(now);
    return (this.#failures.get(address)?.count ?? 0) >= this.#options.failuresMax;
  }

  failed(address: string, now: Instant): void {
    this.#forget(now);
    const known = this.#failures.get(address);
    if (known !== undefined) known.count += 1;
    else this.#failures.set(address, { count: 1, since: now });
  }

  #forget(now: Instant): void {
    const { windowMs, addressesMax } = this.#options;
    for (const [address, { since }] of this.#failures) {
      if (now - since < windowMs && this.#failures.size <= addressesMax) return;
      this.#failures.delete(address);
    }
  }
}
