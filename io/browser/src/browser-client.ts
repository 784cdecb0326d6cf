// A session as a page has it. It runs in a worker where the browser has what that takes, so that
// neither decoding nor painting holds the page up, and within the page otherwise; what is seen of
// it here is the same.

import type { SessionCommand } from "@caraway/client";
import { type ClientStream, ClientStreams } from "@caraway/driver";
import { type ByteChannel, isChannelOpen, isWebSocket } from "./byte-channel.ts";
import type { ClientHost } from "./client-host.ts";
import {
  type ClientEvent,
  type ClientOptions,
  defaultClientOptions,
  type FromClient,
  type RelayMessage,
  type ScreenInfo,
  type ScreenKey,
  type SharedTime,
  type Statistics,
  sharedTime,
  type TargetAddress,
  type ToClient,
} from "./client-message.ts";
import { hasWorkers, startWorker, takeWorker } from "./client-worker.ts";
import { Microphone } from "./microphone.ts";
import { canDecodeOpus } from "./packet-decoder.ts";
import { canEncodeOpus } from "./packet-encoder.ts";
import { RelayEnd } from "./relayed-channel.ts";
import { SoundOutput, type SoundOutputOptions, type SoundState } from "./sound-output.ts";
import type { ConnectionRequest, Connector } from "./transport.ts";

/** Where a session runs. */
export type Placement = "worker" | "page";

export interface BrowserClientOptions
  extends Partial<Omit<ClientOptions, "asksForServer" | "opus" | "opusRecord">> {
  /**
   * Asked for the connections to migration targets, and with `url` null for all: a URL, a ready
   * channel, or null to refuse. Absent: the named host and port, by WebSocket.
   */
  readonly connector?: Connector;
  /** Where to run; without it a worker if the browser can. */
  readonly placement?: Placement;
  /** `at`: when it happened, on the clock of `sharedTime`. */
  readonly onEvent?: (event: ClientEvent, at: SharedTime) => void;
  /** A device of the guest is there for this client, on one of the session's channels. */
  readonly onStream?: (stream: ClientStream) => void;
  /** Open the guest's sound, which is heard when the user has touched the page. */
  readonly sound?: boolean;
  /**
   * Address of the script `@caraway/browser/sound-worklet` as the page's bundler has built it: sound
   * is then played where the page cannot hold it up, and sooner. Without it, and on pages that are
   * not served securely, the page schedules it.
   */
  readonly soundWorklet?: string;
  readonly onSoundState?: (state: SoundState) => void;
  /** The guest may hear the user, who turns it on; needs `soundWorklet`. */
  readonly microphone?: boolean;
  /** The session is attached to another host, where a new one would have to begin. */
  readonly onMoved?: (target: TargetAddress) => void;
  readonly onScreens?: (screens: readonly ScreenInfo[]) => void;
  /** A screen was painted: the first time, and while a migration is under way. */
  readonly onPainted?: (key: ScreenKey, at: SharedTime) => void;
  readonly onStatistics?: (statistics: Statistics) => void;
  /** A fault of the program itself; the session is over. */
  readonly onFault?: (detail: string) => void;
}

export interface Capture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** The other end of the messages. */
interface Host {
  readonly placement: Placement;
  post(message: ToClient, transfer: Transferable[]): void;
  close(): void;
}

export class BrowserClient {
  /** Null without `sound`. */
  readonly sound: SoundOutput | null;
  /** Null without `microphone`, and where pages have none. */
  readonly microphone: Microphone | null;
  readonly #options: BrowserClientOptions;
  readonly #clientOptions: ClientOptions;
  readonly #connector: Connector;
  readonly #captures = new Map<number, (capture: Capture | null) => void>();
  readonly #relays = new Map<number, RelayEnd>();
  readonly #streams: ClientStreams | null;
  readonly #watches = new Map<ScreenKey, AbortController>();
  #nextCapture = 0;
  #host: Host;
  /** What a worker was told that has not spoken yet, and may never: null once it has. */
  #unheard: ToClient[] | null = [];
  #closed = false;

  /** Begins to connect at once. */
  constructor(options: BrowserClientOptions) {
    this.#options = options;
    const { url = null, onStream } = options;
    const command = (what: SessionCommand) => this.command(what);
    this.#streams = onStream === undefined ? null : new ClientStreams(command, onStream);
    this.sound = makeSound(options, command, (channel, format, port) => {
      this.#post({ type: "sound-feed", channel, format, port }, port === null ? [] : [port]);
    });
    this.microphone = makeMicrophone(options, command);
    const channels = options.channels ?? defaultClientOptions.channels;
    this.#clientOptions = {
      url,
      target: options.target ?? null,
      credentials: options.credentials ?? defaultClientOptions.credentials,
      channels: [
        ...channels,
        ...(this.sound === null ? [] : (["playback"] as const)),
        ...(this.microphone === null ? [] : (["record"] as const)),
      ],
      opus: this.sound !== null && canDecodeOpus(),
      opusRecord: this.microphone !== null && canEncodeOpus(),
      preferredVideoCodecs:
        options.preferredVideoCodecs ?? defaultClientOptions.preferredVideoCodecs,
      migration: options.migration ?? defaultClientOptions.migration,
      mouseMode: options.mouseMode ?? defaultClientOptions.mouseMode,
      connectTimeoutMs: options.connectTimeoutMs ?? defaultClientOptions.connectTimeoutMs,
      maxClipboard: options.maxClipboard ?? defaultClientOptions.maxClipboard,
      asksForServer: url === null,
    };
    this.#connector = options.connector ?? directly;
    this.#host = this.#start(options.placement ?? (hasWorkers() ? "worker" : "page"));
  }

  get placement(): Placement {
    return this.#host.placement;
  }

  command(command: SessionCommand): void {
    this.#post({ type: "command", command });
  }

  /**
   * Sends a file to the guest, piece by piece as its agent takes them. Events `file` tell how it
   * goes under this key, which is the caller's; the command `file-cancel` calls it off.
   */
  sendFile(transfer: number, file: File): void {
    this.#post({ type: "send-file", transfer, file });
  }

  /** Shows a screen on a canvas, which is given away for good where the session runs in a worker. */
  attach(key: ScreenKey, canvas: HTMLCanvasElement): void {
    if (this.#host.placement === "page") this.#post({ type: "attach", key, canvas });
    else {
      const offscreen = canvas.transferControlToOffscreen();
      this.#post({ type: "attach", key, canvas: offscreen }, [offscreen]);
    }
    this.#watch(key, canvas.ownerDocument);
  }

  detach(key: ScreenKey): void {
    this.#watches.get(key)?.abort();
    this.#watches.delete(key);
    this.#post({ type: "detach", key });
  }

  /** A worker does not know whether anybody sees what it paints. */
  #watch(key: ScreenKey, page: Document): void {
    this.#watches.get(key)?.abort();
    const stop = new AbortController();
    this.#watches.set(key, stop);
    const tell = () => this.#post({ type: "seen", key, isSeen: !page.hidden });
    page.addEventListener("visibilitychange", tell, { signal: stop.signal });
    tell();
  }

  /** What a screen shows now, as the server drew it; null when there is none. */
  capture(key: ScreenKey): Promise<Capture | null> {
    const request = this.#nextCapture++;
    return new Promise((resolve) => {
      this.#captures.set(request, resolve);
      this.#post({ type: "capture", request, key });
    });
  }

  /** Ends the session: the event `ended` comes when the server was left properly. */
  disconnect(): void {
    this.command({ name: "close" });
  }

  /** Ends everything at once; nothing is heard any more, and what was painted last stays. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches.values()) watch.abort();
    for (const relay of this.#relays.values()) relay.close();
    for (const resolve of this.#captures.values()) resolve(null);
    this.sound?.close();
    this.microphone?.close();
    this.#host.close();
  }

  #start(placement: Placement): Host {
    if (placement === "worker") {
      try {
        return this.#startWorker();
      } catch {
        // Scripts of another origin make no workers; the page itself serves then.
      }
    }
    return this.#startInPage();
  }

  #startWorker(): Host {
    const worker = takeWorker();
    worker.onmessage = ({ data }: MessageEvent<FromClient>) => {
      this.#unheard = null;
      this.#hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.#unheard === null) this.#options.onFault?.(event.message);
      // The script did not load, for instance because of the page's security policy.
      else this.#fallBack(worker, this.#unheard);
    };
    worker.postMessage({ type: "start", options: this.#clientOptions } satisfies ToClient);
    return {
      placement: "worker",
      post: (message, transfer) => worker.postMessage(message, transfer),
      close: () => worker.terminate(),
    };
  }

  #fallBack(worker: Worker, unheard: readonly ToClient[]): void {
    worker.terminate();
    this.#unheard = null;
    if (this.#closed) return;
    this.#host = this.#startInPage();
    for (const message of unheard) this.#post(message);
  }

  #startInPage(): Host {
    this.#unheard = null;
    // Loaded only where it is needed: the worker has a copy of its own.
    const host = import("./page-host.ts").then(({ startPageHost }) => {
      return startPageHost(this.#clientOptions, this.#connector, startWorker, (message) => {
        if (!this.#closed) this.#hear(message);
      });
    });
    // What served the page may be away for a moment: the next session tries a worker again.
    host.catch((cause: unknown) => {
      const message = `the scripts of this page cannot be loaded: ${String(cause)}`;
      const error = { code: "LINK_UNREACHABLE", message, hint: null };
      this.#options.onEvent?.({ name: "ended", error }, sharedTime());
    });
    return {
      placement: "page",
      post: (message) => {
        void host.then((running) => running.handle(message as Parameters<ClientHost["handle"]>[0]));
      },
      close: () => void host.then((running) => running.close()),
    };
  }

  #post(message: ToClient, transfer: Transferable[] = []): void {
    if (this.#closed) return;
    this.#unheard?.push(message);
    this.#host.post(message, transfer);
  }

  #hear(message: FromClient): void {
    switch (message.type) {
      case "ready":
        break;
      case "event":
        this.#options.onEvent?.(message.event, message.at);
        this.sound?.handle(message.event);
        this.microphone?.handle(message.event);
        this.#streams?.handle(message.event);
        break;
      case "moved":
        this.#options.onMoved?.(message.target);
        break;
      case "screens":
        this.#options.onScreens?.(message.screens);
        break;
      case "painted":
        this.#options.onPainted?.(message.key, message.at);
        break;
      case "statistics":
        this.#options.onStatistics?.(message.statistics);
        break;
      case "capture":
        this.#captures.get(message.request)?.(message.picture);
        this.#captures.delete(message.request);
        break;
      case "connect":
        void this.#connect(message.request, message.connection);
        break;
      case "fault":
        this.#options.onFault?.(message.detail);
        break;
      default:
        this.#relays.get(message.relay)?.hear(message);
        if (message.type === "relay-close") this.#relays.delete(message.relay);
    }
  }

  /** The worker asks how a connection is made. */
  async #connect(request: number, connection: ConnectionRequest): Promise<void> {
    try {
      const answer = await this.#connector(connection);
      if (answer === null) this.#answer(request, { kind: "none" });
      else if (typeof answer === "string") this.#answer(request, { kind: "url", url: answer });
      else this.#relay(request, answer);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#answer(request, { kind: "error", detail });
    }
  }

  #relay(request: number, channel: ByteChannel): void {
    const post = (message: RelayMessage, transfer: Transferable[] = []) => {
      this.#post(message, transfer);
    };
    this.#answer(request, {
      kind: "relay",
      isWebSocket: isWebSocket(channel),
      isOpen: isChannelOpen(channel),
    });
    this.#relays.set(request, new RelayEnd(request, channel, post));
  }

  #answer(request: number, answer: Extract<ToClient, { type: "connect-to" }>["answer"]): void {
    this.#post({ type: "connect-to", request, answer });
  }
}

function makeSound(
  { sound = false, soundWorklet, onSoundState }: BrowserClientOptions,
  command: (command: SessionCommand) => void,
  feed: SoundOutputOptions["feed"],
): SoundOutput | null {
  if (!sound || typeof AudioContext === "undefined") return null;
  const onState = onSoundState === undefined ? {} : { onState: onSoundState };
  return new SoundOutput({ command, feed, worklet: soundWorklet ?? null, ...onState });
}

function makeMicrophone(
  { microphone = false, soundWorklet: worklet }: BrowserClientOptions,
  command: (command: SessionCommand) => void,
): Microphone | null {
  if (!microphone || worklet === undefined || !Microphone.isPossible) return null;
  return new Microphone({ command, worklet });
}

/** A target is where its server says, by WebSocket on the same port. */
const directly: Connector = (request) => {
  if (request.kind === "server") return request.url;
  const host = request.host.includes(":") ? `[${request.host}]` : request.host;
  return `${request.tls ? "wss" : "ws"}://${host}:${request.port}`;
};
