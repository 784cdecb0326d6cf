// Runs a session in one thread, which may be a worker or the page's own: the client with its
// connections, its painters, and what it has to tell the page.

import type { Address, TlsIdentity } from "@caraway/channel";
import { defaultSessionOptions, type Endpoint, type SessionEvent } from "@caraway/client";
import { CodecError, plainCanvasPixels } from "@caraway/codecs";
import {
  ClientDriver,
  type DecodeImage,
  type Platform,
  type TransportListener,
} from "@caraway/driver";
import { VideoCodecType } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import { blobSource } from "./blob-source.ts";
import {
  type ClientEvent,
  type ClientOptions,
  type FromClient,
  type PlainError,
  type ScreenKey,
  type SharedTime,
  type Statistics,
  sharedTime,
  type ToClient,
} from "./client-message.ts";
import { cursorImage } from "./cursor-image.ts";
import { DecodePool } from "./decode-pool.ts";
import type { ThreadDecoders } from "./decoders.ts";
import { Figures } from "./figures.ts";
import { linkCrypto } from "./link-crypto.ts";
import { ScreenPainters } from "./screen-painters.ts";
import { SoundFeeds } from "./sound-feeds.ts";
import { type Connector, openTransport } from "./transport.ts";
import { VideoFrames } from "./video-frames.ts";

export interface HostSurroundings {
  /** Asked for every connection that is not simply the WebSocket of `options.url`. */
  readonly connector: Connector;
  readonly post: (message: FromClient, transfer?: Transferable[]) => void;
  readonly decoders: ThreadDecoders;
  /** What this browser decodes of video beside MJPEG. */
  readonly videoCodecs: readonly VideoCodecType[];
  /** Makes a thread for decoding; throws where none is to be had. */
  readonly startWorker: () => Worker;
}

type HostMessage = Exclude<ToClient, { type: "start" | "connect-to" | `relay-${string}` }>;

const statisticsIntervalMs = 1000;

/** What is drawn is painted with the next refresh of the screen and on it with the one behind. */
const displayLatencyMs = 25;

/** Paintings are told for as long after a migration, so that a page knows when the picture moved on. */
const paintedAfterMoveMs = 5000;

export class ClientHost {
  readonly #surroundings: HostSurroundings;
  readonly #figures = new Figures(() => performance.now());
  readonly #videoFrames = new VideoFrames();
  readonly #sounds = new SoundFeeds();
  readonly #pool: DecodePool;
  readonly #client: ClientDriver;
  readonly #painters: ScreenPainters;
  readonly #backlogs = new Map<TransportListener, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  #frames = 0;
  #pixels = 0;
  #lastPainted: { readonly keys: readonly ScreenKey[]; readonly at: SharedTime } | null = null;
  #told = "";
  /** Until when paintings are told. */
  #tellPaintedUntil = 0;
  #ended = false;

  /** Begins to connect at once. */
  constructor(options: ClientOptions, surroundings: HostSurroundings) {
    this.#surroundings = surroundings;
    const { decoders, videoCodecs } = surroundings;
    const withVideo = { ...decoders.decoders, video: this.#videoFrames };
    this.#pool = new DecodePool({ ...decoders, decoders: withVideo }, surroundings.startWorker);
    const { preferredVideoCodecs } = options;
    this.#client = new ClientDriver(this.#platform(options), this.#decode, {
      session: {
        ...defaultSessionOptions,
        endpoint: serverEndpoint(options),
        channels: options.channels,
        opus: options.opus,
        opusRecord: options.opusRecord,
        displayLatencyMs,
        videoCodecs: [VideoCodecType.MJPEG, ...videoCodecs],
        preferredVideoCodecs: preferredVideoCodecs.filter((codec) => {
          return codec === VideoCodecType.MJPEG || videoCodecs.includes(codec);
        }),
        maxClipboard: options.maxClipboard ?? defaultSessionOptions.maxClipboard,
        migration: options.migration,
        mouseMode: options.mouseMode,
        mapTarget: (target) => preferredTarget(target, options.url),
      },
      credentials: options.credentials,
      onEvent: (event) => this.#event(event),
      onPicture: (event) => {
        if (event.type === "video-ended") this.#videoFrames.end(event.stream);
        else this.#painters.note(event);
      },
      onRender: (command) => this.#figures.command(command),
      onBytes: (connection, from, bytes) => this.#figures.bytes(connection, from, bytes),
      onFault: (error) => this.#fault(error),
    });
    const { renderer, screens } = this.#client;
    const toCanvas = decoders.kernels.canvasPixels ?? plainCanvasPixels();
    this.#painters = new ScreenPainters(renderer, screens, toCanvas, {
      screens: (list) => surroundings.post({ type: "screens", screens: list }),
      painted: (keys, pixels) => this.#painted(keys, pixels),
    });
    this.#timer = setInterval(() => this.#tellStatistics(), statisticsIntervalMs);
  }

  handle(message: HostMessage): void {
    switch (message.type) {
      case "command":
        this.#client.command(message.command);
        break;
      case "send-file":
        this.#client.sendFile(message.transfer, blobSource(message.file));
        break;
      case "attach":
        this.#painters.attach(message.key, message.canvas);
        break;
      case "detach":
        this.#painters.detach(message.key);
        break;
      case "sound-feed":
        this.#sounds.attach(message.channel, message.format, message.port);
        break;
      case "seen":
        this.#painters.seen(message.key, message.isSeen);
        break;
      case "capture":
        this.#capture(message.request, message.key);
        break;
    }
  }

  /** Ends everything at once. */
  close(): void {
    this.#client.destroy();
    this.#painters.close();
    this.#end();
  }

  #platform(options: ClientOptions): Platform {
    const { connectTimeoutMs, asksForServer } = options;
    const connector: Connector = (request) => {
      if (request.kind === "server" && request.url !== null && !asksForServer) return request.url;
      return this.#surroundings.connector(request);
    };
    return {
      now: () => performance.now(),
      wake: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      open: (address: Address, tls: TlsIdentity | null, listener) => {
        const watched: TransportListener = {
          connected: () => listener.connected(),
          received: (bytes) => listener.received(bytes),
          backlog: (bytes) => {
            this.#backlogs.set(watched, bytes);
            listener.backlog(bytes);
          },
          closed: (failure) => {
            this.#backlogs.delete(watched);
            listener.closed(failure);
          },
        };
        return openTransport(address, tls, { connector, connectTimeoutMs }, watched);
      },
      crypto: linkCrypto(),
    };
  }

  readonly #decode: DecodeImage = (job, done) => {
    const finished = this.#figures.decodes(job);
    this.#pool.decode(job, (outcome) => {
      finished();
      done(outcome);
    });
  };

  #event(event: SessionEvent): void {
    if (this.#sounds.take(event)) return;
    const at = sharedTime();
    if (event.name === "migration") this.#watchPictures(isOver(event.phase), at);
    if (event.name === "migration" && event.phase === "done") {
      const { host, port, tlsPort } = this.#client.endpoint;
      this.#surroundings.post({ type: "moved", target: { host, port, tlsPort } });
    }
    const plain = plainEvent(event);
    if (plain !== null) this.#surroundings.post({ type: "event", event: plain, at });
    if (event.name === "ended") this.#end();
  }

  /** What was painted last before the move is the beginning of what the page measures. */
  #watchPictures(isOver: boolean, at: SharedTime): void {
    const last = this.#lastPainted;
    if (last !== null && at > this.#tellPaintedUntil) this.#tellPainted(last.keys, last.at);
    this.#tellPaintedUntil = isOver ? at + paintedAfterMoveMs : Number.POSITIVE_INFINITY;
  }

  #tellPainted(keys: readonly ScreenKey[], at: SharedTime): void {
    for (const key of keys) this.#surroundings.post({ type: "painted", key, at });
  }

  #painted(keys: readonly ScreenKey[], pixels: number): void {
    const at = sharedTime();
    const isFirst = this.#frames === 0;
    this.#frames += 1;
    this.#pixels += pixels;
    this.#lastPainted = { keys, at };
    if (isFirst || at <= this.#tellPaintedUntil) this.#tellPainted(keys, at);
  }

  #capture(request: number, key: ScreenKey): void {
    const { post } = this.#surroundings;
    const screen = this.#painters.screen(key);
    const picture = screen === null ? null : this.#client.screens.picture(screen);
    if (picture === null) {
      post({ type: "capture", request, picture: null });
      return;
    }
    const { width, height, colors } = picture;
    const rgba = new Uint8ClampedArray(width * height * 4);
    const pixels = new Uint32Array(rgba.buffer);
    colors.forEach((color, at) => {
      const [red, green, blue] = [(color >>> 16) & 0xff, color & 0xff00, (color & 0xff) << 16];
      pixels[at] = 0xff000000 | blue | green | red;
    });
    post({ type: "capture", request, picture: { width, height, rgba } }, [rgba.buffer]);
  }

  #tellStatistics(): void {
    let backlog = 0;
    for (const bytes of this.#backlogs.values()) backlog += bytes;
    const { renderer } = this.#client;
    const channels = renderer.snapshot().displays.map(({ display }) => display);
    const statistics: Omit<Statistics, "at"> = {
      ...this.#figures.snapshot(),
      frames: this.#frames,
      pixels: this.#pixels,
      waiting: channels.reduce((sum, display) => sum + renderer.pending(display), 0),
      backlog,
      decodeThreads: this.#pool.threadCount,
      hasKernels: this.#surroundings.decoders.kernels.quic !== null,
    };
    const text = JSON.stringify(statistics);
    if (text === this.#told) return;
    this.#told = text;
    const told = { ...statistics, at: sharedTime() };
    this.#surroundings.post({ type: "statistics", statistics: told });
  }

  #fault(error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#surroundings.post({ type: "fault", detail });
    this.#end();
  }

  /** The painters stay: what was shown last is still to be seen. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#pool.close();
    this.#videoFrames.close();
    this.#sounds.close();
  }
}

function serverEndpoint({ url, target }: ClientOptions): Endpoint {
  const nowhere = {
    host: "",
    port: null,
    tlsPort: null,
    unixPath: null,
    url: null,
    identity: null,
  };
  if (target !== null) return preferredTarget({ ...nowhere, ...target }, url);
  // The empty URL stands for a server whose every connection the embedder opens.
  return { ...nowhere, url: url ?? "" };
}

/** A session that is encrypted stays so, where the target can. */
function preferredTarget(target: Endpoint, url: string | null): Endpoint {
  const isEncrypted = url !== null && /^wss:/i.test(url);
  return isEncrypted && target.tlsPort !== null ? { ...target, port: null } : target;
}

function isOver(phase: string): boolean {
  return phase === "done" || phase === "cancelled" || phase === "failed";
}

function plainEvent(event: SessionEvent): ClientEvent | null {
  if (event.name === "cursor") {
    if (event.shape === null) return { ...event, shape: null };
    try {
      return { ...event, shape: cursorImage(event.shape) };
    } catch (error) {
      // A shape that does not decode changes nothing.
      if (error instanceof CodecError) return null;
      throw error;
    }
  }
  // A view would be cloned with all that lies around it.
  if (event.name === "playback-data") return { ...event, data: event.data.slice() };
  if (event.name === "stream-data") return { ...event, bytes: event.bytes.slice() };
  if (!("error" in event)) return event as ClientEvent;
  const { error, ...rest } = event;
  return { ...rest, error: error === null ? null : plainError(error) } as ClientEvent;
}

function plainError(error: CarawayError): PlainError {
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : null;
  return { code: error.code, message: error.message, hint };
}
