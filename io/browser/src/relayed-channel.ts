// A channel that only the page can hold, as the session's thread sees it, and the page's end of it:
// bytes and events pass between the two as messages.

import type { ByteChannel } from "./byte-channel.ts";
import type { RelayMessage } from "./client-message.ts";

type Post = (message: RelayMessage, transfer?: Transferable[]) => void;

/** The session's end. */
export class RelayedChannel extends EventTarget implements ByteChannel {
  binaryType = "arraybuffer";
  /** A WebSocket counts its states, a data channel names them. */
  readyState: number | string;
  bufferedAmount = 0;
  readonly #relay: number;
  readonly #isWebSocket: boolean;
  readonly #post: Post;

  constructor(relay: number, isWebSocket: boolean, isOpen: boolean, post: Post) {
    super();
    this.#relay = relay;
    this.#isWebSocket = isWebSocket;
    this.#post = post;
    this.readyState = isWebSocket ? Number(isOpen) : isOpen ? "open" : "connecting";
  }

  send(data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    this.bufferedAmount += bytes.length;
    this.#post({ type: "relay-data", relay: this.#relay, bytes }, [bytes.buffer]);
  }

  close(): void {
    this.#post({ type: "relay-close", relay: this.#relay, code: 1000, reason: "" });
  }

  /** The page tells of its channel. */
  hear(message: RelayMessage): void {
    switch (message.type) {
      case "relay-open":
        this.readyState = this.#isWebSocket ? 1 : "open";
        this.dispatchEvent(new Event("open"));
        break;
      case "relay-data":
        this.dispatchEvent(new MessageEvent("message", { data: message.bytes.buffer }));
        break;
      case "relay-backlog":
        this.bufferedAmount = message.bytes;
        break;
      case "relay-close": {
        const { code, reason } = message;
        this.readyState = this.#isWebSocket ? 3 : "closed";
        this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
        break;
      }
    }
  }
}

/** How often a backlog is looked at: there is no event for it. */
const backlogIntervalMs = 50;

/** The page's end. */
export class RelayEnd {
  readonly #channel: ByteChannel;
  readonly #relay: number;
  readonly #post: Post;
  #backlogTimer: ReturnType<typeof setInterval> | null = null;

  constructor(relay: number, channel: ByteChannel, post: Post) {
    this.#relay = relay;
    this.#channel = channel;
    this.#post = post;
    channel.binaryType = "arraybuffer";
    channel.addEventListener("open", () => post({ type: "relay-open", relay }));
    channel.addEventListener("message", (event) => this.#received((event as MessageEvent).data));
    channel.addEventListener("close", (event) => {
      const { code = 1005, reason = "" } = event as Partial<CloseEvent>;
      this.#stopTimer();
      post({ type: "relay-close", relay, code, reason });
    });
  }

  /** The session tells what to do with the channel. */
  hear(message: RelayMessage): void {
    if (message.type === "relay-close") this.close();
    if (message.type !== "relay-data") return;
    try {
      this.#channel.send(message.bytes);
    } catch {
      // It is no longer open: its end is told by its event.
    }
    this.#tellBacklog();
    if (this.#backlogTimer !== null) return;
    this.#backlogTimer = setInterval(() => this.#tellBacklog(), backlogIntervalMs);
  }

  close(): void {
    this.#stopTimer();
    this.#channel.close();
  }

  #tellBacklog(): void {
    const bytes = this.#channel.bufferedAmount;
    if (bytes === 0) this.#stopTimer();
    this.#post({ type: "relay-backlog", relay: this.#relay, bytes });
  }

  #stopTimer(): void {
    if (this.#backlogTimer !== null) clearInterval(this.#backlogTimer);
    this.#backlogTimer = null;
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    const bytes = new Uint8Array(data);
    this.#post({ type: "relay-data", relay: this.#relay, bytes }, [data]);
  }
}
