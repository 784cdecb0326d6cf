// Packets of sound on their way to samples: raw ones at once, those of Opus by a decoder that is
// loaded when it is first needed.

import { floatSamples } from "@caraway/media";
import { openOpusDecoder, type PacketDecoder, type TakeSamples } from "./packet-decoder.ts";

/** Packets that wait while the decoder is loaded. */
const waitingMax = 100;

export class SoundPackets {
  readonly #channels: number;
  readonly #frequency: number;
  readonly #push: TakeSamples;
  readonly #failed: () => void;
  #decoder: PacketDecoder | null = null;
  #waiting: { readonly packet: Uint8Array; readonly time: number }[] | null = null;
  #isClosed = false;

  /** `failed`: there is no decoder here. */
  constructor(channels: number, frequency: number, push: TakeSamples, failed: () => void) {
    this.#channels = channels;
    this.#frequency = frequency;
    this.#push = push;
    this.#failed = failed;
  }

  take(coding: "raw" | "opus", data: Uint8Array, time: number): void {
    if (coding === "raw") this.#push(floatSamples(data), time);
    else if (this.#decoder !== null) this.#decoder.decode(data, time);
    else this.#wait(data, time);
  }

  close(): void {
    this.#isClosed = true;
    this.#decoder?.close();
    this.#decoder = null;
  }

  #wait(packet: Uint8Array, time: number): void {
    if (this.#isClosed) return;
    if (this.#waiting !== null) {
      if (this.#waiting.length < waitingMax) this.#waiting.push({ packet: packet.slice(), time });
      return;
    }
    this.#waiting = [{ packet: packet.slice(), time }];
    const push: TakeSamples = (samples, at) => {
      if (!this.#isClosed) this.#push(samples, at);
    };
    openOpusDecoder(this.#channels, this.#frequency, push).then(
      (decoder) => this.#loaded(decoder),
      () => this.#failed(),
    );
  }

  #loaded(decoder: PacketDecoder): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    if (this.#isClosed) {
      decoder.close();
      return;
    }
    this.#decoder = decoder;
    for (const { packet, time } of waiting) decoder.decode(packet, time);
  }
}
