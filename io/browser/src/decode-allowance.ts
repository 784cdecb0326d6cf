// How much a session's own thread may decode: the way to another thread and back costs about as much
// as decoding a small picture, but pictures must not keep keys and the pointer waiting.

/** Bytes of an image below which it is never worth the way. */
const alwaysMax = 8 << 10;
/** Above it takes a noticeable time, some milliseconds. */
const neverMin = 192 << 10;
/** The part of the time that goes into decoding, at most, once what was saved up is used. */
const share = 0.3;
const savedMaxMs = 30;

/** Times are milliseconds of one clock. */
export class DecodeAllowance {
  #savedMs = savedMaxMs;
  #at = 0;

  /**
   * Whether an image of so many bytes is to be decoded in place. `isUnknown`: how long it takes will
   * not be told.
   */
  takes(size: number, now: number, isUnknown = false): boolean {
    if (size < alwaysMax || isUnknown) return size < alwaysMax;
    this.#savedMs = Math.min(savedMaxMs, this.#savedMs + (now - this.#at) * share);
    this.#at = now;
    return size < neverMin && this.#savedMs > 0;
  }

  /** It took so long. */
  spent(ms: number): void {
    this.#savedMs -= ms;
  }
}
