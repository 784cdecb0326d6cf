// The playback channel: sound from the guest. A move does not stop it: what the client has is
// played on, and a START for what plays already changes nothing.

import { AudioDataMode, type Playback, playbackCodec, type ServerMessage } from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { SoundCoding } from "./sound-event.ts";
import { checkFormat } from "./sound-format.ts";
import { SoundVolume } from "./sound-volume.ts";
import type { Wiring } from "./wiring.ts";

type PlaybackServerMessage = ServerMessage<typeof Playback>;

interface Playing {
  readonly channels: number;
  readonly frequency: number;
}

export class PlaybackChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #hasOpus: boolean;
  #coding: SoundCoding = "raw";
  #playing: Playing | null = null;
  readonly #volume: SoundVolume;

  readonly #came: (time: number) => void;

  /** `hasOpus`: the embedder decodes Opus. `came`: hears the time of what is to be heard. */
  constructor(end: ChannelEnd, wiring: Wiring, hasOpus: boolean, came: (time: number) => void) {
    this.#came = came;
    this.#end = end;
    this.#wiring = wiring;
    this.#hasOpus = hasOpus;
    this.#volume = new SoundVolume(end, wiring, "playback");
  }

  snapshot(): unknown {
    return {
      coding: this.#coding,
      playing: this.#playing,
      ...this.#volume.snapshot(),
    };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#coding = "raw";
    this.#stop();
  }

  /** A target says neither coding nor volume again: they stay. */
  moved(): void {}

  left(): void {
    this.#stop();
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    this.#handle(message);
    return true;
  }

  #decode(id: number, body: Uint8Array): PlaybackServerMessage | null {
    try {
      return playbackCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #handle(message: PlaybackServerMessage): void {
    const channelId = this.#end.channel.id;
    switch (message.name) {
      case "MODE":
        this.#coding = this.#codingOf(message.body.mode);
        break;
      case "START":
        this.#start(message.body);
        break;
      case "DATA":
        this.#data(message.body.time, message.body.data);
        break;
      case "STOP":
        this.#stop();
        break;
      case "VOLUME":
      case "MUTE":
        this.#volume.handle(message);
        break;
      case "LATENCY": {
        const ms = message.body.latencyMs;
        this.#wiring.event({ name: "playback-latency", channelId, ms });
        break;
      }
      default:
        break;
    }
  }

  #codingOf(mode: number): SoundCoding {
    if (mode === AudioDataMode.RAW) return "raw";
    if (mode === AudioDataMode.OPUS && this.#hasOpus) return "opus";
    throw this.#end.unexpected("MODE", `coding ${mode} was not offered`);
  }

  #start(body: Extract<PlaybackServerMessage, { name: "START" }>["body"]): void {
    checkFormat(this.#end, body);
    const { channels, frequency, time } = body;
    const { channels: before, frequency: beforeHz } = this.#playing ?? {
      channels: 0,
      frequency: 0,
    };
    if (before === channels && beforeHz === frequency) return;
    this.#stop();
    this.#playing = { channels, frequency };
    const channelId = this.#end.channel.id;
    this.#wiring.event({ name: "playback-start", channelId, channels, frequency, time });
  }

  #data(time: number, data: Uint8Array): void {
    // What a server still sends behind STOP, or before START, belongs to nothing.
    if (this.#playing === null) return;
    const coding = this.#coding;
    if (coding === "raw" && data.length % (2 * this.#playing.channels) !== 0) {
      throw this.#end.unexpected("DATA", `${data.length} bytes are no whole frames`);
    }
    const channelId = this.#end.channel.id;
    this.#came(time);
    this.#wiring.event({ name: "playback-data", channelId, coding, time, data });
  }

  #stop(): void {
    if (this.#playing === null) return;
    this.#playing = null;
    this.#wiring.event({ name: "playback-stop", channelId: this.#end.channel.id });
  }
}
