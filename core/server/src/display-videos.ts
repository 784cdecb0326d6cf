// The video streams of a client's display channel: each shows a video of the display as frames of
// what is there when a frame is due. While a stream goes on, nothing else is sent of its area, but
// for what lies over the video and is clipped out; when the video rests or is gone, the area is sent
// once more without losses.
//
// INVARIANT: what a stream shows, its box within its clip, is held in the queue from STREAM_CREATE to
// STREAM_DESTROY.

import { type Box, contains, intersection, isEmptyBox, overlap } from "@caraway/canvas";
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
import { FrameEncoder } from "./frame-encoder.ts";
import type { MediaTime } from "./media-time.ts";
import type { ServerOptions } from "./options.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServedSurface } from "./served-surface.ts";
import { chooseVideoCodec, videoCodecNumbers } from "./video-codecs.ts";
import type { Video } from "./video-detector.ts";
import { firstRateStep, slowRateStep, VideoRate } from "./video-rate.ts";
import type { Wiring } from "./wiring.ts";

type StreamReport = Extract<
  ClientMessage<typeof Display>,
  { readonly name: "STREAM_REPORT" }
>["body"];

/** A stream between two servers. */
export interface MovedVideo {
  readonly id: number;
  readonly surface: number;
  readonly box: Box;
  readonly codec: number;
  /** Of STREAM_ACTIVATE_REPORT; 0: the client was not asked to report. */
  readonly reportId: number;
  readonly rateStep: number;
}

interface Stream {
  readonly id: number;
  readonly video: Video;
  /** That of the video, or what of it the codec can show. */
  readonly box: Box;
  /** What of the box is shown; the box alone where nothing lies over it. */
  shown: readonly Box[];
  readonly encoder: FrameEncoder;
  readonly rate: VideoRate;
  readonly reportId: number;
  /** Since when its area is not what was sent last; null: it is. */
  changedAt: Instant | null;
  /** When the guest began to paint what is there now. */
  paintedAt: Instant;
  /** For which moment the last frame was. */
  stampedAt: Instant;
  nextAt: Instant;
  /** When a frame was last left out. */
  missedAt: Instant;
  /** A frame is being compressed. */
  isEncoding: boolean;
  readonly figures: { frames: number; bytes: number; skipped: number; drops: number };
}

/** A guest paints a frame in several steps: so long from the first one. */
const paintingMs = 6;
/** What is painted later than that is the next picture. */
const pictureMs = 12;
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
  #encoderCount = 0;
  #preferred: readonly number[] = [];
  /** Codecs that the client cannot show after all, or that we have no encoder for. */
  readonly #failed = new Set<number>();
  /** Ids of streams that the client could not decode. */
  readonly #refusedIds = new Set<number>();
  /** What the server encodes, best first. */
  readonly #ours: readonly VideoCodecType[];

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
    const { encoders, videoCodecs } = options;
    this.#ours = videoCodecs
      .map((name) => videoCodecNumbers[name])
      .filter((codec) => {
        return codec === VideoCodecType.MJPEG ? encoders.jpeg : encoders.video.includes(codec);
      });
  }

  /** What the client said of the codecs that it prefers, best first. */
  get preferred(): readonly number[] {
    return this.#preferred;
  }

  /** Streams of another codec than the best one begin anew. */
  prefer(codecs: readonly number[]): void {
    this.#preferred = codecs;
    const best = this.#codec;
    for (const stream of [...this.#streams.values()]) {
      if (stream.encoder.codec !== best) this.#finish(stream);
    }
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
    const { now } = this.#wiring;
    for (const stream of this.#streams.values()) {
      const { video, shown, paintedAt } = stream;
      if (video.surface !== surface) continue;
      const isShown = boxes.some((box) => shown.some((part) => overlap(box, part)));
      if (!isShown) continue;
      if (stream.changedAt === null || now - paintedAt > pictureMs) stream.paintedAt = now;
      stream.changedAt ??= now;
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
    const stream = [...this.#streams.values()].find(({ id }) => id === report.streamId);
    if (stream === undefined) return;
    const { numFrames: frames, numDrops: drops, lastFrameDelay: marginMs, audioDelay } = report;
    if (frames === 0 && drops === cannotDecode) {
      // spice-gtk says so without the report's id, and twice: it has to mean no other stream.
      this.#refusedIds.add(stream.id);
      this.#giveUp(stream.encoder.codec);
      return;
    }
    if (stream.reportId !== report.uniqueId) return;
    stream.figures.drops += drops;
    stream.rate.reported({ frames, drops, marginMs }, this.#wiring.now);
    if (frames > 0 && audioDelay !== noAudio) this.#client.videoMargin(marginMs, audioDelay);
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

  /** The channel is gone. */
  closed(): void {
    for (const { encoder } of this.#streams.values()) encoder.end();
    this.#streams.clear();
  }

  /** Before `leave`: streams show all of their boxes, as the other server knows of no clips. */
  unclip(): void {
    for (const stream of this.#streams.values()) this.#clip(stream, [stream.box]);
  }

  /** What goes on at another server: nothing is sent any more. */
  leave(): MovedVideo[] {
    const moved = [...this.#streams.values()].map(({ id, video, box, encoder, reportId, rate }) => {
      const { codec } = encoder;
      return { id, surface: video.surface.id, box, codec, reportId, rateStep: rate.step };
    });
    for (const { video } of this.#streams.values()) this.#queue.forgetHeld(video.surface);
    this.closed();
    return moved;
  }

  /** Goes on with what another server began, or ends it; surfaces are there. */
  resume(moved: readonly MovedVideo[]): void {
    const { now } = this.#wiring;
    for (const { id, surface: surfaceId, box, codec: known, reportId, rateStep } of moved) {
      const surface = this.#display.surface(surfaceId);
      const isThere = surface !== null && this.#queue.has(surface);
      // A stream keeps its codec, whose frames go on with a key frame.
      const codec = this.#codec;
      const isOurs = codec !== null && codec === known;
      const video = isThere && isOurs ? this.#display.adoptVideo(surface, box) : null;
      if (!isOurs || video === null || this.#streams.has(video)) {
        this.#send({ name: "STREAM_DESTROY", body: { id } });
        if (isThere) this.#queue.miss(surface, [box]);
        continue;
      }
      this.#nextReport = Math.max(this.#nextReport, reportId + 1);
      const encoder = this.#encoderFor(codec);
      const rate = new VideoRate(rateStep, now);
      const stream = newStream({ id, video, box, encoder, rate, reportId }, now);
      this.#queue.hold(video.surface, stream.shown);
      this.#streams.set(video, stream);
    }
  }

  snapshot(): unknown {
    return [...this.#streams.values()].map((stream) => {
      const { id, box, shown, encoder, rate, isEncoding, figures } = stream;
      const { codec } = encoder;
      return { id, codec, box, shown: [...shown], rateStep: rate.step, isEncoding, figures };
    });
  }

  /** Videos of the display may have begun or ended. */
  #sync(): void {
    const { videos } = this.#display;
    for (const stream of [...this.#streams.values()]) {
      if (!videos.includes(stream.video)) this.#finish(stream);
    }
    for (const video of videos) {
      const stream = this.#streams.get(video);
      if (stream === undefined) this.#begin(video);
      else this.#clip(stream, shownOf(video, stream.box));
    }
  }

  /** Of streams that begin now; null when there can be none. */
  get #codec(): VideoCodecType | null {
    if (this.#options.streaming === "off") return null;
    const { capabilities } = this.#end;
    const [preferred, failed] = [this.#preferred, this.#failed];
    return chooseVideoCodec({ ours: this.#ours, capabilities, preferred, failed });
  }

  #encoderFor(codec: VideoCodecType): FrameEncoder {
    const name = `${this.#client.key} ${this.#end.label} ${this.#encoderCount++}`;
    return new FrameEncoder(this.#wiring, this.#end.connection, codec, name);
  }

  /** Streams of the codec begin anew with the next best one. */
  #giveUp(codec: VideoCodecType): void {
    this.#failed.add(codec);
    for (const stream of [...this.#streams.values()]) {
      if (stream.encoder.codec === codec) this.#finish(stream);
    }
  }

  #begin(video: Video): void {
    const { surface } = video;
    const codec = this.#codec;
    if (codec === null || !this.#queue.isSeen(surface)) return;
    const box = codec === VideoCodecType.MJPEG ? video.box : evenBox(video.box);
    const used = new Set(
      [...this.#streams.values()].map(({ id }) => id).concat(...this.#refusedIds),
    );
    let id = 0;
    while (used.has(id)) id += 1;
    if (id >= streamsMax) return;
    const { now } = this.#wiring;
    const reports = DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT;
    const reportId = hasCapability(this.#end.capabilities, reports) ? this.#nextReport++ : 0;
    const rate = new VideoRate(this.#client.isSlow ? slowRateStep : firstRateStep, now);
    const encoder = this.#encoderFor(codec);
    const stream = newStream({ id, video, box, encoder, rate, reportId }, now);
    this.#streams.set(video, stream);
    this.#queue.hold(surface, stream.shown);
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    this.#send({
      name: "STREAM_CREATE",
      body: {
        surfaceId: surface.id,
        id,
        flags: StreamFlag.TOP_DOWN,
        codecType: codec,
        stamp: 0n,
        streamWidth: width,
        streamHeight: height,
        srcWidth: width,
        srcHeight: height,
        dest: box,
        clip: { type: ClipType.NONE },
      },
    });
    this.#clip(stream, shownOf(video, box));
    if (reportId === 0) return;
    const asked = { uniqueId: reportId, maxWindowSize: reportFrames, timeoutMs: reportTimeoutMs };
    this.#send({ name: "STREAM_ACTIVATE_REPORT", body: { streamId: id, ...asked } });
  }

  /** What is not shown any more is sent as it is, from now on. */
  #clip(stream: Stream, shown: readonly Box[]): void {
    if (isSameList(stream.shown, shown)) return;
    const { surface } = stream.video;
    const before = stream.shown;
    stream.shown = shown;
    const isWhole = isSameList(shown, [stream.box]);
    const clip = isWhole
      ? ({ type: ClipType.NONE } as const)
      : ({ type: ClipType.RECTS, rects: [...shown] } as const);
    this.#send({ name: "STREAM_CLIP", body: { id: stream.id, clip } });
    this.#queue.hold(surface, shown);
    this.#queue.release(surface, before);
  }

  #finish({ id, video, shown, encoder, figures }: Stream): void {
    this.#streams.delete(video);
    encoder.end();
    this.#send({ name: "STREAM_DESTROY", body: { id } });
    this.#queue.release(video.surface, shown);
    const { codec } = encoder;
    const where = { client: this.#client.key, channel: this.#end.label, stream: id, codec };
    this.#wiring.event({ name: "video-ended", ...where, ...figures });
  }

  #encode(stream: Stream): void {
    const { now } = this.#wiring;
    const { video, box, rate, encoder, figures } = stream;
    const { paintedAt } = stream;
    stream.isEncoding = true;
    stream.changedAt = null;
    stream.nextAt = Math.max(stream.nextAt + rate.intervalMs, now + rate.intervalMs / 2);
    encoder.encode(video.surface, box, rate, (data) => {
      stream.isEncoding = false;
      if (data === null) {
        this.#giveUp(encoder.codec);
        return;
      }
      const { now: doneAt } = this.#wiring;
      // The first one takes what an encoder needs to begin: that it is late is no sign of anything.
      if (figures.frames > 0) rate.encoded(doneAt - now);
      this.#sendFrame(stream, figures.frames > 0 ? paintedAt : doneAt, data);
    });
  }

  #sendFrame(stream: Stream, madeAt: Instant, data: Uint8Array): void {
    stream.stampedAt = Math.max(stream.stampedAt, madeAt);
    const multiMediaTime = this.#time.at(stream.stampedAt);
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

type NewStream = Pick<Stream, "id" | "video" | "box" | "encoder" | "rate" | "reportId">;

function newStream(given: NewStream, now: Instant): Stream {
  const figures = { frames: 0, bytes: 0, skipped: 0, drops: 0 };
  const times = { changedAt: now, paintedAt: now, stampedAt: now, nextAt: now, missedAt: now };
  return { ...given, ...times, shown: [given.box], isEncoding: false, figures };
}

function dueAt({ isEncoding, changedAt, nextAt }: Stream): Instant | null {
  if (isEncoding || changedAt === null) return null;
  return Math.max(nextAt, changedAt + paintingMs);
}

/** Colours of these codecs belong to two by two pixels; a last odd row or column is sent as it is. */
function evenBox({ left, top, right, bottom }: Box): Box {
  return {
    left,
    top,
    right: right - ((right - left) & 1),
    bottom: bottom - ((bottom - top) & 1),
  };
}

/** What of a stream's box nothing lies over. */
function shownOf(video: Video, box: Box): readonly Box[] {
  if (video.shown === null) return [box];
  return video.shown.map((part) => intersection(part, box)).filter((part) => !isEmptyBox(part));
}

function isSameList(one: readonly Box[], other: readonly Box[]): boolean {
  if (one.length !== other.length) return false;
  return one.every((box, at) => contains(box, other[at]!) && contains(other[at]!, box));
}
