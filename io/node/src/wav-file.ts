// Sound in WAV files of 16 bits: what the guest plays is written to one, what it hears is read from
// one.

import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { floatSamples, sampleBytes, wholeSamples } from "@caraway/media";
import { SoundError } from "./opus.ts";
import type { PlaybackSink, SoundFormat } from "./sound-player.ts";
import type { RecordSource } from "./sound-recorder.ts";

const headerSize = 44;

/**
 * Writes what the guest's first device plays into one file, one stretch after the other; what has
 * another format than the first stretch is left out. `close` completes the header.
 */
export class WavWriter implements PlaybackSink {
  readonly #file: number;
  #format: SoundFormat | null = null;
  #isWanted = false;
  #dataBytes = 0;

  /** @throws Error when the file cannot be written. */
  constructor(path: string) {
    this.#file = openSync(path, "w");
    writeSync(this.#file, new Uint8Array(headerSize));
  }

  start(device: number, format: SoundFormat): void {
    if (device !== 0) return;
    this.#format ??= format;
    const { channels, frequency } = this.#format;
    this.#isWanted = channels === format.channels && frequency === format.frequency;
  }

  play(device: number, samples: Float32Array): void {
    if (device !== 0 || !this.#isWanted) return;
    this.#dataBytes += writeSync(this.#file, sampleBytes(wholeSamples(samples)));
  }

  stop(): void {}

  close(): void {
    const { channels, frequency } = this.#format ?? { channels: 2, frequency: 48_000 };
    const header = Buffer.alloc(headerSize);
    header.write("RIFF", 0, "latin1");
    header.writeUInt32LE(headerSize - 8 + this.#dataBytes, 4);
    header.write("WAVEfmt ", 8, "latin1");
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(channels, 22);
    header.writeUInt32LE(frequency, 24);
    header.writeUInt32LE(frequency * channels * 2, 28);
    header.writeUInt16LE(channels * 2, 32);
    header.writeUInt16LE(16, 34);
    header.write("data", 36, "latin1");
    header.writeUInt32LE(this.#dataBytes, 40);
    writeSync(this.#file, header, 0, headerSize, 0);
    closeSync(this.#file);
  }
}

export interface WavSound extends SoundFormat {
  /** Interleaved, -1 to 1. */
  readonly samples: Float32Array;
}

/** @throws SoundError when it is no WAV file of 16 bits. */
export function readWav(path: string): WavSound {
  const bytes = readFileSync(path);
  const fault = (what: string) => new SoundError(`${path}: ${what}`);
  if (bytes.length < 12 || bytes.toString("latin1", 0, 4) !== "RIFF") throw fault("no WAV file");
  let format: SoundFormat | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8);
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (name === "fmt " && size >= 16) {
      if (body.readUInt16LE(0) !== 1 || body.readUInt16LE(14) !== 16) throw fault("not of 16 bits");
      format = { channels: body.readUInt16LE(2), frequency: body.readUInt32LE(4) };
      if (format.channels === 0 || format.frequency === 0) throw fault("it has no sound");
    }
    if (name === "data" && format !== null) {
      return { ...format, samples: floatSamples(body) };
    }
    at += 8 + size + (size & 1);
  }
  throw fault("it has no sound");
}

/** The guest hears the file, once, and silence behind it. Rates are matched by linear steps. */
export function wavSource(sound: WavSound): RecordSource {
  let at = 0;
  return {
    read(format, frames) {
      const result = new Float32Array(frames * format.channels);
      const count = sound.samples.length / sound.channels;
      for (let frame = 0; frame < frames; frame++) {
        const from = Math.floor(at);
        if (from >= count) break;
        for (let channel = 0; channel < format.channels; channel++) {
          const here = Math.min(channel, sound.channels - 1);
          const first = sound.samples[from * sound.channels + here]!;
          const next = sound.samples[(from + 1) * sound.channels + here] ?? first;
          result[frame * format.channels + channel] = first + (next - first) * (at - from);
        }
        at += sound.frequency / format.frequency;
      }
      return result;
    },
  };
}
