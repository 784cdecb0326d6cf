// The record channel: sound from the user's microphone to the guest, while the guest listens.

import { isForOpus } from "@caraway/media";
import {
  AudioDataMode,
  type ClientMessage,
  hasCapability,
  type Record,
  RecordCapability,
  recordCodec,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { SoundCoding } from "./sound-event.ts";
import { checkFormat } from "./sound-format.ts";
import { SoundVolume } from "./sound-volume.ts";
import type { Wiring } from "./wiring.ts";

type RecordServerMessage = ServerMessage<typeof Record>;

export class RecordChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #hasOpus: boolean;
  readonly #mediaTime: () => number;
  #listening: { readonly coding: SoundCoding; readonly frameBytes: number } | null = null;
  readonly #volume: SoundVolume;

  /** `hasOpus`: the embedder codes Opus. `mediaTime`: the session's `mm_time` now. */
  constructor(end: ChannelEnd, wiring: Wiring, hasOpus: boolean, mediaTime: () => number) {
    this.#end = end;
    this.#wiring = wiring;
    this.#hasOpus = hasOpus;
    this.#volume = new SoundVolume(end, wiring, "record");
    this.#mediaTime = mediaTime;
  }

  snapshot(): unknown {
    return { listening: this.#listening, ...this.#volume.snapshot() };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#stop();
  }

  moved(): void {}

  left(): void {
    this.#stop();
  }

  /** Whole frames, or one Opus packet, as `record-start` wanted them. Dropped while nobody listens. */
  record(data: Uint8Array): void {
    if (this.#listening === null || data.length === 0) return;
    const { coding, frameBytes } = this.#listening;
    if (coding === "raw" && data.length % frameBytes !== 0) return;
    this.#send({ name: "DATA", body: { time: this.#mediaTime(), data } });
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "START":
        this.#start(message.body);
        break;
      case "STOP":
        this.#stop();
        break;
      case "VOLUME":
      case "MUTE":
        this.#volume.handle(message);
        break;
      default:
        break;
    }
    return true;
  }

  #decode(id: number, body: Uint8Array): RecordServerMessage | null {
    try {
      return recordCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #start(body: Extract<RecordServerMessage, { name: "START" }>["body"]): void {
    checkFormat(this.#end, body);
    this.#stop();
    const { channels, frequency } = body;
    const coding = this.#mayOpus(channels, frequency) ? "opus" : "raw";
    const mode = coding === "opus" ? AudioDataMode.OPUS : AudioDataMode.RAW;
    const time = this.#mediaTime();
    this.#send({ name: "MODE", body: { time, mode, data: new Uint8Array(0) } });
    this.#send({ name: "START_MARK", body: { time } });
    this.#listening = { coding, frameBytes: 2 * channels };
    const channelId = this.#end.channel.id;
    this.#wiring.event({ name: "record-start", channelId, coding, channels, frequency });
  }

  #mayOpus(channels: number, frequency: number): boolean {
    const opus = RecordCapability.SPICE_RECORD_CAP_OPUS;
    if (!this.#hasOpus || !hasCapability(this.#end.capabilities, opus)) return false;
    return isForOpus({ channels, frequency });
  }

  #stop(): void {
    if (this.#listening === null) return;
    this.#listening = null;
    this.#wiring.event({ name: "record-stop", channelId: this.#end.channel.id });
  }

  #send(message: ClientMessage<typeof Record>): void {
    this.#end.send(recordCodec.client.encode(message));
  }
}
