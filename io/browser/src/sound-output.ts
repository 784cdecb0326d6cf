// Lets a page hear what the guest plays: packets are decoded, evened out, and played where a worklet
// or else the page's scheduler asks for them. A browser keeps silent until its user has touched the
// page: sound that comes before is passed over, not piled up, so that the first touch is followed by
// what plays then.

import type { SessionCommand } from "@caraway/client";
import { floatSamples, type PlayoutFigures } from "@caraway/media";
import type { ClientEvent } from "./client-message.ts";
import { openOpusDecoder, type PacketDecoder } from "./packet-decoder.ts";
import { openWorkletSink, ScheduledSink, type SoundSink } from "./sound-sink.ts";

/** `blocked`: there is sound, and the browser waits for a touch. */
export type SoundState = "silent" | "blocked" | "playing";

export interface SoundOutputOptions {
  /** Address of the built `@caraway/browser/sound-worklet`; null: the page schedules sound. */
  readonly worklet: string | null;
  readonly command: (command: SessionCommand) => void;
  readonly onState?: (state: SoundState) => void;
}

export interface SoundFigures extends PlayoutFigures {
  readonly sink: SoundSink["kind"];
  /** From the decoder to the loudspeaker, without the network. */
  readonly latencyMs: number;
}

export class SoundOutput {
  readonly #options: SoundOutputOptions;
  readonly #devices = new Map<number, SoundDevice>();
  #state: SoundState = "silent";
  /** The guest's volume, 0 to 1, and the user's. */
  #guestVolume = 1;
  #volume = 1;
  #isMuted = false;

  constructor(options: SoundOutputOptions) {
    this.#options = options;
  }

  get state(): SoundState {
    return this.#state;
  }

  /** Of the first device that plays; null while none does. */
  get figures(): SoundFigures | null {
    const [device] = this.#devices.values();
    return device?.figures ?? null;
  }

  /** Takes events of a session; those that are not about playback do nothing. */
  handle(event: ClientEvent): void {
    switch (event.name) {
      case "playback-start": {
        const { channelId, channels, frequency } = event;
        const known = this.#devices.get(channelId);
        if (known?.goesOn(channels, frequency)) break;
        known?.close();
        const device = new SoundDevice(channels, frequency, this.#options, () => {
          this.#changed();
        });
        device.setGain(this.#gain);
        this.#devices.set(channelId, device);
        break;
      }
      case "playback-data": {
        const { channelId, coding, data, time } = event;
        this.#devices.get(channelId)?.take(coding, data, time);
        break;
      }
      case "playback-stop":
        this.#devices.get(event.channelId)?.rest();
        break;
      case "playback-latency":
        this.#devices.get(event.channelId)?.leastLatency(event.ms);
        break;
      case "volume":
        if (event.kind === "record") return;
        this.#guestVolume = event.muted ? 0 : Math.max(0, ...event.volume) / 65_535;
        this.#setGain();
        return;
      case "ended":
        this.close();
        return;
      default:
        return;
    }
    this.#changed();
  }

  /** The user touched the page: now the browser lets it be heard. */
  unlock(): void {
    for (const device of this.#devices.values()) device.unlock();
  }

  /** 0 to 1. */
  setVolume(volume: number, isMuted: boolean): void {
    this.#volume = volume;
    this.#isMuted = isMuted;
    this.#setGain();
  }

  close(): void {
    for (const device of this.#devices.values()) device.close();
    this.#devices.clear();
    this.#changed();
  }

  get #gain(): number {
    return this.#isMuted ? 0 : this.#volume * this.#guestVolume;
  }

  #setGain(): void {
    for (const device of this.#devices.values()) device.setGain(this.#gain);
  }

  #changed(): void {
    const states = [...this.#devices.values()].map((device) => device.state);
    const state = states.find((each) => each !== "silent") ?? "silent";
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}

/** How often the session learns what is heard. */
const tellEachMs = 100;
/** Packets that wait while the decoder is loaded. */
const waitingMax = 100;

class SoundDevice {
  readonly #channels: number;
  readonly #frequency: number;
  readonly #command: (command: SessionCommand) => void;
  readonly #changed: () => void;
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  #sink: SoundSink | null = null;
  #decoder: PacketDecoder | null = null;
  #waiting: { readonly packet: Uint8Array; readonly time: number }[] | null = null;
  #leastLatencyMs = 0;
  #toldAt = 0;
  #isFed = true;
  #isClosed = false;

  constructor(
    channels: number,
    frequency: number,
    { command, worklet }: SoundOutputOptions,
    changed: () => void,
  ) {
    this.#channels = channels;
    this.#frequency = frequency;
    this.#command = command;
    this.#changed = changed;
    this.#context = new AudioContext({ sampleRate: frequency, latencyHint: "interactive" });
    this.#context.onstatechange = () => changed();
    this.#gain = this.#context.createGain();
    this.#gain.connect(this.#context.destination);
    void this.#openSink(worklet);
  }

  get state(): SoundState {
    if (!this.#isFed || this.#isClosed) return "silent";
    return this.#context.state === "running" ? "playing" : "blocked";
  }

  get figures(): SoundFigures | null {
    const sink = this.#sink;
    if (sink === null) return null;
    const latencyMs = sink.aheadMs + this.#outputLatency * 1000;
    return { ...sink.figures, sink: sink.kind, latencyMs };
  }

  /** Behind a rest, or at another host: whether what plays now is the same sound. */
  goesOn(channels: number, frequency: number): boolean {
    if (channels !== this.#channels || frequency !== this.#frequency) return false;
    this.#isFed = true;
    this.#sink?.fed(true);
    return true;
  }

  take(coding: "raw" | "opus", data: Uint8Array, time: number): void {
    if (coding === "raw") this.#push(floatSamples(data), time);
    else if (this.#decoder !== null) this.#decoder.decode(data, time);
    else this.#wait(data, time);
  }

  /** What is there is played to its end. */
  rest(): void {
    this.#isFed = false;
    this.#sink?.fed(false);
  }

  leastLatency(ms: number): void {
    this.#leastLatencyMs = ms;
    this.#sink?.leastLatency(ms);
  }

  setGain(gain: number): void {
    this.#gain.gain.value = gain;
  }

  unlock(): void {
    if (!this.#isClosed && this.#context.state === "suspended") void this.#context.resume();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink?.close();
    this.#decoder?.close();
    this.#context.onstatechange = null;
    void this.#context.close();
  }

  get #outputLatency(): number {
    const { outputLatency, baseLatency } = this.#context;
    // Not every browser tells the first one.
    return outputLatency > 0 ? outputLatency : baseLatency;
  }

  async #openSink(worklet: string | null): Promise<void> {
    const options = {
      channels: this.#channels,
      frequency: this.#frequency,
      context: this.#context,
      output: this.#gain,
      plays: (time: number, at: number) => this.#tell(time, at),
      ended: () => this.#changed(),
    };
    const opened = worklet === null ? null : await openWorkletSink(worklet, options);
    if (this.#isClosed) {
      opened?.close();
      return;
    }
    this.#sink = opened ?? new ScheduledSink(options);
    this.#sink.leastLatency(this.#leastLatencyMs);
    if (!this.#isFed) this.#sink.fed(false);
  }

  #wait(packet: Uint8Array, time: number): void {
    if (this.#waiting !== null) {
      if (this.#waiting.length < waitingMax) this.#waiting.push({ packet, time });
      return;
    }
    this.#waiting = [{ packet, time }];
    const push = (samples: Float32Array, at: number) => this.#push(samples, at);
    openOpusDecoder(this.#channels, this.#frequency, push).then(
      (decoder) => this.#loaded(decoder),
      // Without a decoder there is no sound; the session goes on.
      () => this.rest(),
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

  #push(samples: Float32Array, time: number): void {
    // While nothing may be heard, what comes is gone: later it would be late.
    if (this.#isClosed || this.#context.state !== "running") return;
    this.#sink?.push(time, samples, performance.now());
  }

  /** What goes out at `at` is heard the device's latency later. */
  #tell(time: number, at: number): void {
    const now = performance.now();
    if (now - this.#toldAt < tellEachMs) return;
    this.#toldAt = now;
    const aheadMs = (at - this.#context.currentTime + this.#outputLatency) * 1000;
    const heard = (((time - aheadMs) % 2 ** 32) + 2 ** 32) % 2 ** 32;
    this.#command({ name: "sound-heard", time: heard });
  }
}
