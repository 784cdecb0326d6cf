// A client's record channel: its microphone, while the guest listens and the client is the one that
// it listens to.

import { isForOpus } from "@caraway/media";
import {
  AudioDataMode,
  AudioFormat,
  type ClientMessage,
  hasCapability,
  type Record,
  RecordCapability,
  recordCodec,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { RecordView, ServedRecord } from "./served-record.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

/** Packets that wait to be decoded: more is more than anybody says in that time. */
const undecodedMax = 50;

export class RecordChannel implements ChannelHandler, RecordView, TaskOwner {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #record: ServedRecord;
  readonly #hasOpus: boolean;
  readonly #viewOnly: boolean;
  /** Of what the client sends, as it said. */
  #isOpus = false;
  #isStarted = false;
  /** The first is being decoded. */
  #undecoded: Uint8Array[] = [];
  #isDecoding = false;

  /** `hasOpus`: there is a decoder. */
  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    record: ServedRecord,
    hasOpus: boolean,
    viewOnly: boolean,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#record = record;
    this.#hasOpus = hasOpus;
    this.#viewOnly = viewOnly;
  }

  opened(): void {
    this.volumeChanged();
    if (!this.#viewOnly) this.#record.addView(this);
  }

  /** A client stops when its guest does, and begins again when it is told to. */
  moved(): void {
    this.opened();
  }

  closed(): void {
    this.#record.removeView(this);
  }

  writable(): void {}

  deadline(): number | null {
    return null;
  }

  timeout(): void {}

  snapshot(): unknown {
    return {
      isOpus: this.#isOpus,
      isStarted: this.#isStarted,
      undecoded: this.#undecoded.length,
    };
  }

  started(): void {
    const { format } = this.#record;
    if (format === null) return;
    if (this.#isStarted) this.#send({ name: "STOP", body: {} });
    this.#isStarted = true;
    this.#send({ name: "START", body: { ...format, format: AudioFormat.S16 } });
  }

  stopped(): void {
    if (this.#isStarted) this.#send({ name: "STOP", body: {} });
    this.#isStarted = false;
  }

  volumeChanged(): void {
    const volumeCapability = RecordCapability.SPICE_RECORD_CAP_VOLUME;
    if (!hasCapability(this.#end.capabilities, volumeCapability)) return;
    for (const message of this.#record.volume.messages()) this.#send(message);
  }

  message(id: number, body: Uint8Array): void {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "MODE":
        this.#setMode(message.body.mode);
        break;
      case "DATA":
        if (this.#isStarted) this.#take(message.body.data);
        break;
      default:
        break;
    }
  }

  done(result: ServerTaskResult): void {
    this.#undecoded.shift();
    this.#isDecoding = false;
    if (result.kind === "opus-decode") this.#record.hear(this, result.samples);
    this.#decodeNext();
  }

  #decode(id: number, body: Uint8Array): ClientMessage<typeof Record> | null {
    try {
      return recordCodec.client.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #setMode(mode: number): void {
    if (mode === AudioDataMode.RAW) this.#isOpus = false;
    else if (mode === AudioDataMode.OPUS && this.#hasOpus) this.#isOpus = true;
    else throw this.#end.unexpected("MODE", `coding ${mode} was not offered`);
  }

  #take(data: Uint8Array): void {
    if (!this.#isOpus) {
      this.#record.hear(this, data);
      return;
    }
    if (this.#undecoded.length < undecodedMax) this.#undecoded.push(data.slice());
    this.#decodeNext();
  }

  #decodeNext(): void {
    const [packet] = this.#undecoded;
    const { format, id: device, stream } = this.#record;
    if (this.#isDecoding || packet === undefined || format === null || !isForOpus(format)) return;
    this.#isDecoding = true;
    const work = { kind: "opus-decode", device, stream, format, packet } as const;
    this.#wiring.task(this, this.#end.connection, work);
  }

  #send(message: ServerMessage<typeof Record>): void {
    this.#end.send(recordCodec.server.encode(message));
  }
}
