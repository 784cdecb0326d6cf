// The one port of the demo: its own API, and everything else passed on to the gateway, over a
// network that can be made slow, cut, or closed to targets of moves.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { OriginRule } from "caraway-gateway";
import { SlowLines } from "./slow-line.ts";

export interface FrontHost {
  readonly gatewayPort: number;
  /** The state as it is, and whenever it changes. Gives what ends that. */
  follow(tell: (state: object) => void): () => void;
  /** Rejects with a reason for people. */
  act(action: string, wishes: Readonly<Record<string, unknown>>): Promise<void>;
}

const bodySizeMax = 4096;
const ownNames: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

export class Front {
  readonly lines = new SlowLines();
  /** Connections for sessions that come up from now on are refused. */
  refusesTargets = false;
  readonly #host: FrontHost;
  readonly #server = createServer();
  readonly #origins = new OriginRule([]);
  readonly #sessions = new Set<string>();

  private constructor(host: FrontHost) {
    this.#host = host;
    this.#server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
      void this.#serve(incoming, response);
    });
    this.#server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#tunnel(incoming, socket, head);
    });
  }

  static async open(host: FrontHost, port: number): Promise<Front> {
    const front = new Front(host);
    await new Promise<void>((resolve, reject) => {
      front.#server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.lines.cut();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(incoming.url ?? "/", "http://demo");
    if (!this.#isOwn(incoming)) {
      response.writeHead(403).end("only this machine's own page may use the demo\n");
    } else if (pathname === "/api/state") this.#follow(response);
    else if (pathname.startsWith("/api/") && incoming.method === "POST") {
      await this.#act(pathname.slice("/api/".length), incoming, response);
    } else this.#passOn(incoming, response);
  }

  /** Other sites' pages, and names that only lead here, are kept out: whoever asks acts. */
  #isOwn({ headers }: IncomingMessage): boolean {
    const { host = "", origin } = headers;
    return ownNames.has(host.replace(/:\d+$/, "")) && this.#origins.allows(origin, host);
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const forget = this.#host.follow((state) => {
      response.write(`data: ${JSON.stringify(state)}\n\n`);
    });
    response.on("close", forget);
  }

  async #act(action: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      let text = "";
      for await (const part of incoming) {
        text += String(part);
        if (text.length > bodySizeMax) throw new Error("too much was said");
      }
      const wishes: unknown = text === "" ? {} : JSON.parse(text);
      if (typeof wishes !== "object" || wishes === null) throw new Error("an object is expected");
      await this.#host.act(action, wishes as Readonly<Record<string, unknown>>);
      response.writeHead(204).end();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      response.writeHead(409, { "content-type": "text/plain; charset=utf-8" }).end(message);
    }
  }

  #passOn(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = incoming;
    const onward = request(
      {
        host: "127.0.0.1",
        port: this.#host.gatewayPort,
        ...(method !== undefined && { method }),
        ...(url !== undefined && { path: url }),
        headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on("error", () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(503).end("the gateway is not there\n");
    });
    incoming.pipe(onward);
  }

  #tunnel(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const { searchParams } = new URL(incoming.url ?? "/", "http://demo");
    const session = searchParams.get("session") ?? "";
    const isRefused = this.refusesTargets && !this.#sessions.has(session);
    if (!this.#isOwn(incoming) || isRefused) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
      return;
    }
    this.#sessions.add(session);
    const onward = connect({ host: "127.0.0.1", port: this.#host.gatewayPort, noDelay: true });
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`);
    }
    onward.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (head.length > 0) onward.write(head);
    this.lines.join(socket, onward);
  }
}
