// The server's end of a WebSocket on a socket that `node:http` hands over with an upgrade: the
// handshake of RFC 6455, and then bytes in both directions.

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { TransportFailure } from "@caraway/channel";
import { attachSocket, type ByteStream, type ByteStreamListener } from "./byte-stream.ts";
import { guard } from "./transport-socket.ts";
import {
  closeCode,
  closeFrame,
  FrameParser,
  frameHeader,
  pingFrame,
  pongFrame,
  WebSocketFault,
} from "./websocket-frames.ts";

const subProtocol = "binary";
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Up to here header and payload travel as one piece of memory. */
const joinedSizeMax = 2048;
/** What may wait of answers to a client that pings and does not read. */
const pongBacklogMax = 64 << 10;

const silentPingsMax = 2;

export interface WebSocketStream extends ByteStream {
  /**
   * Asks for a sign of life. A client that has given none since the call before the last one is
   * closed, unless bytes wait in either direction: then it is TCP that notices.
   */
  ping(): void;
  /** The code that `end` closes with; 1000 unless it was set. */
  endCode: number;
}

/** Why a request cannot become a WebSocket that carries SPICE; null when it can. */
export function webSocketFault(request: IncomingMessage): string | null {
  const { headers, method } = request;
  if (method !== "GET") return "a WebSocket begins with GET";
  if (headers.upgrade?.toLowerCase() !== "websocket") return "only websocket is understood";
  if (headers["sec-websocket-version"] !== "13") return "WebSocket version 13 is needed";
  const key = headers["sec-websocket-key"] ?? "";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return "the Sec-WebSocket-Key is missing or malformed";
  const offered = offeredProtocols(request);
  if (offered.length > 0 && !offered.includes(subProtocol)) {
    return `the sub-protocol ${subProtocol} is the only one`;
  }
  return null;
}

/** Answers the request, which `webSocketFault` found nothing wrong with. `head` is what follows it. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  what: string,
): WebSocketStream {
  const key = request.headers["sec-websocket-key"]!;
  const accept = createHash("sha1")
    .update(key + acceptSuffix)
    .digest("base64");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  // Only what was offered may be named.
  if (offeredProtocols(request).length > 0) lines.push(`Sec-WebSocket-Protocol: ${subProtocol}`);
  guard(socket);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.setNoDelay(true);
  if (head.length > 0) socket.unshift(head);
  return new ServerStream(attachSocket(socket, what), what);
}

function offeredProtocols(request: IncomingMessage): string[] {
  const text = request.headers["sec-websocket-protocol"] ?? "";
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

class ServerStream implements WebSocketStream {
  readonly #below: ByteStream;
  readonly #what: string;
  #listener: ByteStreamListener | null = null;
  #backlog = 0;
  #paused = false;
  /** Calls of `ping` since the client said something. */
  #silentPings = 0;
  endCode: number = closeCode.normal;

  constructor(below: ByteStream, what: string) {
    this.#below = below;
    this.#what = what;
  }

  listen(listener: ByteStreamListener): void {
    this.#listener = listener;
    const parser = new FrameParser({
      data: (bytes) => this.#listener?.received(bytes),
      ping: (payload) => {
        if (this.#backlog < pongBacklogMax) this.#below.write(pongFrame(payload));
      },
      pong: () => {},
      close: (code) => this.#close(code, null),
    });
    this.#below.listen({
      received: (bytes) => this.#received(parser, bytes),
      backlog: (bytes) => {
        this.#backlog = bytes;
        this.#listener?.backlog(bytes);
      },
      closed: (failure) => this.#tellClosed(failure),
    });
  }

  #received(parser: FrameParser, bytes: Uint8Array): void {
    this.#silentPings = 0;
    try {
      parser.push(bytes);
    } catch (error) {
      if (!(error instanceof WebSocketFault)) throw error;
      const detail = `${this.#what}: ${error.message}`;
      this.#close(error.closeCode, { kind: "websocket", detail });
    }
  }

  /** The client's code is given back to it. */
  #close(code: number, failure: TransportFailure | null): void {
    if (this.#listener === null) return;
    this.#below.write(closeFrame(code));
    this.#below.end();
    this.#tellClosed(failure);
  }

  #tellClosed(failure: TransportFailure | null): void {
    const heard = this.#listener;
    this.#listener = null;
    heard?.closed(failure);
  }

  write(bytes: Uint8Array): void {
    const header = frameHeader(bytes.length);
    if (bytes.length > joinedSizeMax) {
      this.#below.write(header);
      this.#below.write(bytes);
      return;
    }
    const whole = new Uint8Array(header.length + bytes.length);
    whole.set(header);
    whole.set(bytes, header.length);
    this.#below.write(whole);
  }

  ping(): void {
    if (this.#paused || this.#backlog > 0) return;
    if (this.#silentPings >= silentPingsMax) {
      const detail = `${this.#what}: no sign of life`;
      this.#below.destroy();
      this.#tellClosed({ kind: "timeout", detail });
      return;
    }
    this.#silentPings += 1;
    this.#below.write(pingFrame());
  }

  pause(): void {
    this.#paused = true;
    this.#below.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#silentPings = 0;
    this.#below.resume();
  }

  end(): void {
    this.#listener = null;
    this.#below.write(closeFrame(this.endCode));
    this.#below.end();
  }

  destroy(): void {
    this.#listener = null;
    this.#below.destroy();
  }
}
