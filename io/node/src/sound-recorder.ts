// Lets the guest listen: while it records, takes samples from a source in real time, codes them as
// the server wants, and hands them to the session.

import type { SessionCommand, SessionEvent, SoundCoding } from "@caraway/client";
import { sampleBytes, wholeSamples } from "@caraway/media";
import { openOpusEncoder, type PacketEncoder } from "./opus.ts";
import type { SoundFormat } from "./sound-player.ts";

/** What the guest hears. */
export interface RecordSource {
  /** The next frames, interleaved, -1 to 1; fewer than asked for are filled up with silence. */
  read(format: SoundFormat, frames: number): Float32Array;
}

const packetMs = 10;

export class SoundRecorder {
  readonly #source: RecordSource;
  readonly #command: (command: SessionCommand) => void;
  readonly #devices = new Map<number, Recording>();

  constructor(source: RecordSource, command: (command: SessionCommand) => void) {
    this.#source = source;
    this.#command = command;
  }

  /** Takes events of a session; those that are not about recording do nothing. */
  handle(event: SessionEvent): void {
    switch (event.name) {
      case "record-start": {
        const { channelId, channels, frequency, coding } = event;
        this.#stop(channelId);
        const send = (data: Uint8Array) => this.#command({ name: "record-data", channelId, data });
        const format = { channels, frequency };
        this.#devices.set(channelId, new Recording(format, coding, this.#source, send));
        break;
      }
      case "record-stop":
        this.#stop(event.channelId);
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

class Recording {
  readonly #format: SoundFormat;
  readonly #source: RecordSource;
  readonly #send: (data: Uint8Array) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #coding: SoundCoding;
  readonly #startedAt = performance.now();
  #encoder: PacketEncoder | null = null;
  #packets = 0;
  #isStopped = false;

  constructor(
    format: SoundFormat,
    coding: SoundCoding,
    source: RecordSource,
    send: (data: Uint8Array) => void,
  ) {
    this.#format = format;
    this.#source = source;
    this.#send = send;
    this.#coding = coding;
    this.#timer = setInterval(() => this.#tick(), packetMs);
    if (coding === "opus") this.#load();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#encoder?.close();
    this.#encoder = null;
  }

  #load(): void {
    const { channels, frequency } = this.#format;
    void openOpusEncoder(channels, frequency).then((encoder) => {
      if (this.#isStopped) encoder.close();
      else this.#encoder = encoder;
    });
  }

  /** Timers are late now and then; what is due is counted from the start. */
  #tick(): void {
    const due = Math.floor((performance.now() - this.#startedAt) / packetMs);
    const frames = Math.round((this.#format.frequency * packetMs) / 1000);
    for (; this.#packets < due; this.#packets++) {
      const heard = this.#source.read(this.#format, frames);
      const samples = wholeSamples(heard, frames * this.#format.channels);
      if (this.#coding === "raw") this.#send(sampleBytes(samples));
      else if (this.#encoder !== null) this.#send(this.#encoder.encode(samples, frames));
    }
  }
}
