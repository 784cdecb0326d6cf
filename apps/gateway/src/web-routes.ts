// What the gateway answers to plain HTTP: the page, tokens redeemed for sessions, connection files
// for remote-viewer, health and metrics.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Grant } from "@caraway/gateway";
import type { Denial } from "./denial.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { isSecure } from "./listener.ts";
import type { Log } from "./log.ts";
import type { OriginRule } from "./origin-rule.ts";
import { StaticFiles } from "./static-files.ts";

export interface RoutesHost {
  readonly origins: OriginRule;
  readonly isServing: () => boolean;
  /** Null: not on this port. */
  readonly metrics: GatewayMetrics | null;
  readonly redeem: (
    request: IncomingMessage,
    token: string | null,
  ) => Promise<{ readonly grant: Grant; readonly credential: string } | Denial>;
  readonly log: Log;
}

/** A token and what is around it. */
const bodySizeMax = 64 << 10;
/** Any port does: where the connection goes is in the credential. */
const vvPort = 5900;

export class WebRoutes {
  readonly #host: RoutesHost;
  readonly #files: StaticFiles | null;

  constructor(host: RoutesHost, web: string | null) {
    this.#host = host;
    this.#files = web === null ? null : new StaticFiles(web);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      // A client that went away in the middle of an answer is no fault of ours.
      if (!response.writable) return;
      const detail = error instanceof Error ? error.message : String(error);
      this.#host.log.error({ event: "http", detail }, "a request failed");
      if (response.headersSent) response.destroy();
      else text(response, 500, "internal error");
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET" } = request;
    const target = URL.canParse(request.url ?? "/", "http://gateway")
      ? new URL(request.url ?? "/", "http://gateway")
      : null;
    if (target === null) return text(response, 400, "bad request");
    const { pathname, searchParams } = target;
    const isRead = method === "GET" || method === "HEAD";
    if (pathname === "/session") return await this.#session(request, response);
    if (pathname === "/connect.vv" && method === "GET") {
      return await this.#connectFile(request, response, searchParams.get("token"));
    }
    if (!isRead) return text(response, 405, "only GET is understood here");
    if (pathname === "/healthz") {
      const serving = this.#host.isServing();
      return json(response, serving ? 200 : 503, { status: serving ? "serving" : "draining" });
    }
    if (pathname === "/metrics" && this.#host.metrics !== null) {
      const { metrics } = this.#host;
      const body = await metrics.text();
      response.writeHead(200, { "content-type": metrics.contentType }).end(body);
      return;
    }
    if (await this.#files?.serve(pathname, request, response)) return;
    text(response, 404, "there is no such page");
  }

  /** `POST /session` with `{"token": …}` gives the credential that WebSockets show as `session`. */
  async #session(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, host } = request.headers;
    if (!this.#host.origins.allows(origin, host)) {
      return text(response, 403, "pages of this origin may not use the gateway");
    }
    if (origin !== undefined) {
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("vary", "origin");
    }
    if (request.method === "OPTIONS") {
      response.setHeader("access-control-allow-methods", "POST");
      response.setHeader("access-control-allow-headers", "content-type");
      response.writeHead(204).end();
      return;
    }
    if (request.method !== "POST") return text(response, 405, "POST a token here");
    const token = tokenIn(await readBody(request));
    if (token === undefined) return text(response, 400, 'send {"token": "…"} as JSON');
    const redeemed = await this.#host.redeem(request, token);
    if ("status" in redeemed) return json(response, redeemed.status, { error: redeemed.text });
    const { credential, grant } = redeemed;
    json(response, 200, {
      session: credential,
      expires: Math.floor(grant.expiresAt / 1000),
      vm: grant.vm,
      user: grant.user,
    });
  }

  /** A file that remote-viewer opens: it comes through this very port, as through a proxy. */
  async #connectFile(
    request: IncomingMessage,
    response: ServerResponse,
    token: string | null,
  ): Promise<void> {
    const redeemed = await this.#host.redeem(request, token);
    if ("status" in redeemed) return text(response, redeemed.status, redeemed.text);
    const { credential, grant } = redeemed;
    const scheme = isSecure(request) ? "https" : "http";
    const lines = [
      "[virt-viewer]",
      "type=spice",
      `host=${credential}`,
      `port=${vvPort}`,
      `proxy=${scheme}://${request.headers.host ?? "localhost"}`,
      `title=${printable(grant.vm)}`,
      "delete-this-file=1",
    ];
    response.writeHead(200, {
      "content-type": "application/x-virt-viewer",
      "content-disposition": 'attachment; filename="connect.vv"',
      "cache-control": "no-store",
    });
    response.end(`${lines.join("\n")}\n`);
  }
}

/** Null where the body names no token, undefined where it is no JSON object. */
function tokenIn(body: string | null): string | null | undefined {
  if (body === null) return undefined;
  if (body.trim() === "") return null;
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null) return undefined;
    const { token = null } = value as { token?: unknown };
    return typeof token === "string" || token === null ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > bodySizeMax) return null;
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

function printable(value: string): string {
  return value.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, " ").slice(0, 100);
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(value)}\n`);
}

function text(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${message}\n`);
}
