// A record device of the guest: whose microphone it hears, and what it hears. One client at a time,
// the one that is there the longest and may do something.

import { DeviceVolume } from "./device-volume.ts";
import type { SoundOutput } from "./guest.ts";
import type { SoundFormat } from "./guest-device.ts";
import type { MediaTime } from "./media-time.ts";
import { checkFormat } from "./served-playback.ts";
import type { Wiring } from "./wiring.ts";

/** Sound that a client may be ahead of time: a quicker one is not believed. */
const aheadMs = 2000;
const bytesPerSample = 2;

/** A client's channel, as the device sees it. */
export interface RecordView {
  started(): void;
  stopped(): void;
  volumeChanged(): void;
}

export class ServedRecord {
  readonly id: number;
  readonly volume = new DeviceVolume();
  readonly #wiring: Wiring;
  readonly #time: MediaTime;
  /** Those that may be heard, in the order in which they came; the first one is. */
  readonly #views: RecordView[] = [];
  #format: SoundFormat | null = null;
  /** Tells the decoders of different stretches apart. */
  #stream = 0;
  #startedAt = 0;
  #heardMs = 0;

  constructor(id: number, wiring: Wiring, time: MediaTime) {
    this.id = id;
    this.#wiring = wiring;
    this.#time = time;
  }

  get format(): SoundFormat | null {
    return this.#format;
  }

  get stream(): number {
    return this.#stream;
  }

  /** `mm_time` now. */
  get now(): number {
    return this.#time.at(this.#wiring.now);
  }

  isHeard(view: RecordView): boolean {
    return this.#views[0] === view;
  }

  addView(view: RecordView): void {
    this.#views.push(view);
    if (this.isHeard(view) && this.#format !== null) this.#begin(view);
  }

  removeView(view: RecordView): void {
    const wasHeard = this.isHeard(view);
    const at = this.#views.indexOf(view);
    if (at >= 0) this.#views.splice(at, 1);
    const [next] = this.#views;
    if (wasHeard && next !== undefined && this.#format !== null) this.#begin(next);
  }

  /** Samples of 16 bits of a client that is heard; what is no whole frame is left out. */
  hear(view: RecordView, samples: Uint8Array): void {
    const format = this.#format;
    if (format === null || !this.isHeard(view)) return;
    const frameBytes = format.channels * bytesPerSample;
    const frames = Math.floor(samples.length / frameBytes);
    this.#heardMs += (frames / format.frequency) * 1000;
    const elapsedMs = this.#wiring.now - this.#startedAt;
    if (this.#heardMs > elapsedMs + aheadMs) {
      this.#heardMs = elapsedMs + aheadMs;
      return;
    }
    const whole = samples.slice(0, frames * frameBytes);
    if (frames > 0) this.#wiring.guest({ type: "record-samples", device: this.id, samples: whole });
  }

  /** @throws SoundFault when no sound can be like that. */
  handle(output: Extract<SoundOutput, { readonly type: `record-${string}` }>): void {
    if (output.type === "record-start") {
      checkFormat(output.format);
      this.#stop();
      this.#format = output.format;
      const [heard] = this.#views;
      if (heard !== undefined) this.#begin(heard);
    } else this.#stop();
  }

  setVolume(volume: readonly number[], isMuted: boolean): void {
    this.volume.set(volume, isMuted);
    for (const view of this.#views) view.volumeChanged();
  }

  /** The device is gone. */
  clear(): void {
    this.#stop();
    this.#views.length = 0;
  }

  snapshot(): unknown {
    return { id: this.id, format: this.#format, views: this.#views.length };
  }

  #begin(view: RecordView): void {
    this.#stream += 1;
    this.#startedAt = this.#wiring.now;
    this.#heardMs = 0;
    view.started();
  }

  #stop(): void {
    if (this.#format === null) return;
    this.#format = null;
    this.#views[0]?.stopped();
  }
}
