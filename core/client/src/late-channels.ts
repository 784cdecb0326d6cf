// Channels that come after a seamless move: those that had no link to the target, and those that
// only the target has. A target announces channels to whoever asks by ATTACH_CHANNELS, but passes
// over the question until all state has arrived, and a channel that links before that waits for
// state for ever. So the question is asked until CHANNELS_LIST answers it, and only then do late
// channels link.

import type { Instant } from "@caraway/channel";
import type { ChannelId } from "./channel-name.ts";

const askDelayMs = 100;
const askDelayMsMax = 1600;
/** A target that says nothing for so long has lost count of our channels. */
const giveUpAfterMs = 12_000;

export class LateChannels {
  readonly channels: readonly ChannelId[];
  readonly #ask: () => void;
  readonly #until: Instant;
  #delayMs = askDelayMs;
  #askAt: Instant;

  /** Asks at once. */
  constructor(channels: readonly ChannelId[], now: Instant, ask: () => void) {
    this.channels = channels;
    this.#ask = ask;
    this.#until = now + giveUpAfterMs;
    this.#askAt = now + this.#delayMs;
    ask();
  }

  deadline(): Instant {
    return Math.min(this.#askAt, this.#until);
  }

  /** False when it is time to give up. */
  timeout(now: Instant): boolean {
    if (now >= this.#until) return false;
    if (now >= this.#askAt) {
      this.#delayMs = Math.min(2 * this.#delayMs, askDelayMsMax);
      this.#askAt = now + this.#delayMs;
      this.#ask();
    }
    return true;
  }
}
