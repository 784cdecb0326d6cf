// A server described by named values, as token services and signed tokens do it.

import type { Endpoint } from "@caraway/client";
import { type TokenAnswer, TokenSourceError } from "./token-source.ts";
import { parseVmLine } from "./vm-line.ts";

/** What is known when the values say nothing of it. */
export interface FieldDefaults {
  readonly server: Endpoint;
  readonly vm: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `host`, `port`, `tls_port`, `host_subject`, or `address` (such as `spice+unix:///path`);
 * `vm`, `user`, `username`, `password`, `expires` (seconds since 1970), `once`. Ports may be text,
 * and values that mean nothing here are passed over. Throws TokenSourceError.
 */
export function answerFromFields(value: unknown, defaults: FieldDefaults): TokenAnswer {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TokenSourceError("a server is described by a JSON object");
  }
  const fields = value as Fields;
  const expires = numberOf(fields, "expires");
  const server = serverOf(fields, defaults.server);
  return {
    server,
    vm: textOf(fields, "vm") ?? (defaults.vm || server.host || (server.unixPath ?? "")),
    user: textOf(fields, "user") ?? "",
    username: textOf(fields, "username"),
    password: textOf(fields, "password"),
    expiresAt: expires === null ? null : expires * 1000,
    once: fields["once"] === true,
  };
}

function serverOf(fields: Fields, known: Endpoint): Endpoint {
  const subject = textOf(fields, "host_subject");
  const identity = subject === null ? known.identity : ({ kind: "subject", subject } as const);
  const address = textOf(fields, "address");
  if (address !== null) return { ...parseVmLine(address, "").server, identity };
  const host = textOf(fields, "host") ?? known.host;
  const port = portOf(fields, "port") ?? known.port;
  const tlsPort = portOf(fields, "tls_port") ?? known.tlsPort;
  const server: Endpoint = { ...known, host, port, tlsPort, identity };
  const isLocal = server.unixPath !== null || server.url !== null;
  if (!isLocal && (host === "" || (port === null && tlsPort === null))) {
    throw new TokenSourceError("a server needs host and port or tls_port, or an address");
  }
  return server;
}

function textOf(fields: Fields, name: string): string | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw new TokenSourceError(`${name} is not a text`);
  return value;
}

function numberOf(fields: Fields, name: string): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) {
    throw new TokenSourceError(`${name} is not a number`);
  }
  return number;
}

function portOf(fields: Fields, name: string): number | null {
  const port = numberOf(fields, name);
  if (port === null) return null;
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new TokenSourceError(`${name} is not a number from 1 to 65535`);
  }
  return port;
}
