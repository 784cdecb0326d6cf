// Sound that goes from the session's thread straight to the worklet that plays it, decoded here, so
// that a page that is busy holds nothing up. The page sets it up, and hears of all but the samples.

import type { SessionEvent } from "@caraway/client";
import { sharedTime } from "./client-message.ts";
import { SoundPackets } from "./sound-packets.ts";
import type { ToSoundWorklet } from "./sound-worklet-message.ts";

/** Which sound a worklet plays. */
export interface SoundFeedFormat {
  readonly channels: number;
  readonly frequency: number;
}

interface Feed {
  readonly port: MessagePort;
  readonly packets: SoundPackets;
}

export class SoundFeeds {
  /** By channel, what plays or has played last. */
  readonly #formats = new Map<number, SoundFeedFormat>();
  readonly #feeds = new Map<number, Feed>();

  /** The port leads to the worklet; null: the page takes the channel's sound again. */
  attach(channel: number, format: SoundFeedFormat, port: MessagePort | null): void {
    this.#detach(channel);
    const now = this.#formats.get(channel);
    if (port === null || now === undefined || !isSame(now, format)) return;
    const { channels, frequency } = format;
    const push = (samples: Float32Array, time: number) => {
      const message: ToSoundWorklet = { type: "push", time, samples, now: sharedTime() };
      port.postMessage(message, [samples.buffer as ArrayBuffer]);
    };
    const packets = new SoundPackets(channels, frequency, push, () => this.#detach(channel));
    this.#feeds.set(channel, { port, packets });
  }

  /** Whether the page need not hear of it. */
  take(event: SessionEvent): boolean {
    if (event.name === "playback-start") {
      const { channelId, channels, frequency } = event;
      const known = this.#formats.get(channelId);
      this.#formats.set(channelId, { channels, frequency });
      if (known !== undefined && !isSame(known, event)) this.#detach(channelId);
    }
    if (event.name !== "playback-data") return false;
    const feed = this.#feeds.get(event.channelId);
    feed?.packets.take(event.coding, event.data, event.time);
    return feed !== undefined;
  }

  close(): void {
    for (const channel of [...this.#feeds.keys()]) this.#detach(channel);
  }

  #detach(channel: number): void {
    const feed = this.#feeds.get(channel);
    this.#feeds.delete(channel);
    feed?.packets.close();
    feed?.port.close();
  }
}

function isSame(one: SoundFeedFormat, other: SoundFeedFormat): boolean {
  return one.channels === other.channels && one.frequency === other.frequency;
}
