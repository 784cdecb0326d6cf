// Lets a page hear what the guest plays: packets are decoded, evened out, and given to the browser's
// sound clock a moment ahead. A browser keeps silent until its user has touched the page: sound that
// comes before is passed over, not piled up, so that the first touch is followed by what plays then.

import type { SessionCommand } from "@caraway/client";
import { defaultPlayout, PlayoutBuffer, type PlayoutFigures } from "@caraway/media";
import type { ClientEvent } from "./client-message.ts";
import { openOpusDecoder, type PacketDecoder } from "./packet-decoder.ts";

/** `blocked`: there is sound, and the browser waits for a touch. */
export type SoundState = "silent" | "blocked" | "playing";

export interface SoundOutputOptions {
  readonly command: (command: SessionCommand) => void;
  readonly onState?: (state: SoundState) => void;
}

export interface SoundFigures extends PlayoutFigures {
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
        const device = new SoundDevice(channels, frequency, this.#options.command, () => {
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

/** How far ahead samples are given to the browser: what a busy page may be late. */
const aheadS = 0.04;
const chunkMs = 10;
const tickMs = 15;
/** How often the session learns what is heard. */
const tellEachMs = 200;
/** Packets that wait while the decoder is loaded. */
const waitingMax = 100;

class SoundDevice {
  readonly #channels: number;
  readonly #frequency: number;
  readonly #command: (command: SessionCommand) => void;
  readonly #changed: () => void;
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  readonly #buffer: PlayoutBuffer;
  #decoder: PacketDecoder | null = null;
  #waiting: { readonly packet: Uint8Array; readonly time: number }[] | null = null;
  /** When the next chunk begins, by the context's clock. */
  #next = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #toldAt = 0;
  #isFed = true;
  #isClosed = false;

  constructor(
    channels: number,
    frequency: number,
    command: (command: SessionCommand) => void,
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
    this.#buffer = new PlayoutBuffer({ channels, frequency, ...defaultPlayout });
    this.#buffer.fed(true);
    this.#timer = setInterval(() => this.#schedule(), tickMs);
  }

  get state(): SoundState {
    if (!this.#isFed || this.#isClosed) return "silent";
    return this.#context.state === "running" ? "playing" : "blocked";
  }

  get figures(): SoundFigures {
    const { readyMs } = this.#buffer.figures;
    const scheduled = Math.max(0, this.#next - this.#context.currentTime);
    const latencyMs = readyMs + (scheduled + this.#outputLatency) * 1000;
    return { ...this.#buffer.figures, latencyMs };
  }

  /** Behind a rest, or at another host: whether what plays now is the same sound. */
  goesOn(channels: number, frequency: number): boolean {
    if (channels !== this.#channels || frequency !== this.#frequency) return false;
    this.#isFed = true;
    this.#buffer.fed(true);
    this.#timer ??= setInterval(() => this.#schedule(), tickMs);
    return true;
  }

  take(coding: "raw" | "opus", data: Uint8Array, time: number): void {
    if (coding === "raw") this.#push(floats(data), time);
    else if (this.#decoder !== null) this.#decoder.decode(data, time);
    else this.#wait(data, time);
  }

  /** What is there is played to its end. */
  rest(): void {
    this.#isFed = false;
    this.#buffer.fed(false);
  }

  leastLatency(ms: number): void {
    this.#buffer.leastLatency(ms);
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
    this.#stopTimer();
    this.#decoder?.close();
    this.#context.onstatechange = null;
    void this.#context.close();
  }

  get #outputLatency(): number {
    const { outputLatency, baseLatency } = this.#context;
    // Not every browser tells the first one.
    return outputLatency > 0 ? outputLatency : baseLatency;
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
    this.#buffer.push(time, samples, performance.now());
    this.#schedule();
  }

  #schedule(): void {
    const { currentTime, state } = this.#context;
    if (state !== "running") return;
    if (this.#next < currentTime) this.#next = currentTime + chunkMs / 1000;
    const frames = Math.round((this.#frequency * chunkMs) / 1000);
    const samples = new Float32Array(frames * this.#channels);
    while (this.#next < currentTime + aheadS) {
      const time = this.#buffer.nextTime;
      const played = this.#buffer.pull(samples);
      if (played === 0) {
        if (!this.#isFed) this.#stopTimer();
        return;
      }
      this.#start(samples, frames);
      if (time !== null) this.#tell(time);
      this.#next += frames / this.#frequency;
    }
  }

  #start(samples: Float32Array, frames: number): void {
    const chunk = this.#context.createBuffer(this.#channels, frames, this.#frequency);
    for (let channel = 0; channel < this.#channels; channel++) {
      const plane = chunk.getChannelData(channel);
      for (let frame = 0; frame < frames; frame++) {
        plane[frame] = samples[frame * this.#channels + channel]!;
      }
    }
    const source = this.#context.createBufferSource();
    source.buffer = chunk;
    source.connect(this.#gain);
    source.start(this.#next);
  }

  /** Of what begins at `#next`: what is heard now was made that much earlier. */
  #tell(time: number): void {
    const now = performance.now();
    if (now - this.#toldAt < tellEachMs) return;
    this.#toldAt = now;
    const aheadMs = (this.#next - this.#context.currentTime + this.#outputLatency) * 1000;
    const heard = (((time - aheadMs) % 2 ** 32) + 2 ** 32) % 2 ** 32;
    this.#command({ name: "sound-heard", time: heard });
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#changed();
  }
}

/** Samples of 16 bits, lowest byte first. */
function floats(data: Uint8Array): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const samples = new Float32Array(data.length >> 1);
  for (let index = 0; index < samples.length; index++) {
    samples[index] = view.getInt16(index * 2, true) / 32_768;
  }
  return samples;
}
