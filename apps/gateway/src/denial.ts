// Requests that go no further: what the client is told, and under which name it is counted.

import type { Refusal } from "@caraway/gateway";
import type { DenialReason } from "./gatekeeper.ts";

/** A request that goes no further. `reason` stands in logs and metrics, `text` goes to the client. */
export interface Denial {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
}

export const denials: Readonly<Record<DenialReason, Omit<Denial, "reason">>> = {
  "no-token": { status: 401, text: "a token is needed" },
  "unknown-token": { status: 401, text: "there is no such token" },
  "token-expired": { status: 401, text: "the token has expired: get a new one" },
  "token-used": { status: 401, text: "the token has been used: get a new one" },
  "token-must-be-redeemed": { status: 401, text: "redeem the token at /session first" },
  "bad-credential": { status: 401, text: "the session is not known here: get a new token" },
  "credential-expired": { status: 401, text: "the session has expired: get a new token" },
};

export const refusals: Readonly<Record<Refusal, Omit<Denial, "reason">>> = {
  draining: { status: 503, text: "the gateway is about to restart: try again" },
  "gateway-full": { status: 503, text: "the gateway takes no more sessions now" },
  "user-full": { status: 429, text: "this user has too many sessions" },
  "address-full": { status: 429, text: "too many connections from this address" },
  "session-full": { status: 429, text: "this session has too many connections" },
  "target-revoked": { status: 403, text: "the migration to this server was called off" },
};

/** A whole answer, for a socket that `node:http` has handed over. */
export function denialText({ status, text }: Denial): string {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${statusTexts[status] ?? "Error"}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

const statusTexts: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
};
