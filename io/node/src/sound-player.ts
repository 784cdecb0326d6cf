// Plays what the guest plays: decodes packets in their order and hands samples to a sink, which is
// a file, a pipe to a player, or whatever an embedder wants to hear it with.

import type { SessionEvent, SoundCoding } from "@caraway/client";
import { floatSamples } from "@caraway/media";
import { CarawayError } from "@caraway/wire";
import { openOpusDecoder, type PacketDecoder } from "./opus.ts";

export interface SoundFormat {
  readonly channels: number;
  readonly frequency: number;
}

/** Where sound goes. Calls come in order, for each device of the guest on its own. */
export interface PlaybackSink {
  start(device: number, format: SoundFormat): void;
  /** Interleaved, -1 to 1; `time` is the `mm_time` of the first frame. */
  play(device: number, samples: Float32Array, time: number): void;
  stop(device: number): void;
  /** What the guest set; each channel 0 to 1. */
  volume?(device: number, volume: readonly number[], muted: boolean): void;
  /** A packet could not be decoded; the next ones may be. */
  failed?(device: number, error: CarawayError): void;
}

export class SoundPlayer {
  readonly #sink: PlaybackSink;
  readonly #devices = new Map<number, Device>();

  constructor(sink: PlaybackSink) {
    this.#sink = sink;
  }

  /** Takes events of a session; those that are not about playback do nothing. */
  handle(event: SessionEvent): void {
    switch (event.name) {
      case "playback-start": {
        const { channels, frequency } = event;
        this.#stop(event.channelId);
        const device = new Device(event.channelId, { channels, frequency }, this.#sink);
        this.#devices.set(event.channelId, device);
        break;
      }
      case "playback-data":
        this.#devices.get(event.channelId)?.take(event.coding, event.data, event.time);
        break;
      case "playback-stop":
        this.#stop(event.channelId);
        break;
      case "volume":
        if (event.kind === "record") break;
        this.#sink.volume?.(
          event.channelId,
          event.volume.map((value) => value / 65_535),
          event.muted,
        );
        break;
      case "ended":
        for (const id of [...this.#devices.keys()]) this.#stop(id);
        break;
      default:
        break;
    }
  }

  #stop(id: number): void {
    this.#devices.get(id)?.stop();
    this.#devices.delete(id);
  }
}

/** Packets that wait while the decoder is loaded: two seconds. */
const waitingMax = 200;

class Device {
  readonly #id: number;
  readonly #format: SoundFormat;
  readonly #sink: PlaybackSink;
  /** What came before the decoder was there. */
  #waiting: (() => void)[] | null = null;
  #decoder: PacketDecoder | null = null;
  #isStopped = false;

  constructor(id: number, format: SoundFormat, sink: PlaybackSink) {
    this.#id = id;
    this.#format = format;
    this.#sink = sink;
    sink.start(id, format);
  }

  take(coding: SoundCoding, data: Uint8Array, time: number): void {
    if (coding === "opus" && this.#decoder === null && this.#waiting === null) this.#load();
    const play = () => this.#play(coding, data, time);
    if (this.#waiting === null) play();
    else if (this.#waiting.length < waitingMax) this.#waiting.push(play);
  }

  stop(): void {
    if (this.#waiting === null) this.#end();
    else this.#waiting.push(() => this.#end());
  }

  #play(coding: SoundCoding, data: Uint8Array, time: number): void {
    try {
      const samples = coding === "raw" ? floatSamples(data) : this.#decoder?.decode(data);
      if (samples !== undefined) this.#sink.play(this.#id, samples, time);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#sink.failed?.(this.#id, error);
    }
  }

  #end(): void {
    this.#isStopped = true;
    this.#decoder?.close();
    this.#decoder = null;
    this.#sink.stop(this.#id);
  }

  #load(): void {
    this.#waiting = [];
    openOpusDecoder(this.#format.channels, this.#format.frequency).then(
      (decoder) => this.#loaded(decoder),
      (error: unknown) => {
        this.#loaded(null);
        if (error instanceof CarawayError) this.#sink.failed?.(this.#id, error);
        else throw error;
      },
    );
  }

  #loaded(decoder: PacketDecoder | null): void {
    this.#decoder = decoder;
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const run of waiting) run();
    if (this.#isStopped) decoder?.close();
  }
}
