// A playback device of the guest: what it plays, cut into packets of 10 ms, for all who hear it.
// Opus is coded once for all of them.

import { ByteQueue } from "@caraway/channel";
import { isForOpus, signedDifference } from "@caraway/media";
import { CarawayError } from "@caraway/wire";
import { DeviceVolume } from "./device-volume.ts";
import type { SoundOutput } from "./guest.ts";
import type { SoundFormat } from "./guest-device.ts";
import type { MediaTime } from "./media-time.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { SoundTask } from "./sound-task.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

/** Of 16 bits each, the usual two channels. */
const bytesPerSample = 2;
const packetsPerSecond = 100;
const packetMs = 1000 / packetsPerSecond;
/** A guest that is further off has left something out. */
const unevenMaxMs = 200;
/** What clocks may differ by, for each packet. */
const slewMs = 0.5;
const channelsMax = 8;
const frequencyMax = 192_000;
/** Packets that wait to be coded, a second of them; older ones would be heard too late. */
const uncodedMax = 100;

/** A client's channel, as the device sees it. */
export interface PlaybackView {
  readonly wantsOpus: boolean;
  started(): void;
  /** `time`: `mm_time` of its first sample. */
  packet(time: number, data: Uint8Array): void;
  stopped(): void;
  volumeChanged(): void;
}

interface Playing {
  readonly format: SoundFormat;
  readonly packetBytes: number;
  /** Tells the encoders of different stretches apart. */
  readonly stream: number;
  /** There is an encoder. */
  isWarm: boolean;
}

interface Uncoded {
  readonly time: number;
  readonly samples: Uint8Array;
}

export class ServedPlayback implements TaskOwner {
  readonly id: number;
  readonly volume = new DeviceVolume();
  readonly #wiring: Wiring;
  readonly #time: MediaTime;
  readonly #views = new Set<PlaybackView>();
  readonly #samples = new ByteQueue();
  #playing: Playing | null = null;
  #streams = 0;
  /** The first is being coded. */
  #uncoded: Uncoded[] = [];
  #isCoding = false;
  /** `mm_time` at which the next packet begins, if it follows the last one; null before the first. */
  #nextTime: number | null = null;

  constructor(id: number, wiring: Wiring, time: MediaTime) {
    this.id = id;
    this.#wiring = wiring;
    this.#time = time;
  }

  /** null while the guest plays nothing. */
  get format(): SoundFormat | null {
    return this.#playing?.format ?? null;
  }

  /** `mm_time` now. */
  get now(): number {
    return this.#time.at(this.#wiring.now);
  }

  addView(view: PlaybackView): void {
    this.#views.add(view);
    this.#warmUp();
  }

  removeView(view: PlaybackView): void {
    this.#views.delete(view);
  }

  /** @throws SoundFault when no sound can be like that. */
  handle(output: Extract<SoundOutput, { readonly type: `playback-${string}` }>): void {
    switch (output.type) {
      case "playback-start":
        this.#start(output.format);
        break;
      case "playback-samples":
        this.#play(output.samples);
        break;
      case "playback-stop":
        this.#stop();
        break;
    }
  }

  setVolume(volume: readonly number[], isMuted: boolean): void {
    this.volume.set(volume, isMuted);
    for (const view of this.#views) view.volumeChanged();
  }

  /** The device is gone. */
  clear(): void {
    this.#stop();
    this.#views.clear();
  }

  snapshot(): unknown {
    return {
      id: this.id,
      format: this.format,
      waiting: this.#samples.size,
      uncoded: this.#uncoded.length,
      volume: this.volume.channels,
      isMuted: this.volume.isMuted,
    };
  }

  done(result: ServerTaskResult): void {
    const coded = this.#uncoded.shift();
    this.#isCoding = false;
    if (coded !== undefined && result.kind === "opus-encode") {
      for (const view of this.#views) {
        if (view.wantsOpus) view.packet(coded.time, result.packet);
      }
    }
    this.#code();
  }

  #start(format: SoundFormat): void {
    checkFormat(format);
    this.#stop();
    const { channels, frequency } = format;
    const packetBytes = Math.round(frequency / packetsPerSecond) * channels * bytesPerSample;
    this.#playing = { format, packetBytes, stream: this.#streams++, isWarm: false };
    this.#nextTime = null;
    for (const view of this.#views) view.started();
    this.#warmUp();
  }

  #play(samples: Uint8Array): void {
    const playing = this.#playing;
    if (playing === null) throw new SoundFault(`playback ${this.id} plays before its start`);
    this.#samples.push(samples);
    // What came at once was made one after the other.
    let age = (Math.floor(this.#samples.size / playing.packetBytes) - 1) * packetMs;
    let packet = this.#samples.take(playing.packetBytes);
    for (; packet !== null; packet = this.#samples.take(playing.packetBytes)) {
      this.#packet(this.#stamp((this.now - age + 2 ** 32) % 2 ** 32), packet, playing);
      age -= packetMs;
    }
  }

  /**
   * Packets follow each other as their samples do, however unevenly the guest gives them; what its
   * clock and ours are apart is made up for bit by bit.
   */
  #stamp(now: number): number {
    const off = this.#nextTime === null ? unevenMaxMs : signedDifference(now, this.#nextTime);
    const isNext = Math.abs(off) < unevenMaxMs;
    const slew = Math.min(Math.max(off, -slewMs), slewMs);
    const time = isNext ? (this.#nextTime! + slew + 2 ** 32) % 2 ** 32 : now;
    this.#nextTime = (time + packetMs) % 2 ** 32;
    return time;
  }

  /** Has an encoder begun before the first sound needs it. */
  #warmUp(): void {
    const playing = this.#playing;
    const isWanted = [...this.#views].some((view) => view.wantsOpus);
    if (playing === null || playing.isWarm || !isWanted || !isForOpus(playing.format)) return;
    playing.isWarm = true;
    const { format, stream, packetBytes } = playing;
    const samples = new Uint8Array(packetBytes);
    const work: SoundTask = { kind: "opus-encode", device: this.id, stream, format, samples };
    this.#wiring.task({ done: () => {} }, null, work);
  }

  #packet(time: number, samples: Uint8Array, { format }: Playing): void {
    let isOpusWanted = false;
    for (const view of this.#views) {
      if (view.wantsOpus && isForOpus(format)) isOpusWanted = true;
      else view.packet(time, samples);
    }
    if (!isOpusWanted) return;
    this.#uncoded.push({ time, samples });
    if (this.#uncoded.length > uncodedMax) this.#uncoded.splice(1, 1);
    this.#code();
  }

  #code(): void {
    const [next] = this.#uncoded;
    const playing = this.#playing;
    if (this.#isCoding || next === undefined || playing === null) return;
    this.#isCoding = true;
    const { format, stream } = playing;
    const { samples } = next;
    const work: SoundTask = { kind: "opus-encode", device: this.id, stream, format, samples };
    this.#wiring.task(this, null, work);
  }

  #stop(): void {
    if (this.#playing === null) return;
    this.#playing = null;
    this.#samples.takeAll();
    // The one that is being coded is answered still.
    this.#uncoded.length = Math.min(this.#uncoded.length, this.#isCoding ? 1 : 0);
    for (const view of this.#views) view.stopped();
  }
}

export function checkFormat({ channels, frequency }: SoundFormat): void {
  const isSound =
    Number.isInteger(channels) &&
    Number.isInteger(frequency) &&
    channels >= 1 &&
    channels <= channelsMax &&
    frequency >= packetsPerSecond &&
    frequency <= frequencyMax;
  if (!isSound) throw new SoundFault(`${channels} channels at ${frequency} Hz are no sound`);
}

/** The guest's sound makes no sense. */
export class SoundFault extends CarawayError {
  readonly code = "SOUND_FAULT";
}
