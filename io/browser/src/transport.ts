// Opens an address in a browser: a WebSocket where it names one, and otherwise whatever the
// embedder answers, who alone knows how a host and a port are reached from a page.

import type { Address, TlsIdentity, TransportFailure } from "@caraway/channel";
import type { Transport, TransportListener } from "@caraway/driver";
import { type ByteChannel, ByteChannelTransport, isWebSocket } from "./byte-channel.ts";

/** A connection that a session wants. */
export type ConnectionRequest =
  /** To the server that the session began with; `url` as it was given, null if none was. */
  | { readonly kind: "server"; readonly url: string | null }
  /** To where a server said that the guest goes. */
  | {
      readonly kind: "target";
      readonly host: string;
      readonly port: number;
      readonly tls: boolean;
    };

/** Where it is reached: the URL of a WebSocket, a channel, or null for not at all. */
export type ConnectionAnswer = string | ByteChannel | null;

export type Connector = (
  request: ConnectionRequest,
) => ConnectionAnswer | Promise<ConnectionAnswer>;

export interface TransportOptions {
  readonly connector: Connector;
  readonly connectTimeoutMs: number;
}

/** Spoken by spice-server, websockify and gateways alike; the first and only one must be this. */
const subProtocol = "binary";

/** What RTCDataChannels of all browsers take at once. */
const dataChannelMessageSize = 16 << 10;

export function openTransport(
  address: Address,
  tls: TlsIdentity | null,
  options: TransportOptions,
  listener: TransportListener,
): Transport {
  return new AwaitedTransport(requestOf(address, tls), options, listener);
}

function requestOf(address: Address, tls: TlsIdentity | null): ConnectionRequest {
  switch (address.kind) {
    case "websocket":
      return { kind: "server", url: address.url === "" ? null : address.url };
    case "tcp":
      return { kind: "target", host: address.host, port: address.port, tls: tls !== null };
    case "unix":
      throw new Error("a browser has no unix sockets");
  }
}

/** A transport whose way is still being asked for. */
class AwaitedTransport implements Transport {
  #opened: ByteChannelTransport | null = null;
  #paused = false;
  #over = false;

  constructor(request: ConnectionRequest, options: TransportOptions, listener: TransportListener) {
    const { connectTimeoutMs } = options;
    const what = nameOf(request);
    const fail = (kind: TransportFailure["kind"], detail: string): void => {
      if (this.#over) return;
      this.#over = true;
      listener.closed({ kind, detail: `${what}: ${detail}` });
    };
    const attach = (answer: ConnectionAnswer): void => {
      if (this.#over) {
        if (answer !== null && typeof answer !== "string") answer.close();
        return;
      }
      if (answer === null) {
        fail("unreachable", "this page may not connect there");
        return;
      }
      const channel = typeof answer === "string" ? openWebSocket(answer) : answer;
      this.#opened = new ByteChannelTransport(
        channel,
        {
          what: typeof answer === "string" ? urlForPeople(answer) : what,
          connectTimeoutMs,
          messageSizeMax: isWebSocket(channel) ? Number.MAX_SAFE_INTEGER : dataChannelMessageSize,
          explain: () => explainRefusal(typeof answer === "string" ? answer : null),
        },
        listener,
      );
      if (this.#paused) this.#opened.pause();
    };
    // A microtask at least: the owner hears nothing before it has the transport.
    Promise.resolve()
      .then(() => options.connector(request))
      .then(attach)
      .catch((error: unknown) => {
        fail("websocket", error instanceof Error ? error.message : String(error));
      });
  }

  write(bytes: Uint8Array): void {
    this.#opened?.write(bytes);
  }

  pause(): void {
    this.#paused = true;
    this.#opened?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#opened?.resume();
  }

  close(): void {
    this.#over = true;
    this.#opened?.close();
  }

  destroy(): void {
    this.#over = true;
    this.#opened?.destroy();
  }
}

function openWebSocket(url: string): ByteChannel {
  return new WebSocket(url, [subProtocol]);
}

/** A URL for messages to people: no query, no user, no password. */
function urlForPeople(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url === null ? "WebSocket" : `${url.protocol}//${url.host}${url.pathname}`;
}

function nameOf(request: ConnectionRequest): string {
  if (request.kind === "target") return `${request.host}:${request.port}`;
  return request.url === null ? "channel" : urlForPeople(request.url);
}

/** A browser tells a page nothing of the reason: what it may be, best guess first. */
function explainRefusal(url: string | null): string {
  if (url === null) return "the channel ended before it was open";
  const offline = globalThis.navigator?.onLine === false;
  if (offline) return "this computer is offline";
  if (globalThis.isSecureContext && globalThis.origin?.startsWith("https:") && /^ws:/i.test(url)) {
    return "a page that came over https may use wss:// only";
  }
  return "no connection: nothing answers there, or it was refused";
}
