// Lets the guest hear the user: nothing is captured before the user turns the microphone on, which
// makes the browser ask, and nothing while the guest does not listen. Pages that were not served
// securely have no microphones.

import type { SessionCommand } from "@caraway/client";
import { sampleBytes, wholeSamples } from "@caraway/media";
import type { ClientEvent } from "./client-message.ts";
import { openPacketEncoder, type PacketEncoder } from "./packet-encoder.ts";
import {
  type CapturedSound,
  type CaptureOptions,
  captureWorkletName,
} from "./sound-worklet-message.ts";

/**
 * `off`: the user has it off. `asking`: the browser asks. `waiting`: on, and the guest does not
 * listen. `on`: the guest hears. `refused`: the user or the page's policy does not allow it, or
 * there is none.
 */
export type MicrophoneState = "off" | "asking" | "waiting" | "on" | "refused";

export interface MicrophoneOptions {
  readonly command: (command: SessionCommand) => void;
  /** Address of the built `@caraway/browser/sound-worklet`. */
  readonly worklet: string;
}

/** A microphone that the user may choose; without a label before the first permission. */
export interface MicrophoneChoice {
  readonly id: string;
  readonly label: string;
}

interface Listening {
  readonly channelId: number;
  readonly coding: "raw" | "opus";
  readonly channels: number;
  readonly frequency: number;
}

/** How quickly the level falls, of a packet of 10 ms. */
const levelDecay = 0.9;

export class Microphone {
  readonly #options: MicrophoneOptions;
  readonly #listening = new Map<number, Listening>();
  #stream: MediaStream | null = null;
  #captures: Capture[] = [];
  #state: MicrophoneState = "off";
  #changed: () => void = () => {};
  #level = 0;
  /** A later wish makes an earlier answer void. */
  #wish = 0;

  constructor(options: MicrophoneOptions) {
    this.#options = options;
  }

  /** Whether this page can have microphones at all. */
  static get isPossible(): boolean {
    return typeof AudioContext !== "undefined" && navigator.mediaDevices !== undefined;
  }

  /** Calls when its state, or whether the guest listens, has changed. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  get state(): MicrophoneState {
    return this.#state;
  }

  /** How loud it is, 0 to 1. */
  get level(): number {
    return this.#level;
  }

  /** Whether the guest listens now. */
  get isWanted(): boolean {
    return this.#listening.size > 0;
  }

  async choices(): Promise<MicrophoneChoice[]> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const microphones = devices.filter(({ kind }) => kind === "audioinput");
    return microphones.map(({ deviceId: id, label }) => ({ id, label }));
  }

  /** Turns it on: `id` of one of the `choices`, or the browser's own. Never rejects. */
  async turnOn(id: string | null = null): Promise<void> {
    const wish = ++this.#wish;
    this.#stop();
    this.#set("asking");
    const device = id === null ? {} : { deviceId: { exact: id } };
    const audio = { ...device, echoCancellation: true, noiseSuppression: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch(() => null);
    if (wish !== this.#wish) {
      end(stream);
      return;
    }
    this.#stream = stream;
    if (stream === null) this.#set("refused");
    else this.#update();
  }

  turnOff(): void {
    this.#wish += 1;
    this.#stop();
    this.#set("off");
  }

  /** Takes events of a session; those that are not about recording do nothing. */
  handle(event: ClientEvent): void {
    switch (event.name) {
      case "record-start": {
        const { channelId, coding, channels, frequency } = event;
        this.#listening.set(channelId, { channelId, coding, channels, frequency });
        break;
      }
      case "record-stop":
        this.#listening.delete(event.channelId);
        break;
      case "ended":
        this.#listening.clear();
        break;
      default:
        return;
    }
    this.#update();
    this.#changed();
  }

  close(): void {
    this.turnOff();
    this.#listening.clear();
  }

  #stop(): void {
    for (const capture of this.#captures.splice(0)) capture.close();
    end(this.#stream);
    this.#stream = null;
    this.#level = 0;
  }

  /** Captures for who listens, and nobody else. */
  #update(): void {
    const stream = this.#stream;
    if (stream === null) return;
    const wanted = [...this.#listening.values()];
    const [kept, gone] = [
      this.#captures.filter(({ listening }) => wanted.includes(listening)),
      this.#captures.filter(({ listening }) => !wanted.includes(listening)),
    ];
    for (const capture of gone) capture.close();
    const fresh = wanted.filter((one) => !kept.some(({ listening }) => listening === one));
    this.#captures = [...kept, ...fresh.map((one) => this.#capture(stream, one))];
    if (this.#captures.length === 0) this.#level = 0;
    this.#set(this.#captures.length > 0 ? "on" : "waiting");
  }

  #capture(stream: MediaStream, listening: Listening): Capture {
    const { channelId } = listening;
    return new Capture(stream, listening, this.#options.worklet, {
      packet: (data) => this.#options.command({ name: "record-data", channelId, data }),
      heard: (loudness) => {
        this.#level = Math.max(loudness, this.#level * levelDecay);
      },
    });
  }

  #set(state: MicrophoneState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed();
  }
}

interface CaptureOwner {
  packet(data: Uint8Array): void;
  heard(loudness: number): void;
}

/** What a microphone says, at the rate and in the coding that one device of the guest wants. */
class Capture {
  readonly listening: Listening;
  readonly #context: AudioContext;
  readonly #owner: CaptureOwner;
  #encoder: PacketEncoder | null = null;
  #isClosed = false;

  constructor(stream: MediaStream, listening: Listening, worklet: string, owner: CaptureOwner) {
    this.listening = listening;
    this.#owner = owner;
    const { channels, frequency, coding } = listening;
    this.#context = new AudioContext({ sampleRate: frequency });
    if (coding === "opus") {
      this.#encoder = openPacketEncoder(channels, frequency, (packet) => owner.packet(packet));
    }
    void this.#start(stream, worklet);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#encoder?.close();
    void this.#context.close();
  }

  /** A page that cannot load its worklet has no sound either way. */
  async #start(stream: MediaStream, worklet: string): Promise<void> {
    const { channels } = this.listening;
    try {
      await this.#context.audioWorklet.addModule(worklet);
    } catch {
      return;
    }
    if (this.#isClosed) return;
    const node = new AudioWorkletNode(this.#context, captureWorkletName, {
      channelCount: channels,
      channelCountMode: "explicit",
      numberOfOutputs: 0,
      processorOptions: { channels } satisfies CaptureOptions,
    });
    node.port.onmessage = ({ data }: MessageEvent<CapturedSound>) => this.#take(data);
    this.#context.createMediaStreamSource(stream).connect(node);
  }

  #take({ samples }: CapturedSound): void {
    if (this.#isClosed) return;
    this.#owner.heard(samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    if (this.#encoder !== null) this.#encoder.encode(samples);
    else if (this.listening.coding === "raw")
      this.#owner.packet(sampleBytes(wholeSamples(samples)));
  }
}

function end(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
