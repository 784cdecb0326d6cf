// What somebody may reach through a gateway, and until when. A grant comes from a token; sealed by
// the gateway's secret it is the credential that a browser shows for each of its connections.

import type { TlsIdentity } from "@caraway/channel";
import type { Endpoint } from "@caraway/client";
import { CarawayError } from "@caraway/wire";

export interface Grant {
  /** Connections of one session may join each other's SPICE session; those of others never. */
  readonly session: string;
  /** The VM's name, for people. */
  readonly vm: string;
  /** Whom limits count; empty for nobody in particular. */
  readonly user: string;
  /** No connection begins later. Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The one server that this grant is good for. */
  readonly server: Endpoint;
  /** For SASL; null for a ticket. */
  readonly username: string | null;
  readonly password: string | null;
}

/** Bytes that do not hold a grant: made by another version, or not by a gateway at all. */
export class GrantError extends CarawayError {
  readonly code = "GRANT";
}

const version = 1;

/** One array, so that a credential stays short. */
export function encodeGrant(grant: Grant): string {
  const { session, vm, user, expiresAt, server, username, password } = grant;
  const { host, port, tlsPort, unixPath, url, identity } = server;
  return JSON.stringify([
    version,
    [session, vm, user, expiresAt],
    [host, port, tlsPort, unixPath, url, identity === null ? null : encodeIdentity(identity)],
    [username, password],
  ]);
}

/** Takes only what `encodeGrant` makes. Throws GrantError. */
export function decodeGrant(text: string): Grant {
  const [found, who, where, secrets] = listOf(parse(text), 4);
  if (found !== version) throw new GrantError("the credential is of another version");
  const [session, vm, user, expiresAt] = listOf(who, 4);
  const [host, port, tlsPort, unixPath, url, identity] = listOf(where, 6);
  const [username, password] = listOf(secrets, 2);
  return {
    session: textOf(session),
    vm: textOf(vm),
    user: textOf(user),
    expiresAt: numberOf(expiresAt),
    server: {
      host: textOf(host),
      port: orNull(port, portOf),
      tlsPort: orNull(tlsPort, portOf),
      unixPath: orNull(unixPath, textOf),
      url: orNull(url, textOf),
      identity: orNull(identity, decodeIdentity),
    },
    username: orNull(username, textOf),
    password: orNull(password, textOf),
  };
}

/** Names a server among those of a session. */
export function serverKey({ host, port, tlsPort, unixPath, url }: Endpoint): string {
  return JSON.stringify([host, port, tlsPort, unixPath, url]);
}

function encodeIdentity(identity: TlsIdentity): readonly (string | number)[] {
  switch (identity.kind) {
    case "hostname":
      return ["h", identity.host];
    case "subject":
      return ["s", identity.subject];
    case "public-key":
      return ["k", ...identity.key];
  }
}

function decodeIdentity(value: unknown): TlsIdentity {
  if (!Array.isArray(value)) throw wrong();
  const [kind, ...rest] = value as readonly unknown[];
  switch (kind) {
    case "h":
      return { kind: "hostname", host: textOf(rest[0]) };
    case "s":
      return { kind: "subject", subject: textOf(rest[0]) };
    case "k":
      return { kind: "public-key", key: Uint8Array.from(rest, numberOf) };
    default:
      throw wrong();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new GrantError("the credential holds no grant", { cause: error });
  }
}

function listOf(value: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw wrong();
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw wrong();
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong();
  return value;
}

function portOf(value: unknown): number {
  const port = numberOf(value);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw wrong();
  return port;
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value);
}

function wrong(): GrantError {
  return new GrantError("the credential holds no grant");
}
