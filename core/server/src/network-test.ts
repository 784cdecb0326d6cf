// How good a client's connection is: three pings behind each other, of which the last is large, as
// spice-server measures it at the beginning of a session.

export interface NetworkFigures {
  readonly roundTripMs: number;
  readonly bitsPerSecond: number;
}

const sizes = [0, 0, 250 * 1024] as const;
const firstId = 1;
/** Below this a connection counts as slow, as with spice-server. */
const slowBitsPerSecond = 10 * 1024 * 1024;

export class NetworkTest {
  readonly #startedAt: number;
  readonly #answers: number[] = [];

  /** Sends the pings at once. */
  constructor(ping: (id: number, size: number) => void, now: number) {
    this.#startedAt = now;
    sizes.forEach((size, index) => {
      ping(firstId + index, size);
    });
  }

  /** The figures with the last answer, null before. */
  pong(id: number, now: number): NetworkFigures | null {
    if (id !== firstId + this.#answers.length) return null;
    this.#answers.push(now - this.#startedAt);
    const [first = 0, second = 0, third] = this.#answers;
    if (third === undefined) return null;
    const roundTripMs = Math.min(first, second);
    // A clock of whole milliseconds may see no time at all.
    const seconds = Math.max(third - roundTripMs, 0.1) / 1000;
    return { roundTripMs, bitsPerSecond: (sizes[2] * 8) / seconds };
  }
}

export function isSlow({ bitsPerSecond }: NetworkFigures): boolean {
  return bitsPerSecond < slowBitsPerSecond;
}
