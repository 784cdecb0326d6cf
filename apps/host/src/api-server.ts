// The HTTP API of a host: who may ask, what is asked, and the stream of events.

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ListenTls } from "@caraway/node";
import { apiAnswer } from "./api-routes.ts";
import type { ApiError, ApiEvent } from "./api-types.ts";
import type { Host } from "./host.ts";
import type { HostMetrics } from "./host-metrics.ts";
import type { PeerAddress } from "./peer-network.ts";
import { HostConflict, HostUsageError, NotHere } from "./usage-error.ts";

export interface ApiServerOptions {
  readonly host: Host;
  readonly metrics: HostMetrics;
  /** What a client has to show: `Authorization: Bearer …`. */
  readonly token: string;
  readonly listen: PeerAddress;
  readonly tls: ListenTls | null;
  /** A request that failed because of us. */
  readonly onError: (error: unknown) => void;
}

const bodySizeMax = 64 << 10;
const headTimeoutMs = 15_000;
/** Those who follow the events, at a time. */
const followersMax = 64;
/** What a follower that does not read has waiting before it is given up. */
const followerBacklogMax = 1 << 20;
/** So that a proxy on the way does not take a quiet stream for a dead one. */
const heartbeatMs = 15_000;

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #http: Server;
  readonly #digest: Buffer;
  readonly #followers = new Set<ServerResponse>();
  #isServing = true;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#digest = digest(options.token);
    const limits = { maxHeaderSize: 16 << 10, headersTimeout: headTimeoutMs };
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#serve(request, response);
    };
    this.#http =
      options.tls === null
        ? createServer(limits, serve)
        : createTlsServer({ ...limits, ...options.tls, minVersion: "TLSv1.2" }, serve);
  }

  static async open(options: ApiServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.#http.once("error", reject);
      server.#http.listen({ host, port }, resolve);
    });
    return server;
  }

  get port(): number {
    const address = this.#http.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** `/healthz` says no from now on; everything else still answers. */
  drain(): void {
    this.#isServing = false;
  }

  async close(): Promise<void> {
    for (const response of this.#followers) response.end();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      const [status, code] = statusOf(error);
      if (status === 500) this.#options.onError(error);
      if (response.headersSent || !response.writable) response.destroy();
      else {
        const message = error instanceof Error && status !== 500 ? error.message : "internal error";
        send(response, status, { error: { code, message } } satisfies ApiError);
      }
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET" } = request;
    const target = request.url ?? "/";
    if (!URL.canParse(target, "http://host")) {
      throw new HostUsageError("the address is malformed");
    }
    const url = new URL(target, "http://host");
    const path = url.pathname.split("/").slice(1).map(decoded);
    const isOpen = path.length === 1 && (path[0] === "healthz" || path[0] === "openapi.json");
    if (!isOpen && !this.#isAllowed(request)) {
      response.setHeader("www-authenticate", 'Bearer realm="caraway host"');
      const message = "show the token: Authorization: Bearer TOKEN";
      send(response, 401, { error: { code: "UNAUTHORIZED", message } } satisfies ApiError);
      return;
    }
    if (path.length === 1 && path[0] === "healthz") {
      send(response, this.#isServing ? 200 : 503, { serving: this.#isServing });
    } else if (path.length === 1 && path[0] === "metrics" && method === "GET") {
      const { metrics } = this.#options;
      response.writeHead(200, { "content-type": metrics.contentType });
      response.end(await metrics.text());
    } else if (url.pathname === "/v1/events" && method === "GET") {
      this.#follow(request, response, url.searchParams);
    } else {
      const body = method === "GET" || method === "DELETE" ? null : await readBody(request);
      const answer = await apiAnswer(this.#options.host, { method, path, body });
      if (answer === null) throw new NotHere(`${method} ${url.pathname} is not served here`);
      if (answer.body === null) response.writeHead(answer.status).end();
      else send(response, answer.status, answer.body);
    }
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const given = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? "")?.[1];
    return given !== undefined && timingSafeEqual(digest(given), this.#digest);
  }

  #follow(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    if (this.#followers.size >= followersMax) throw new HostConflict("too many follow the events");
    const isStream = request.headers.accept?.includes("text/event-stream") === true;
    // A page that comes back says itself what it has seen.
    const last = query.get("since") ?? request.headers["last-event-id"] ?? null;
    const since = last === null ? null : Number(last);
    if (since !== null && !Number.isSafeInteger(since)) {
      throw new HostUsageError("since: not a whole number");
    }
    response.writeHead(200, {
      "content-type": isStream ? "text/event-stream" : "application/x-ndjson",
      "cache-control": "no-store",
    });
    response.flushHeaders();
    const write = (text: string): void => {
      response.write(text);
      if (response.writableLength > followerBacklogMax) response.destroy();
    };
    const tell = (event: ApiEvent): void => {
      const line = JSON.stringify(event);
      write(isStream ? `id: ${event.seq}\ndata: ${line}\n\n` : `${line}\n`);
    };
    const guest = query.get("guest");
    const migration = query.get("migration");
    const forget = this.#options.host.events.follow({ since, guest, migration }, tell);
    const heartbeat = setInterval(() => write(isStream ? ":\n\n" : "\n"), heartbeatMs);
    this.#followers.add(response);
    response.on("close", () => {
      clearInterval(heartbeat);
      forget();
      this.#followers.delete(response);
    });
  }
}

function statusOf(error: unknown): readonly [status: number, code: string] {
  if (error instanceof HostUsageError) return [400, "BAD_REQUEST"];
  if (error instanceof NotHere) return [404, "NOT_FOUND"];
  if (error instanceof HostConflict) return [409, "CONFLICT"];
  return [500, "FAULT"];
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** @throws HostUsageError */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > bodySizeMax) throw new HostUsageError(`the body has more than ${bodySizeMax} bytes`);
    parts.push(part);
  }
  if (size === 0) return null;
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new HostUsageError("the body is no JSON");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HostUsageError("the address is malformed");
  }
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
