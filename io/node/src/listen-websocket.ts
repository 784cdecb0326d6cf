// The door for WebSockets on a port of SPICE: reads the HTTP request, asks whether the page that
// sends it may connect, and lets its bytes through.

import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Arrival } from "@caraway/server";
import { acceptWebSocket, webSocketFault } from "./accept-websocket.ts";
import type { ByteStream } from "./byte-stream.ts";
import { guard } from "./transport-socket.ts";

/**
 * Which pages a browser may connect from: any, those of the host that they connect to, or these
 * origins (`https://console.example`). Programs that are no browsers name no origin, and may come.
 */
export type OriginRule = "any" | "same-host" | readonly string[];

const headersTimeoutMs = 15_000;

export class WebSocketDoor {
  readonly #rule: OriginRule;
  readonly #accepted: (stream: ByteStream, arrival: Arrival) => void;
  readonly #http = createServer({ headersTimeout: headersTimeoutMs, maxHeaderSize: 8192 });
  readonly #arrivals = new WeakMap<Socket, Arrival>();

  constructor(rule: OriginRule, accepted: (stream: ByteStream, arrival: Arrival) => void) {
    this.#rule = rule;
    this.#accepted = accepted;
    this.#http.on("request", (_request, response) => {
      response.writeHead(426, { Connection: "close", Upgrade: "websocket" });
      response.end("This port speaks SPICE, also over WebSocket.\n");
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.#upgrade(request, socket as Socket, head);
    });
  }

  /** A connection whose first bytes are HTTP; they are still to be read. */
  enter(socket: Socket, arrival: Arrival): void {
    this.#arrivals.set(socket, arrival);
    this.#http.emit("connection", socket);
  }

  close(): void {
    this.#http.closeAllConnections();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    guard(socket);
    const arrival = this.#arrivals.get(socket);
    const fault = webSocketFault(request);
    if (arrival === undefined || fault !== null) {
      refuse(socket, "400 Bad Request", fault ?? "no such connection");
    } else if (!isAllowed(this.#rule, request)) {
      refuse(socket, "403 Forbidden", "pages of this origin may not connect");
    } else {
      this.#accepted(acceptWebSocket(request, socket, head, arrival.peer), arrival);
    }
  }
}

function isAllowed(rule: OriginRule, { headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  if (origin === undefined || rule === "any") return true;
  if (rule !== "same-host") return rule.includes(origin);
  try {
    return hostName(new URL(origin).host) === hostName(host ?? "");
  } catch {
    return false;
  }
}

/** Without the port: a page is served elsewhere than where SPICE is. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

function refuse(socket: Socket, status: string, detail: string): void {
  const body = `${detail}\n`;
  const head = [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
