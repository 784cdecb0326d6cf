// Lets a page hear what the guest plays: packets are decoded, evened out, and played where a worklet
// or else the page's scheduler asks for them. A browser keeps silent until its user has touched the
// page: sound that comes before is passed over, not piled up, so that the first touch is followed by
// what plays then.

import type { SessionCommand } from "@caraway/client";
import type { PlayoutFigures } from "@caraway/media";
import { type ClientEvent, sharedTime } from "./client-message.ts";
import type { SoundFeedFormat } from "./sound-feeds.ts";
import { SoundPackets } from "./sound-packets.ts";
import { openWorkletSink, ScheduledSink, type SoundSink } from "./sound-sink.ts";

/** `blocked`: there is sound, and the browser waits for a touch. */
export type SoundState = "silent" | "blocked" | "playing";

export interface SoundOutputOptions {
  /** Address of the built `@caraway/browser/sound-worklet`; null: the page schedules sound. */
  readonly worklet: string | null;
  readonly command: (command: SessionCommand) => void;
  /** The session's thread is to give the sound of a channel to this port; null: to the page. */
  readonly feed: (channel: number, format: SoundFeedFormat, port: MessagePort | null) => void;
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
        const feed = (port: MessagePort | null) => {
          this.#options.feed(channelId, { channels, frequency }, port);
        };
        const device = new SoundDevice(channels, frequency, feed, this.#options, () => {
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

class SoundDevice {
  readonly #channels: number;
  readonly #frequency: number;
  readonly #command: (command: SessionCommand) => void;
  readonly #changed: () => void;
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  #sink: SoundSink | null = null;
  readonly #packets: SoundPackets;
  readonly #feed: (port: MessagePort | null) => void;
  /** The session's thread gives the sink its samples. */
  #isFedDirectly = false;
  #leastLatencyMs = 0;
  #toldAt = 0;
  #isFed = true;
  #isClosed = false;

  constructor(
    channels: number,
    frequency: number,
    feed: (port: MessagePort | null) => void,
    { command, worklet }: SoundOutputOptions,
    changed: () => void,
  ) {
    this.#channels = channels;
    this.#frequency = frequency;
    this.#command = command;
    this.#changed = changed;
    this.#feed = feed;
    // Without a decoder there is no sound; the session goes on.
    this.#packets = new SoundPackets(
      channels,
      frequency,
      (samples, time) => this.#push(samples, time),
      () => this.rest(),
    );
    this.#context = new AudioContext({ sampleRate: frequency, latencyHint: "interactive" });
    this.#context.onstatechange = () => {
      this.#feedDirectly();
      changed();
    };
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
    // What was under way when the session's thread began.
    if (!this.#isFedDirectly) this.#packets.take(coding, data, time);
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
    this.#feedDirectly();
    this.#sink?.close();
    this.#packets.close();
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
    this.#feedDirectly();
  }

  /** While the browser lets it be heard, samples need not come through the page. */
  #feedDirectly(): void {
    const isPossible = !this.#isClosed && this.#context.state === "running";
    if (isPossible === this.#isFedDirectly) return;
    const port = isPossible ? (this.#sink?.feed() ?? null) : null;
    if (isPossible && port === null) return;
    this.#isFedDirectly = isPossible;
    this.#feed(port);
  }

  #push(samples: Float32Array, time: number): void {
    // While nothing may be heard, what comes is gone: later it would be late.
    if (this.#isClosed || this.#context.state !== "running") return;
    this.#sink?.push(time, samples, sharedTime());
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
