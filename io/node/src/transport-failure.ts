// Turns what Node reports about sockets, TLS, proxies and WebSockets into the one typed failure
// that machines understand, with a detail that helps the person who reads it.

import type { TransportFailure } from "@caraway/channel";
import { CarawayError } from "@caraway/wire";

/** The stage at which an unknown error arose decides its kind. */
export type TransportStage = "connect" | "proxy" | "tls" | "websocket" | "open";

/** Thrown while a connection is being opened; `failure` is what the machine is told. */
export class TransportError extends CarawayError {
  readonly code: `TRANSPORT_${string}`;
  readonly failure: TransportFailure;

  constructor(failure: TransportFailure) {
    super(failure.detail);
    this.code = `TRANSPORT_${failure.kind.replaceAll("-", "_").toUpperCase()}`;
    this.failure = failure;
  }
}

const byCode: Readonly<Record<string, readonly [TransportFailure["kind"], string]>> = {
  ECONNREFUSED: ["refused", "connection refused: nothing listens there"],
  ECONNRESET: ["reset", "connection reset by the peer"],
  ECONNABORTED: ["reset", "connection aborted"],
  EPIPE: ["reset", "the peer closed the connection while data was being sent"],
  ETIMEDOUT: ["timeout", "the peer did not answer in time"],
  EHOSTUNREACH: ["unreachable", "no route to the host"],
  EHOSTDOWN: ["unreachable", "the host is down"],
  ENETUNREACH: ["unreachable", "the network is unreachable"],
  ENETDOWN: ["unreachable", "the network is down"],
  EADDRNOTAVAIL: ["unreachable", "the address cannot be reached from this machine"],
  ENOTFOUND: ["name-not-found", "no address is known for this host name"],
  EAI_AGAIN: ["name-not-found", "the name service did not answer"],
  ENOENT: ["unreachable", "the socket file does not exist"],
  EACCES: ["other", "permission denied"],
  EPERM: ["other", "not permitted"],
};

const tlsHints: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed; give its CA, or pin its public key",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's CA is not trusted; give the CA file",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's CA is not known; give the CA file",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's CA is not known; give the CA file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's CA is not known; give the CA file",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet; is the clock right?",
  ERR_SSL_WRONG_VERSION_NUMBER: "the peer does not speak TLS here; is this the plain port?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the peer does not speak TLS here; is this the plain port?",
  ECONNRESET: "the peer closed the connection during the TLS handshake; is this the plain port?",
  EPIPE: "the peer closed the connection during the TLS handshake; is this the plain port?",
};

interface NodeError extends Error {
  readonly code?: string;
  readonly errors?: readonly unknown[];
}

/** Text of a peer or a library, cut to one line of printable characters. */
export function printable(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+/g, " ")
    .trim()
    .slice(0, 200);
}

function firstOf(error: unknown): NodeError {
  const candidate = error as NodeError;
  // Several addresses of one name were tried: all failed, the first one is the most telling.
  if (candidate?.errors !== undefined && candidate.errors.length > 0) {
    return firstOf(candidate.errors[0]);
  }
  return candidate instanceof Error ? candidate : new Error(String(error));
}

/**
 * Describes an error of a socket or library as a failure. `what` names the peer, such as
 * `127.0.0.1:5900`; it must hold no secret.
 */
export function describeFailure(
  error: unknown,
  stage: TransportStage,
  what: string,
): TransportFailure {
  if (error instanceof TransportError) return error.failure;
  const first = firstOf(error);
  const code = first.code ?? "";
  if (stage === "tls") {
    return { kind: "tls", detail: `${what}: ${tlsHints[code] ?? tlsText(first)}` };
  }
  const known = byCode[code];
  if (known !== undefined) {
    const kind = stage === "proxy" ? "proxy" : known[0];
    return { kind, detail: `${what}: ${known[1]}` };
  }
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || code === "EPROTO") {
    return { kind: "tls", detail: `${what}: ${tlsHints[code] ?? tlsText(first)}` };
  }
  const kind = stage === "proxy" || stage === "websocket" ? stage : "other";
  return { kind, detail: `${what}: ${printable(first.message) || code || "unknown error"}` };
}

function tlsText(error: NodeError): string {
  // OpenSSL's messages read "<thread>:error:<number>:<library>:<function>:<reason>:<file>:…".
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1];
  return printable(reason ?? error.message) || (error.code ?? "handshake failed");
}
