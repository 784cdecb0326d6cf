// A two-way channel of bytes as browsers have them, under a driver's transport: a WebSocket, an
// RTCDataChannel, or anything with their face.

import type { TransportFailure } from "@caraway/channel";
import type { Transport, TransportListener } from "@caraway/driver";

/**
 * What a WebSocket and an RTCDataChannel have in common. Bytes in binary messages whose borders
 * mean nothing.
 */
export interface ByteChannel {
  binaryType: string;
  readonly readyState: number | string;
  readonly bufferedAmount: number;
  send(data: ArrayBufferView<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: "open" | "message" | "close" | "error", run: (event: Event) => void): void;
  removeEventListener(
    type: "open" | "message" | "close" | "error",
    run: (event: Event) => void,
  ): void;
}

export interface ByteChannelOptions {
  /** Names the peer in failures. */
  readonly what: string;
  readonly connectTimeoutMs: number;
  /** The most that is sent in one message: a data channel takes no large ones. */
  readonly messageSizeMax: number;
  /** Says why the channel ended before it was open. */
  readonly explain: () => string;
}

/** How often a backlog is looked at: there is no event for it. */
const backlogIntervalMs = 20;

/**
 * What may wait while reading is paused. A browser cannot stop a WebSocket, but a server stops at
 * the end of its ack window; one that does not is not waited for.
 */
const pausedSizeMax = 256 << 20;

/** Ends of which a peer says nothing bad; the reference server sends no close frame at all: 1006. */
const cleanCloseCodes: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006]);

type State = "opening" | "open" | "over";

export class ByteChannelTransport implements Transport {
  readonly #channel: ByteChannel;
  readonly #options: ByteChannelOptions;
  readonly #listener: TransportListener;
  readonly #unlisten: (() => void)[] = [];
  #state: State = "opening";
  #paused: Uint8Array[] | null = null;
  #pausedSize = 0;
  /** The peer's end, while what came before it is held back. */
  #end: { readonly failure: TransportFailure | null } | null = null;
  #backlog = 0;
  #backlogTimer: ReturnType<typeof setInterval> | null = null;
  #connectTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(channel: ByteChannel, options: ByteChannelOptions, listener: TransportListener) {
    this.#channel = channel;
    this.#options = options;
    this.#listener = listener;
    channel.binaryType = "arraybuffer";
    this.#on("open", () => this.#opened());
    this.#on("message", (event) => this.#received((event as MessageEvent).data));
    this.#on("close", (event) => this.#closed(event as CloseEvent));
    if (isChannelOpen(channel)) queueMicrotask(() => this.#opened());
    else {
      const { what, connectTimeoutMs } = options;
      this.#connectTimer = setTimeout(() => {
        const detail = `${what}: no connection within ${connectTimeoutMs / 1000} s`;
        this.destroy();
        this.#listener.closed({ kind: "timeout", detail });
      }, connectTimeoutMs);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || !isChannelOpen(this.#channel)) return;
    const { messageSizeMax } = this.#options;
    for (let at = 0; at < bytes.length; at += messageSizeMax) {
      this.#channel.send(bytes.subarray(at, at + messageSizeMax) as Uint8Array<ArrayBuffer>);
    }
    this.#watchBacklog();
  }

  pause(): void {
    this.#paused ??= [];
  }

  resume(): void {
    const held = this.#paused;
    this.#paused = null;
    this.#pausedSize = 0;
    // What was held may make the owner pause again, or end the connection.
    for (const bytes of held ?? []) this.#deliver(bytes);
    if (this.#paused === null && this.#end !== null) this.#finish(this.#end.failure);
  }

  close(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#state === "over") return;
    this.#over();
    this.#channel.close();
  }

  #on(type: "open" | "message" | "close" | "error", run: (event: Event) => void): void {
    this.#channel.addEventListener(type, run);
    this.#unlisten.push(() => this.#channel.removeEventListener(type, run));
  }

  #opened(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#stopConnectTimer();
    this.#listener.connected();
  }

  #received(data: unknown): void {
    if (this.#state === "opening") this.#opened();
    if (data instanceof ArrayBuffer) this.#deliver(new Uint8Array(data));
    else if (ArrayBuffer.isView(data)) {
      this.#deliver(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } else {
      this.#fail("the peer sends text where SPICE has bytes");
    }
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    if (this.#paused === null) {
      this.#listener.received(bytes);
      return;
    }
    this.#pausedSize += bytes.length;
    if (this.#pausedSize > pausedSizeMax) this.#fail("the peer does not wait for our answers");
    else this.#paused.push(bytes);
  }

  #fail(detail: string): void {
    const { what } = this.#options;
    if (this.#state === "over") return;
    this.destroy();
    this.#listener.closed({ kind: "websocket", detail: `${what}: ${detail}` });
  }

  #closed(event: Partial<CloseEvent>): void {
    if (this.#state === "over") return;
    const failure = this.#failureOf(event);
    // What the peer said before it left is still to be heard.
    if (this.#paused !== null && this.#pausedSize > 0) this.#end = { failure };
    else this.#finish(failure);
  }

  #finish(failure: TransportFailure | null): void {
    if (this.#state === "over") return;
    this.#over();
    this.#listener.closed(failure);
  }

  #failureOf({ code = 1005, reason = "" }: Partial<CloseEvent>): TransportFailure | null {
    const { what, explain } = this.#options;
    if (this.#state === "opening") {
      return { kind: "unreachable", detail: `${what}: ${explain()}` };
    }
    if (cleanCloseCodes.has(code)) return null;
    const text = reason.replaceAll(/[^\x20-\x7e\u00a0-\ufffd]+/g, " ").slice(0, 200);
    const detail = `${what}: closed with code ${code}${text === "" ? "" : `: ${text}`}`;
    return { kind: "websocket", detail };
  }

  #over(): void {
    this.#state = "over";
    this.#paused = null;
    this.#end = null;
    this.#stopConnectTimer();
    this.#stopBacklogTimer();
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
  }

  #watchBacklog(): void {
    this.#tellBacklog();
    if (this.#backlog === 0 || this.#backlogTimer !== null) return;
    this.#backlogTimer = setInterval(() => this.#tellBacklog(), backlogIntervalMs);
  }

  #tellBacklog(): void {
    const bytes = this.#channel.bufferedAmount;
    if (bytes === 0) this.#stopBacklogTimer();
    if (bytes === this.#backlog) return;
    this.#backlog = bytes;
    this.#listener.backlog(bytes);
  }

  #stopBacklogTimer(): void {
    if (this.#backlogTimer !== null) clearInterval(this.#backlogTimer);
    this.#backlogTimer = null;
  }

  #stopConnectTimer(): void {
    if (this.#connectTimer !== null) clearTimeout(this.#connectTimer);
    this.#connectTimer = null;
  }
}

/** A WebSocket counts its states, a data channel names them. */
export function isWebSocket(channel: ByteChannel): boolean {
  return typeof channel.readyState === "number";
}

export function isChannelOpen(channel: ByteChannel): boolean {
  return channel.readyState === 1 || channel.readyState === "open";
}
