// The video streams of a client's display channel: each shows a video of the display as JPEG frames
// of what is there when a frame is due. While a stream goes on, nothing else is sent of its area;
// when the video rests or is gone, the area is sent once more without losses.
//
// INVARIANT: the client's area of a stream is held in the queue from STREAM_CREATE to STREAM_DESTROY.

import { type Box, overlap } from "@caraway/canvas";
import type { Instant } from "@caraway/channel";
import {
  type ClientMessage,
  ClipType,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  type ServerMessage,
  StreamFlag,
  streamsMax,
  VideoCodecType,
} from "@caraway/protocol";
import type { ChannelEnd } from "./channel-end.ts";
import type { DisplayQueue } from "./display-queue.ts";
import type { DisplayClient } from "./display-sender.ts";
import type { MediaTime } from "./media-time.ts";
import type { ServerOptions } from "./options.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServedSurface } from "./served-surface.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { Video } from "./video-detector.ts";
import { firstRateStep, slowRateStep, VideoRate } from "./video-rate.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

type StreamReport = Extract<
  ClientMessage<typeof Display>,
  { readonly name: "STREAM_REPORT" }
>["body"];

/** A stream between two servers. */
export interface MovedVideo {
  readonly id: number;
  readonly surface: number;
  readonly box: Box;
  /** Of STREAM_ACTIVATE_REPORT; 0: the client was not asked to report. */
  readonly reportId: number;
  readonly rateStep: number;
}

interface Stream {
  readonly id: number;
  readonly video: Video;
  readonly rate: VideoRate;
  readonly reportId: number;
  /** Since when its area is not what was sent last; null: it is. */
  changedAt: Instant | null;
  nextAt: Instant;
  /** When a frame was last left out. */
  missedAt: Instant;
  /** A frame of this moment is being compressed. */
  encoding: Instant | null;
  readonly figures: { frames: number; bytes: number; skipped: number; drops: number };
}

/** A guest paints a frame in several steps: so long from the first one. */
const paintingMs = 6;
/** Less than half a window: a client that acknowledges in time holds nothing up. */
const reservedFrames = 8;
/** Asked of clients, as in spice-server. */
const reportFrames = 8;
const reportTimeoutMs = 1000;
/** `numDrops` of a client that cannot decode a stream. */
const cannotDecode = 0xffffffff;
const noAudio = 0xffffffff;

export class DisplayVideos {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #display: ServedDisplay;
  readonly #queue: DisplayQueue;
  readonly #client: DisplayClient;
  readonly #options: ServerOptions;
  readonly #time: MediaTime;
  readonly #streams = new Map<Video, Stream>();
  #nextReport = 1;
  /** The client cannot show what we have. */
  #isRefused = false;

  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    display: ServedDisplay,
    queue: DisplayQueue,
    client: DisplayClient,
    options: ServerOptions,
    time: MediaTime,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#display = display;
    this.#queue = queue;
    this.#client = client;
    this.#options = options;
    this.#time = time;
  }

  /** Messages of the ack window that drawings leave for frames, which cannot wait. */
  get reserve(): number {
    return this.#streams.size === 0 ? 0 : reservedFrames;
  }

  deadline(): Instant | null {
    let earliest = this.#display.videoDeadline();
    if (!this.#end.canSend) return earliest;
    for (const stream of this.#streams.values()) {
      const due = dueAt(stream);
      if (due !== null) earliest = Math.min(earliest ?? due, due);
    }
    return earliest;
  }

  /** Something was painted. */
  painted(surface: ServedSurface, boxes: readonly Box[]): void {
    for (const stream of this.#streams.values()) {
      const { video } = stream;
      if (stream.changedAt !== null || video.surface !== surface) continue;
      if (boxes.some((box) => overlap(box, video.box))) stream.changedAt = this.#wiring.now;
    }
  }

  /** Has frames compressed that are due. */
  pump(): void {
    const { now } = this.#wiring;
    this.#display.expireVideos();
    if (this.#streams.size > 0 || this.#display.videos.length > 0) this.#sync();
    for (const stream of this.#streams.values()) {
      const due = dueAt(stream);
      if (due === null || now < due) continue;
      if (this.#end.canSend) this.#encode(stream);
      else if (now >= Math.max(due, stream.missedAt) + stream.rate.intervalMs) {
        // A whole frame's time has passed, and the client has not taken what was sent before.
        stream.missedAt = now;
        stream.figures.skipped += 1;
        stream.rate.skipped(now);
      }
    }
  }

  report(report: StreamReport): void {
    const { now } = this.#wiring;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id !== report.streamId || stream.reportId !== report.uniqueId) continue;
      if (report.numFrames === 0 && report.numDrops === cannotDecode) {
        this.#isRefused = true;
        this.endAll();
        return;
      }
      const { numFrames: frames, numDrops: drops, lastFrameDelay: marginMs, audioDelay } = report;
      stream.figures.drops += drops;
      stream.rate.reported({ frames, drops, marginMs }, now);
      if (frames > 0 && audioDelay !== noAudio) this.#client.videoMargin(marginMs, audioDelay);
    }
  }

  /** Gives all areas back. */
  endAll(): void {
    for (const stream of [...this.#streams.values()]) this.#finish(stream);
  }

  /** A surface is about to go, with what plays on it. */
  endOn(surface: ServedSurface): void {
    for (const stream of [...this.#streams.values()]) {
      if (stream.video.surface === surface) this.#finish(stream);
    }
  }

  /** What goes on at another server: nothing is sent any more. */
  leave(): MovedVideo[] {
    const moved = [...this.#streams.values()].map(({ id, video, reportId, rate }) => {
      return { id, surface: video.surface.id, box: video.box, reportId, rateStep: rate.step };
    });
    for (const { video } of this.#streams.values()) this.#queue.forgetHeld(video.surface);
    this.#streams.clear();
    return moved;
  }

  /** Goes on with what another server began, or ends it; surfaces are there. */
  resume(moved: readonly MovedVideo[]): void {
    const { now } = this.#wiring;
    for (const { id, surface: surfaceId, box, reportId, rateStep } of moved) {
      const surface = this.#display.surface(surfaceId);
      const isThere = surface !== null && this.#queue.has(surface);
      const video = isThere && this.#isPossible ? this.#display.adoptVideo(surface, box) : null;
      if (video === null || this.#streams.has(video)) {
        this.#send({ name: "STREAM_DESTROY", body: { id } });
        if (isThere) this.#queue.miss(surface, [box]);
        continue;
      }
      this.#queue.hold(video.surface, video.box);
      this.#nextReport = Math.max(this.#nextReport, reportId + 1);
      this.#streams.set(video, newStream(id, video, new VideoRate(rateStep, now), reportId, now));
    }
  }

  snapshot(): unknown {
    return [...this.#streams.values()].map(({ id, video, rate, encoding, figures }) => {
      return { id, box: video.box, rateStep: rate.step, isEncoding: encoding !== null, figures };
    });
  }

  /** Videos of the display may have begun or ended. */
  #sync(): void {
    const { videos } = this.#display;
    for (const stream of [...this.#streams.values()]) {
      if (!videos.includes(stream.video)) this.#finish(stream);
    }
    for (const video of videos) if (!this.#streams.has(video)) this.#begin(video);
  }

  get #isPossible(): boolean {
    const { streaming, encoders } = this.#options;
    if (streaming === "off" || !encoders.jpeg || this.#isRefused) return false;
    const has = (bit: number) => hasCapability(this.#end.capabilities, bit);
    const { SPICE_DISPLAY_CAP_MULTI_CODEC, SPICE_DISPLAY_CAP_CODEC_MJPEG } = DisplayCapability;
    return !has(SPICE_DISPLAY_CAP_MULTI_CODEC) || has(SPICE_DISPLAY_CAP_CODEC_MJPEG);
  }

  #begin(video: Video): void {
    const { surface, box } = video;
    if (!this.#isPossible || !this.#queue.isSeen(surface)) return;
    const used = new Set([...this.#streams.values()].map(({ id }) => id));
    let id = 0;
    while (used.has(id)) id += 1;
    if (id >= streamsMax) return;
    const { now } = this.#wiring;
    const reports = DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT;
    const reportId = hasCapability(this.#end.capabilities, reports) ? this.#nextReport++ : 0;
    const rate = new VideoRate(this.#client.isSlow ? slowRateStep : firstRateStep, now);
    this.#streams.set(video, newStream(id, video, rate, reportId, now));
    this.#queue.hold(surface, box);
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    this.#send({
      name: "STREAM_CREATE",
      body: {
        surfaceId: surface.id,
        id,
        flags: StreamFlag.TOP_DOWN,
        codecType: VideoCodecType.MJPEG,
        stamp: 0n,
        streamWidth: width,
        streamHeight: height,
        srcWidth: width,
        srcHeight: height,
        dest: box,
        clip: { type: ClipType.NONE },
      },
    });
    if (reportId === 0) return;
    const asked = { uniqueId: reportId, maxWindowSize: reportFrames, timeoutMs: reportTimeoutMs };
    this.#send({ name: "STREAM_ACTIVATE_REPORT", body: { streamId: id, ...asked } });
  }

  #finish({ id, video, figures }: Stream): void {
    this.#streams.delete(video);
    this.#send({ name: "STREAM_DESTROY", body: { id } });
    this.#queue.release(video.surface, video.box);
    const where = { client: this.#client.key, channel: this.#end.label, stream: id };
    this.#wiring.event({ name: "video-ended", ...where, ...figures });
  }

  #encode(stream: Stream): void {
    const { now } = this.#wiring;
    const { video, rate } = stream;
    const madeAt = stream.changedAt ?? now;
    const { width, height, data } = video.surface.read(video.box);
    const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
    const owner: TaskOwner = {
      done: (result: ServerTaskResult) => {
        if (stream.encoding === null || this.#streams.get(video) !== stream) return;
        rate.encoded(this.#wiring.now - stream.encoding);
        stream.encoding = null;
        if (result.kind === "jpeg") this.#sendFrame(stream, madeAt, result.data);
        else {
          this.#isRefused = true;
          this.endAll();
        }
      },
    };
    stream.encoding = now;
    stream.changedAt = null;
    stream.nextAt = Math.max(stream.nextAt + rate.intervalMs, now + rate.intervalMs / 2);
    const image = { format: "xrgb", width, height, pixels } as const;
    const work = { kind: "jpeg", image, quality: rate.quality } as const;
    this.#wiring.task(owner, this.#end.connection, work);
  }

  #sendFrame(stream: Stream, madeAt: Instant, data: Uint8Array): void {
    const multiMediaTime = this.#time.at(madeAt);
    stream.figures.frames += 1;
    stream.figures.bytes += data.length;
    stream.rate.sent(this.#wiring.now);
    this.#send({ name: "STREAM_DATA", body: { id: stream.id, multiMediaTime, data } });
  }

  /** Frames are no reason to wait with making losses good elsewhere. */
  #send(message: ServerMessage<typeof Display>): void {
    this.#end.send(displayCodec.server.encode(message));
  }
}

function newStream(
  id: number,
  video: Video,
  rate: VideoRate,
  reportId: number,
  now: Instant,
): Stream {
  const figures = { frames: 0, bytes: 0, skipped: 0, drops: 0 };
  const times = { changedAt: now, nextAt: now, missedAt: now, encoding: null };
  return { id, video, rate, reportId, ...times, figures };
}

function dueAt({ encoding, changedAt, nextAt }: Stream): Instant | null {
  if (encoding !== null || changedAt === null) return null;
  return Math.max(nextAt, changedAt + paintingMs);
}
