// What runs in a page's thread for sound (AudioWorklet): there, where the loudspeaker asks for
// samples, the buffer that evens them out cannot be held up by the page. Built for the page by its
// bundler, whose address goes to `BrowserClientOptions.soundWorklet`.

import { defaultPlayout, PlayoutBuffer } from "@caraway/media";
import {
  type CapturedSound,
  type CaptureOptions,
  captureWorkletName,
  type FromSoundWorklet,
  type SoundWorkletOptions,
  soundWorkletName,
  type ToSoundWorklet,
} from "./sound-worklet-message.ts";

// What the scope of worklets offers: the types of pages do not know it.
declare const currentTime: number;
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor<Options>(
  name: string,
  processor: new (node: { processorOptions: Options }) => AudioWorkletProcessor,
): void;

/** How often the page learns what is heard. */
const tellEachS = 0.1;
const packetsPerSecond = 100;

class PlayoutProcessor extends AudioWorkletProcessor {
  readonly #channels: number;
  readonly #buffer: PlayoutBuffer;
  #block = new Float32Array(0);
  #toldAt = 0;
  #isClosed = false;

  constructor({ processorOptions: { channels } }: { processorOptions: SoundWorkletOptions }) {
    super();
    this.#channels = channels;
    this.#buffer = new PlayoutBuffer({ channels, frequency: sampleRate, ...defaultPlayout });
    this.#buffer.fed(true);
    this.port.onmessage = ({ data }: MessageEvent<ToSoundWorklet>) => this.#hear(data);
  }

  process(_inputs: unknown, [output = []]: Float32Array[][]): boolean {
    const frames = output[0]?.length ?? 0;
    if (this.#block.length !== frames * this.#channels) {
      this.#block = new Float32Array(frames * this.#channels);
    }
    const time = this.#buffer.nextTime;
    const played = this.#buffer.pull(this.#block);
    for (const [channel, plane] of output.entries()) {
      for (let frame = 0; frame < frames; frame++) {
        plane[frame] = this.#block[frame * this.#channels + channel] ?? 0;
      }
    }
    this.#tell(played > 0 ? time : null);
    return !this.#isClosed;
  }

  #hear(message: ToSoundWorklet): void {
    switch (message.type) {
      case "push":
        this.#buffer.push(message.time, message.samples, message.now);
        break;
      case "feed":
        message.port.onmessage = ({ data }: MessageEvent<ToSoundWorklet>) => this.#hear(data);
        break;
      case "fed":
        this.#buffer.fed(message.isFed);
        break;
      case "least-latency":
        this.#buffer.leastLatency(message.ms);
        break;
      case "close":
        this.#isClosed = true;
        break;
    }
  }

  #tell(time: number | null): void {
    if (currentTime - this.#toldAt < tellEachS) return;
    this.#toldAt = currentTime;
    const { figures } = this.#buffer;
    this.port.postMessage({ time, at: currentTime, figures } satisfies FromSoundWorklet);
  }
}

/** What a microphone says, in packets of 10 ms. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #channels: number;
  #packet: Float32Array;
  #filled = 0;

  constructor({ processorOptions: { channels } }: { processorOptions: CaptureOptions }) {
    super();
    this.#channels = channels;
    this.#packet = this.#newPacket();
  }

  process([input = []]: Float32Array[][]): boolean {
    const frames = input[0]?.length ?? 0;
    for (let frame = 0; frame < frames; frame++) {
      for (let channel = 0; channel < this.#channels; channel++) {
        // A microphone of one channel is heard on all.
        const plane = input[channel] ?? input[0]!;
        this.#packet[this.#filled++] = plane[frame]!;
      }
      if (this.#filled === this.#packet.length) this.#send();
    }
    return true;
  }

  #newPacket(): Float32Array {
    return new Float32Array(Math.round(sampleRate / packetsPerSecond) * this.#channels);
  }

  #send(): void {
    const samples = this.#packet;
    this.#packet = this.#newPacket();
    this.#filled = 0;
    const message: CapturedSound = { samples };
    this.port.postMessage(message, [samples.buffer as ArrayBuffer]);
  }
}

registerProcessor(soundWorkletName, PlayoutProcessor);
registerProcessor(captureWorkletName, CaptureProcessor);
