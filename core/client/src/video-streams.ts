// The video streams of a display channel: frames wait here for their time by the session's clock.
// They are handed to the renderer a moment before, to be decoded, and named when they are to be
// shown. What comes too late is passed over, and the server learns how its frames arrived.

import type { Instant } from "@caraway/channel";
import type { MediaClock } from "@caraway/media";
import {
  type ClientMessage,
  type Display,
  type ServerMessage,
  streamsMax,
  VideoCodecType,
} from "@caraway/protocol";
import type { VideoFigures } from "./video-event.ts";
import type { Wiring } from "./wiring.ts";

type DisplayServerMessage = ServerMessage<typeof Display>;
type FrameMessage = Extract<DisplayServerMessage, { readonly name: `STREAM_DATA${string}` }>;
type Body<N extends DisplayServerMessage["name"]> = Extract<
  DisplayServerMessage,
  { readonly name: N }
>["body"];
type StreamReport = Extract<
  ClientMessage<typeof Display>,
  { readonly name: "STREAM_REPORT" }
>["body"];

export interface VideoStreamsOptions {
  readonly display: number;
  /** What can be decoded. */
  readonly codecs: readonly VideoCodecType[];
  readonly clock: MediaClock;
  /** How long after it was drawn a frame is seen. */
  readonly displayLatencyMs: number;
  /** How long from now until the newest sound that came is heard, in ms; null without sound. */
  readonly audioDelay: () => number | null;
  readonly report: (report: StreamReport) => void;
}

interface WaitingFrame {
  readonly key: number;
  readonly message: FrameMessage;
  /** The renderer has it. */
  isDecoding: boolean;
}

interface Reporting {
  readonly uniqueId: number;
  readonly windowFrames: number;
  readonly timeoutMs: number;
  current: { readonly startTime: number; readonly startAt: Instant } | null;
  frames: number;
  drops: number;
}

interface Stream {
  readonly id: number;
  readonly codec: number;
  readonly width: number;
  readonly height: number;
  readonly waiting: WaitingFrame[];
  readonly figures: { -readonly [K in keyof VideoFigures]: VideoFigures[K] };
  reporting: Reporting | null;
  shownAt: Instant;
}

/** Before its time a frame is decoded. */
const decodingMs = 80;
/** A frame that is late by less is shown, and nobody notices. */
const toleratedMs = 40;
/** Rather than nothing at all for so long, a frame is shown that is late. */
const starvedMs = 250;
/** Nobody means a time so far off: such a frame is shown when it comes. */
const absurdMs = 5000;
/** What may wait of a channel, whatever its stamps say. */
const framesMax = 128;
const bytesMax = 32 << 20;
const noAudio = 0xffffffff;
const cannotDecode = 0xffffffff;
const timeoutMaxMs = 60_000;

export class VideoStreams {
  readonly #wiring: Wiring;
  readonly #options: VideoStreamsOptions;
  readonly #streams = new Map<number, Stream>();
  #nextKey = 1;
  #waitingBytes = 0;
  #waitingFrames = 0;

  constructor(wiring: Wiring, options: VideoStreamsOptions) {
    this.#wiring = wiring;
    this.#options = options;
  }

  /** Hears every message on its way to the renderer; frames go another way. */
  handle(message: DisplayServerMessage): "passed" | "taken" {
    switch (message.name) {
      case "STREAM_CREATE":
        this.#create(message.body);
        return "passed";
      case "STREAM_DATA":
      case "STREAM_DATA_SIZED":
        this.#take(message);
        return "taken";
      case "STREAM_DESTROY":
        this.#end(message.body.id);
        return "passed";
      case "STREAM_DESTROY_ALL":
        this.clear();
        return "passed";
      case "STREAM_ACTIVATE_REPORT":
        this.#activate(message.body);
        return "taken";
      default:
        return "passed";
    }
  }

  /** All streams are over. */
  clear(): void {
    for (const id of [...this.#streams.keys()]) this.#end(id);
  }

  deadline(): Instant | null {
    const { now } = this.#wiring;
    let earliest: Instant | null = null;
    for (const stream of this.#streams.values()) {
      for (const frame of stream.waiting) {
        const lead = frame.isDecoding ? 0 : decodingMs;
        const at = now + Math.max(0, this.#untilShown(frame.message) - lead);
        if (earliest === null || at < earliest) earliest = at;
      }
    }
    return earliest;
  }

  timeout(): void {
    for (const stream of this.#streams.values()) this.#advance(stream);
  }

  snapshot(): unknown {
    return [...this.#streams.values()].map(({ id, codec, waiting, figures }) => {
      return { id, codec, waiting: waiting.length, figures: { ...figures } };
    });
  }

  #create({
    id,
    codecType: codec,
    streamWidth: width,
    streamHeight: height,
  }: Body<"STREAM_CREATE">) {
    this.#end(id);
    // The renderer ends a channel whose server does so.
    if (id >= streamsMax) return;
    const { now } = this.#wiring;
    const figures = { received: 0, shown: 0, late: 0, dropped: 0, refused: 0, bytes: 0 };
    const stream = { id, codec, width, height, waiting: [], figures, reporting: null };
    this.#streams.set(id, { ...stream, shownAt: now });
    const { display: channelId } = this.#options;
    this.#wiring.event({ name: "video-began", channelId, stream: id, codec, width, height });
  }

  #end(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    for (const frame of stream.waiting.splice(0)) {
      this.#leave(frame);
      stream.figures.dropped += 1;
    }
    this.#streams.delete(id);
    const { display: channelId } = this.#options;
    const figures = { ...stream.figures };
    this.#wiring.event({ name: "video-ended", channelId, stream: id, figures });
  }

  #activate({ streamId, uniqueId, maxWindowSize, timeoutMs }: Body<"STREAM_ACTIVATE_REPORT">) {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.reporting = {
      uniqueId,
      windowFrames: Math.max(1, maxWindowSize),
      timeoutMs: Math.min(timeoutMs, timeoutMaxMs),
      current: null,
      frames: 0,
      drops: 0,
    };
    if (this.#isKnown(stream)) return;
    this.#options.report({
      ...{ streamId, uniqueId, startFrameMmTime: 0, endFrameMmTime: 0 },
      ...{ numFrames: 0, numDrops: cannotDecode, lastFrameDelay: 0, audioDelay: noAudio },
    });
  }

  #isKnown({ codec }: Stream): boolean {
    return this.#options.codecs.some((known) => known === codec);
  }

  #take(message: FrameMessage): void {
    const stream = this.#streams.get(message.body.id);
    // One that comes behind its stream's end belongs to nothing.
    if (stream === undefined) return;
    const { figures } = stream;
    figures.received += 1;
    figures.bytes += message.body.data.length;
    if (!this.#isKnown(stream)) {
      figures.refused += 1;
      return;
    }
    const margin = this.#untilShown(message);
    const isLate = margin < -toleratedMs;
    if (isLate) figures.late += 1;
    this.#report(stream, message, margin, isLate);
    const { now } = this.#wiring;
    if (isLate && stream.codec === VideoCodecType.MJPEG && now - stream.shownAt < starvedMs) {
      figures.dropped += 1;
      return;
    }
    stream.waiting.push({ key: this.#nextKey++, message, isDecoding: false });
    this.#waitingBytes += message.body.data.length;
    this.#waitingFrames += 1;
    this.#advance(stream);
    while (this.#waitingFrames > framesMax || this.#waitingBytes > bytesMax) this.#dropOldest();
  }

  #dropOldest(): void {
    const first = [...this.#streams.values()].reduce((fullest, stream) => {
      return stream.waiting.length > fullest.waiting.length ? stream : fullest;
    });
    const frame = first.waiting.shift()!;
    // What comes behind it may need it.
    if (first.codec !== VideoCodecType.MJPEG) this.#decode(frame);
    this.#leave(frame);
    first.figures.dropped += 1;
  }

  /** Has decoded what soon is due, and shown what is. */
  #advance(stream: Stream): void {
    const { waiting, figures } = stream;
    for (const frame of waiting) {
      if (!frame.isDecoding && this.#untilShown(frame.message) <= decodingMs) this.#decode(frame);
    }
    // Of several that are due the last one is the picture that should be seen.
    const due = waiting.findLastIndex((frame) => this.#untilShown(frame.message) < 1);
    for (const [at, frame] of waiting.splice(0, due + 1).entries()) {
      this.#leave(frame);
      if (at < due) {
        if (stream.codec !== VideoCodecType.MJPEG) this.#decode(frame);
        figures.dropped += 1;
        continue;
      }
      this.#decode(frame);
      figures.shown += 1;
      stream.shownAt = this.#wiring.now;
      const { display } = this.#options;
      this.#wiring.render({ type: "show-frame", display, key: frame.key });
    }
  }

  #decode(frame: WaitingFrame): void {
    if (frame.isDecoding) return;
    frame.isDecoding = true;
    const { display } = this.#options;
    const { key, message } = frame;
    this.#wiring.render({ type: "frame", display, key, message });
  }

  #leave({ message }: WaitingFrame): void {
    this.#waitingFrames -= 1;
    this.#waitingBytes -= message.body.data.length;
  }

  #untilShown({ body }: FrameMessage): number {
    const { clock, displayLatencyMs } = this.#options;
    const until = clock.untilShown(body.multiMediaTime, this.#wiring.now) ?? displayLatencyMs;
    return Math.abs(until) > absurdMs ? 0 : until - displayLatencyMs;
  }

  #report(stream: Stream, { body }: FrameMessage, margin: number, isLate: boolean): void {
    const { reporting } = stream;
    if (reporting === null) return;
    const { now } = this.#wiring;
    reporting.current ??= { startTime: body.multiMediaTime, startAt: now };
    reporting.frames += 1;
    if (isLate) reporting.drops += 1;
    const { startTime, startAt } = reporting.current;
    const isDue =
      reporting.frames >= reporting.windowFrames || now - startAt >= reporting.timeoutMs;
    if (!isDue) return;
    const audioDelay = this.#options.audioDelay();
    this.#options.report({
      streamId: stream.id,
      uniqueId: reporting.uniqueId,
      startFrameMmTime: startTime,
      endFrameMmTime: body.multiMediaTime,
      numFrames: reporting.frames,
      numDrops: reporting.drops,
      lastFrameDelay: Math.round(margin),
      audioDelay: audioDelay === null ? noAudio : Math.max(0, Math.round(audioDelay)),
    });
    Object.assign(reporting, { current: null, frames: 0, drops: 0 });
  }
}
