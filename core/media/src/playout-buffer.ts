// Sound between the network and a loudspeaker: keeps as much ready as packets arrive unevenly, no
// more, and plays a little faster or slower to stay there. Runs where the device asks for samples,
// in a browser in the thread of the audio worklet.

import type { Instant } from "@caraway/channel";
import { TransitMeter } from "./transit-meter.ts";

export interface PlayoutOptions {
  readonly channels: number;
  /** Hz, of packets and of what is pulled. */
  readonly frequency: number;
  /** Kept ready beyond what packets need that arrive unevenly. */
  readonly reserveMs: number;
  /** Never more than that, however uneven. */
  readonly targetMaxMs: number;
}

export const defaultPlayout = { reserveMs: 15, targetMaxMs: 500 } as const;

export interface PlayoutFigures {
  /** Samples were asked for and there were none, though the guest plays. */
  readonly underruns: number;
  /** Frames that were passed over to catch up. */
  readonly droppedFrames: number;
  /** What is to be kept ready, and what is. */
  readonly targetMs: number;
  readonly readyMs: number;
}

interface Packet {
  /** `mm_time` of the first frame. */
  readonly time: number;
  /** Interleaved, -1 to 1. */
  readonly samples: Float32Array;
}

/** So much faster or slower is not heard. */
const stretch = 0.008;
/** Off by so much, the rate is changed; back within a quarter, it is 1 again. */
const toleratedMs = 8;
/** More than that too much is not stretched away but dropped. */
const excessMs = 100;
/** Time over which the fill is averaged. */
const smoothingMs = 300;
/** Beyond all targets, whatever comes: memory is bounded. */
const readyMaxMs = 2000;

export class PlayoutBuffer {
  readonly #options: PlayoutOptions;
  readonly #transit = new TransitMeter();
  readonly #packets: Packet[] = [];
  /** In the first packet, in frames; fractional while the rate is not 1. */
  #position = 0;
  #readyFrames = 0;
  #packetMs = 10;
  #leastMs = 0;
  #averageMs = 0;
  #rate = 1;
  #state: "filling" | "playing" = "filling";
  #isFed = false;
  #underruns = 0;
  #droppedFrames = 0;

  constructor(options: PlayoutOptions) {
    this.#options = options;
  }

  get figures(): PlayoutFigures {
    return {
      underruns: this.#underruns,
      droppedFrames: this.#droppedFrames,
      targetMs: this.#targetMs,
      readyMs: this.#readyMs,
    };
  }

  /** `mm_time` of the frame that the next pull begins with; null when there is none. */
  get nextTime(): number | null {
    const [first] = this.#packets;
    if (first === undefined) return null;
    return first.time + (this.#position / this.#options.frequency) * 1000;
  }

  /** LATENCY: sound is not to be heard earlier than that after it was made. */
  leastLatency(ms: number): void {
    this.#leastMs = Math.min(ms, this.#options.targetMaxMs);
  }

  /** The guest plays (again), or has stopped: then what is there is played to its end. */
  fed(isFed: boolean): void {
    this.#isFed = isFed;
    if (!isFed) this.#transit.reset();
  }

  push(time: number, samples: Float32Array, now: Instant): void {
    const frames = samples.length / this.#options.channels;
    if (frames === 0) return;
    this.#transit.arrived(time, now);
    this.#packetMs = (frames / this.#options.frequency) * 1000;
    this.#packets.push({ time, samples });
    this.#readyFrames += frames;
    while (this.#readyMs > readyMaxMs) this.#dropFirst();
  }

  /** Fills `output` (interleaved) with what is to be heard next; returns its frames of sound. */
  pull(output: Float32Array): number {
    const { channels, frequency } = this.#options;
    const frames = output.length / channels;
    this.#control((frames / frequency) * 1000);
    if (this.#state === "filling") {
      output.fill(0);
      return 0;
    }
    const played = this.#play(output);
    if (played === frames) return frames;
    output.fill(0, played * channels);
    this.#state = "filling";
    this.#rate = 1;
    if (this.#isFed) this.#underruns += 1;
    return played;
  }

  get #readyMs(): number {
    return ((this.#readyFrames - this.#position) / this.#options.frequency) * 1000;
  }

  get #targetMs(): number {
    const { reserveMs, targetMaxMs } = this.#options;
    const wanted = this.#transit.spreadMs + this.#packetMs + reserveMs;
    return Math.min(Math.max(wanted, this.#leastMs), targetMaxMs);
  }

  #control(elapsedMs: number): void {
    const ready = this.#readyMs;
    const target = this.#targetMs;
    if (this.#state === "filling") {
      // The end of what the guest played is not held back for more.
      if (ready < target && (this.#isFed || ready === 0)) return;
      this.#state = "playing";
      this.#averageMs = ready;
    }
    this.#averageMs += (ready - this.#averageMs) * Math.min(1, elapsedMs / smoothingMs);
    if (ready > target + excessMs) {
      while (this.#packets.length > 1 && this.#readyMs > target + this.#packetMs) this.#dropFirst();
      this.#averageMs = this.#readyMs;
    }
    const off = this.#averageMs - target;
    if (off > toleratedMs) this.#rate = 1 + stretch;
    else if (off < -toleratedMs && this.#isFed) this.#rate = 1 - stretch;
    else if (Math.abs(off) < toleratedMs / 4 || !this.#isFed) this.#settle();
  }

  /** Back to rate 1, at a whole frame, so that samples are heard as they are. */
  #settle(): void {
    if (this.#rate === 1) return;
    this.#rate = 1;
    this.#position = Math.round(this.#position);
  }

  /** Returns the frames that there were. */
  #play(output: Float32Array): number {
    const { channels } = this.#options;
    const frames = output.length / channels;
    for (let frame = 0; frame < frames; frame++) {
      let first = this.#packets[0];
      while (first !== undefined && this.#position >= first.samples.length / channels) {
        const length = first.samples.length / channels;
        this.#packets.shift();
        this.#readyFrames -= length;
        this.#position -= length;
        first = this.#packets[0];
      }
      if (first === undefined) {
        this.#position = 0;
        return frame;
      }
      const whole = Math.floor(this.#position);
      const part = this.#position - whole;
      for (let channel = 0; channel < channels; channel++) {
        const here = first.samples[whole * channels + channel]!;
        const value = part === 0 ? here : here + (this.#after(whole, channel) - here) * part;
        output[frame * channels + channel] = value;
      }
      this.#position += this.#rate;
    }
    return frames;
  }

  #after(frame: number, channel: number): number {
    const { channels } = this.#options;
    const [first, second] = this.#packets;
    const next = (frame + 1) * channels + channel;
    if (next < first!.samples.length) return first!.samples[next]!;
    return second?.samples[channel] ?? first!.samples[frame * channels + channel]!;
  }

  #dropFirst(): void {
    const dropped = this.#packets.shift()!;
    const frames = dropped.samples.length / this.#options.channels;
    this.#readyFrames -= frames;
    this.#droppedFrames += frames - Math.floor(this.#position);
    this.#position = 0;
  }
}
