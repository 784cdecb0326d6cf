// Codes and decodes a server's sound: one encoder for each device that plays, one decoder for each
// that listens.

import { sampleBytes, samplesOf, wholeSamples } from "@caraway/media";
import type { SoundTask } from "@caraway/server";
import {
  openOpusDecoder,
  openOpusEncoder,
  type PacketDecoder,
  type PacketEncoder,
} from "./opus.ts";

interface Opened<Codec> {
  readonly stream: number;
  readonly codec: Promise<Codec>;
}

type EncodeTask = Extract<SoundTask, { readonly kind: "opus-encode" }>;
type DecodeTask = Extract<SoundTask, { readonly kind: "opus-decode" }>;

export class SoundTasks {
  readonly #encoders = new Map<number, Opened<PacketEncoder>>();
  readonly #decoders = new Map<number, Opened<PacketDecoder>>();

  async encode({ device, stream, format, samples }: EncodeTask): Promise<Uint8Array> {
    const { channels, frequency } = format;
    const encoder = await forStream(this.#encoders, device, stream, () => {
      return openOpusEncoder(channels, frequency);
    });
    const whole = samplesOf(samples);
    return encoder.encode(whole, whole.length / channels);
  }

  async decode({ device, stream, format, packet }: DecodeTask): Promise<Uint8Array> {
    const decoder = await forStream(this.#decoders, device, stream, () => {
      return openOpusDecoder(format.channels, format.frequency);
    });
    return sampleBytes(wholeSamples(decoder.decode(packet)));
  }

  /** Loads what the first packet needs, so that it need not wait. */
  async prepare(): Promise<void> {
    const encoder = await openOpusEncoder(2, 48_000);
    encoder.close();
  }

  close(): void {
    for (const opened of [...this.#encoders.values(), ...this.#decoders.values()]) end(opened);
    this.#encoders.clear();
    this.#decoders.clear();
  }
}

/** A new stream of a device ends the one before. */
function forStream<Codec extends { close(): void }>(
  codecs: Map<number, Opened<Codec>>,
  device: number,
  stream: number,
  open: () => Promise<Codec>,
): Promise<Codec> {
  const known = codecs.get(device);
  if (known?.stream === stream) return known.codec;
  if (known !== undefined) end(known);
  const codec = open();
  codecs.set(device, { stream, codec });
  return codec;
}

function end(opened: Opened<{ close(): void }>): void {
  // One that could not be opened has told so to who asked for it.
  opened.codec.then(
    (codec) => codec.close(),
    () => {},
  );
}
