// Where evened-out sound goes: to a worklet where there is one, or else as buffers that the page
// gives to the browser a moment ahead, which works on pages that were not served securely.

import { defaultPlayout, PlayoutBuffer, type PlayoutFigures } from "@caraway/media";
import {
  type FromSoundWorklet,
  soundWorkletName,
  type ToSoundWorklet,
} from "./sound-worklet-message.ts";

export interface SoundSink {
  readonly kind: "worklet" | "scheduled";
  readonly figures: PlayoutFigures;
  /** What is ready and given to the browser, in ms. */
  readonly aheadMs: number;
  push(time: number, samples: Float32Array, now: number): void;
  /** A way for samples from elsewhere; null where there is none. */
  feed(): MessagePort | null;
  fed(isFed: boolean): void;
  leastLatency(ms: number): void;
  close(): void;
}

export interface SoundSinkOptions {
  readonly channels: number;
  readonly frequency: number;
  readonly context: AudioContext;
  readonly output: AudioNode;
  /** What is stamped with `time` goes out at `at`, on the context's clock. */
  readonly plays: (time: number, at: number) => void;
  /** Nothing is left to be played, and nothing is expected. */
  readonly ended: () => void;
}

/** null where this page has no worklets, or this one cannot be loaded. */
export async function openWorkletSink(
  url: string,
  options: SoundSinkOptions,
): Promise<SoundSink | null> {
  const { context, channels } = options;
  if (!("audioWorklet" in context)) return null;
  try {
    await context.audioWorklet.addModule(url);
    const node = new AudioWorkletNode(context, soundWorkletName, {
      numberOfInputs: 0,
      outputChannelCount: [channels],
      processorOptions: { channels },
    });
    return new WorkletSink(node, options);
  } catch {
    return null;
  }
}

class WorkletSink implements SoundSink {
  readonly kind = "worklet";
  readonly #node: AudioWorkletNode;
  #figures: PlayoutFigures = { underruns: 0, droppedFrames: 0, targetMs: 0, readyMs: 0 };
  #isFed = true;

  constructor(node: AudioWorkletNode, { output, plays, ended }: SoundSinkOptions) {
    this.#node = node;
    node.connect(output);
    node.port.onmessage = ({ data }: MessageEvent<FromSoundWorklet>) => {
      this.#figures = data.figures;
      if (data.time !== null) plays(data.time, data.at);
      else if (!this.#isFed) ended();
    };
  }

  get figures(): PlayoutFigures {
    return this.#figures;
  }

  get aheadMs(): number {
    return this.#figures.readyMs;
  }

  feed(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#post({ type: "feed", port: port1 }, [port1]);
    return port2;
  }

  push(time: number, samples: Float32Array, now: number): void {
    this.#post({ type: "push", time, samples, now }, [samples.buffer as ArrayBuffer]);
  }

  fed(isFed: boolean): void {
    this.#isFed = isFed;
    this.#post({ type: "fed", isFed });
  }

  leastLatency(ms: number): void {
    this.#post({ type: "least-latency", ms });
  }

  close(): void {
    this.#post({ type: "close" });
    this.#node.port.onmessage = null;
    this.#node.disconnect();
  }

  #post(message: ToSoundWorklet, transfer: Transferable[] = []): void {
    this.#node.port.postMessage(message, transfer);
  }
}

/** How far ahead samples are given to the browser: what a busy page may be late. */
const aheadS = 0.04;
const chunkMs = 10;
const tickMs = 15;
/** How often it is told what plays. */
const tellEachMs = 100;

export class ScheduledSink implements SoundSink {
  readonly kind = "scheduled";
  readonly #options: SoundSinkOptions;
  readonly #buffer: PlayoutBuffer;
  /** When the next chunk begins, by the context's clock. */
  #next = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #toldAt = 0;
  #isFed = true;

  constructor(options: SoundSinkOptions) {
    this.#options = options;
    const { channels, frequency } = options;
    this.#buffer = new PlayoutBuffer({ channels, frequency, ...defaultPlayout });
    this.#buffer.fed(true);
    this.#startTimer();
  }

  get figures(): PlayoutFigures {
    return this.#buffer.figures;
  }

  get aheadMs(): number {
    const scheduled = Math.max(0, this.#next - this.#options.context.currentTime);
    return this.#buffer.figures.readyMs + scheduled * 1000;
  }

  feed(): null {
    return null;
  }

  push(time: number, samples: Float32Array, now: number): void {
    this.#buffer.push(time, samples, now);
    this.#schedule();
  }

  fed(isFed: boolean): void {
    this.#isFed = isFed;
    this.#buffer.fed(isFed);
    if (isFed) this.#startTimer();
  }

  leastLatency(ms: number): void {
    this.#buffer.leastLatency(ms);
  }

  close(): void {
    this.#stopTimer();
  }

  #startTimer(): void {
    this.#timer ??= setInterval(() => this.#schedule(), tickMs);
  }

  #schedule(): void {
    const { context, channels, frequency, plays } = this.#options;
    const { currentTime, state } = context;
    if (state !== "running") return;
    if (this.#next < currentTime) this.#next = currentTime + chunkMs / 1000;
    const frames = Math.round((frequency * chunkMs) / 1000);
    const samples = new Float32Array(frames * channels);
    while (this.#next < currentTime + aheadS) {
      const time = this.#buffer.nextTime;
      if (this.#buffer.pull(samples) === 0) {
        if (this.#isFed) return;
        this.#stopTimer();
        this.#options.ended();
        return;
      }
      this.#start(samples, frames);
      const now = performance.now();
      if (time !== null && now - this.#toldAt >= tellEachMs) {
        this.#toldAt = now;
        plays(time, this.#next);
      }
      this.#next += frames / frequency;
    }
  }

  #start(samples: Float32Array, frames: number): void {
    const { context, channels, frequency, output } = this.#options;
    const chunk = context.createBuffer(channels, frames, frequency);
    for (let channel = 0; channel < channels; channel++) {
      const plane = chunk.getChannelData(channel);
      for (let frame = 0; frame < frames; frame++) {
        plane[frame] = samples[frame * channels + channel]!;
      }
    }
    const source = context.createBufferSource();
    source.buffer = chunk;
    source.connect(output);
    source.start(this.#next);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
