// A client's playback channel: what the guest plays, as it plays it. A client that does not take it
// in time misses what would be late.

import { isForOpus } from "@caraway/media";
import {
  AudioDataMode,
  AudioFormat,
  hasCapability,
  type Playback,
  PlaybackCapability,
  playbackCodec,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { PlaybackView, ServedPlayback } from "./served-playback.ts";

const startedBit = 1;
const opusBit = 2;

export class PlaybackChannel implements ChannelHandler, PlaybackView {
  readonly #end: ChannelEnd;
  readonly #playback: ServedPlayback;
  readonly #mayOpus: boolean;
  /** As it was told to the client; null before the first MODE. */
  #isOpus: boolean | null = null;
  #isStarted = false;
  #latencyMs = 0;
  #dropped = 0;

  /** `hasOpus`: there is an encoder. */
  constructor(end: ChannelEnd, playback: ServedPlayback, hasOpus: boolean) {
    this.#end = end;
    this.#playback = playback;
    const opus = PlaybackCapability.SPICE_PLAYBACK_CAP_OPUS;
    this.#mayOpus = hasOpus && hasCapability(end.capabilities, opus);
  }

  get wantsOpus(): boolean {
    return this.#mayOpus;
  }

  opened(): void {
    this.#playback.addView(this);
    this.#sendMode();
    this.volumeChanged();
    if (this.#playback.format !== null) this.started();
  }

  closed(): void {
    this.#playback.removeView(this);
  }

  /** Three bytes: what the client knows of what plays, and the latency that it was told. */
  finalState(): Uint8Array {
    const bits = (this.#isStarted ? startedBit : 0) | (this.#isOpus ? opusBit : 0);
    return Uint8Array.of(bits, this.#latencyMs & 255, this.#latencyMs >> 8);
  }

  restoreState(final: Uint8Array): void {
    const [bits = 0, low = 0, high = 0] = final;
    this.#latencyMs = low | (high << 8);
    this.#isStarted = (bits & startedBit) !== 0;
    this.#isOpus = (bits & opusBit) !== 0;
  }

  /** What plays on is not started again, so that the client plays on what it has. */
  moved(): void {
    this.#playback.addView(this);
    this.#sendMode();
    const isPlaying = this.#playback.format !== null;
    if (isPlaying && !this.#isStarted) this.started();
    else if (!isPlaying) this.stopped();
  }

  writable(): void {}

  deadline(): number | null {
    return null;
  }

  timeout(): void {}

  message(id: number): void {
    throw this.#end.unknown(id);
  }

  snapshot(): unknown {
    return {
      isOpus: this.#isOpus,
      isStarted: this.#isStarted,
      latencyMs: this.#latencyMs,
      dropped: this.#dropped,
    };
  }

  started(): void {
    const { format, now } = this.#playback;
    if (format === null) return;
    this.#sendMode();
    this.#isStarted = true;
    this.#send({ name: "START", body: { ...format, format: AudioFormat.S16, time: now } });
  }

  packet(time: number, data: Uint8Array): void {
    if (!this.#isStarted) return;
    if (this.#end.canSend) this.#send({ name: "DATA", body: { time: Math.floor(time), data } });
    else this.#dropped += 1;
  }

  stopped(): void {
    if (this.#isStarted) this.#send({ name: "STOP", body: {} });
    this.#isStarted = false;
  }

  /** It is to be heard no earlier than that behind its time, so that video is in step with it. */
  leastLatency(ms: number): void {
    const latencyCapability = PlaybackCapability.SPICE_PLAYBACK_CAP_LATENCY;
    if (ms === this.#latencyMs || !this.#isStarted) return;
    if (!hasCapability(this.#end.capabilities, latencyCapability)) return;
    this.#latencyMs = ms;
    this.#send({ name: "LATENCY", body: { latencyMs: ms } });
  }

  volumeChanged(): void {
    const volumeCapability = PlaybackCapability.SPICE_PLAYBACK_CAP_VOLUME;
    if (!hasCapability(this.#end.capabilities, volumeCapability)) return;
    for (const message of this.#playback.volume.messages()) this.#send(message);
  }

  /** Said again only when it changes. */
  #sendMode(): void {
    const { format, now } = this.#playback;
    const isOpus = this.#mayOpus && (format === null || isForOpus(format));
    if (isOpus === this.#isOpus) return;
    this.#isOpus = isOpus;
    const mode = isOpus ? AudioDataMode.OPUS : AudioDataMode.RAW;
    this.#send({ name: "MODE", body: { time: now, mode, data: new Uint8Array(0) } });
  }

  #send(message: ServerMessage<typeof Playback>): void {
    this.#end.send(playbackCodec.server.encode(message));
  }
}
