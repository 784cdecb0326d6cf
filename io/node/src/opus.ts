// Opus by WebAssembly builds of libopus: opus-decoder for what is heard, opusscript for what is
// said. Both are loaded when they are first needed.

import { interleave, isForOpus } from "@caraway/media";
import { CarawayError } from "@caraway/wire";

export class SoundError extends CarawayError {
  readonly code = "SOUND_ERROR";
}

/** Takes packets of one sender in order. */
export interface PacketDecoder {
  /**
   * Interleaved samples, -1 to 1.
   *
   * @throws SoundError for what is no packet.
   */
  decode(packet: Uint8Array): Float32Array;
  close(): void;
}

export interface PacketEncoder {
  /** One packet of `frames` interleaved frames: 2.5, 5, 10, 20, 40 or 60 ms. */
  encode(samples: Int16Array, frames: number): Uint8Array;
  close(): void;
}

/** Opus has these rates only. */
type OpusFrequency = 8000 | 12_000 | 16_000 | 24_000 | 48_000;

function checkFormat(channels: number, frequency: number): OpusFrequency {
  if (isForOpus({ channels, frequency })) return frequency as OpusFrequency;
  throw new SoundError(`Opus of ${channels} channels at ${frequency} Hz is not known here`);
}

/** @throws SoundError, as a rejection, for a format that Opus has not. */
export async function openOpusDecoder(channels: number, frequency: number): Promise<PacketDecoder> {
  const sampleRate = checkFormat(channels, frequency);
  const { OpusDecoder } = await import("opus-decoder");
  const decoder = new OpusDecoder({ channels, sampleRate });
  await decoder.ready;
  return {
    decode(packet) {
      const { channelData, samplesDecoded, errors } = decoder.decodeFrame(packet);
      const [error] = errors;
      if (error !== undefined) throw new SoundError(`no Opus packet: ${error.message}`);
      return interleave(channelData, samplesDecoded);
    },
    close: () => decoder.free(),
  };
}

/** @throws SoundError, as a rejection, for a format that Opus has not. */
export async function openOpusEncoder(channels: number, frequency: number): Promise<PacketEncoder> {
  const sampleRate = checkFormat(channels, frequency);
  const { default: OpusScript } = await import("opusscript");
  const encoder = new OpusScript(sampleRate, channels, OpusScript.Application.AUDIO);
  return {
    encode(samples, frames) {
      const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
      return new Uint8Array(encoder.encode(bytes, frames));
    },
    close: () => encoder.delete(),
  };
}
