// TLS on top of a dialled socket. A peer is accepted by its certificate's chain and then its host
// name or its subject, or by its pinned public key alone; nothing else, unless the embedder
// explicitly asked for an insecure connection.

import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from "node:tls";
import type { TlsIdentity } from "@caraway/channel";
import { describeFailure, TransportError } from "./transport-failure.ts";
import { guard } from "./transport-socket.ts";
import { formatName, readSubject, subjectMatches } from "./x509-name.ts";

export interface TlsOptions {
  /** CA certificates as PEM text (one or several); Node's own list when absent. */
  readonly ca?: string;
  /** OpenSSL cipher list; Node's default when absent. */
  readonly ciphers?: string;
  /** Accept any certificate. For experiments only: the password goes to whoever answers. */
  readonly insecure?: boolean;
}

/**
 * Makes the socket secure and verifies the peer. `what` names the peer in messages. Owns the
 * socket: destroys it on failure. Rejects with `TransportError`, or with the signal's reason.
 */
export function secure(
  socket: Socket,
  host: string,
  identity: TlsIdentity,
  options: TlsOptions,
  what: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (reason: unknown): void => {
      settle();
      secured?.destroy();
      socket.destroy();
      reject(reason);
    };
    const onError = (error: Error): void => {
      fail(new TransportError(describeFailure(error, "tls", what)));
    };
    const onSecure = (): void => {
      const mismatch =
        identity.kind === "public-key" && options.insecure !== true
          ? pinMismatch(secured!, identity.key)
          : null;
      if (mismatch !== null) {
        fail(new TransportError({ kind: "tls", detail: `${what}: ${mismatch}` }));
        return;
      }
      settle();
      resolve(secured!);
    };
    const onAbort = (): void => fail(signal.reason);
    const settle = (): void => {
      secured?.off("error", onError);
      secured?.off("secureConnect", onSecure);
      signal.removeEventListener("abort", onAbort);
    };
    let secured: TLSSocket | null = null;
    try {
      signal.throwIfAborted();
      secured = connect({
        socket,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        ...(options.ciphers === undefined ? {} : { ciphers: options.ciphers }),
        ...(canBeServerName(host) ? { servername: host } : {}),
        rejectUnauthorized: identity.kind !== "public-key" && options.insecure !== true,
        checkServerIdentity: (_name, certificate) => identityMismatch(identity, certificate),
      });
    } catch (error) {
      // A CA that is no PEM, or a cipher list that names nothing.
      if (signal.aborted) fail(signal.reason);
      else onError(error as Error);
      return;
    }
    guard(secured);
    secured.once("error", onError);
    secured.once("secureConnect", onSecure);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Server name indication carries DNS names only: no address, no proxy ticket. */
function canBeServerName(host: string): boolean {
  return isIP(host) === 0 && /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(host);
}

/** Called with a certificate whose chain is trusted. */
function identityMismatch(identity: TlsIdentity, certificate: PeerCertificate): Error | undefined {
  switch (identity.kind) {
    case "hostname":
      return hostMismatch(identity.host, certificate);
    case "subject": {
      if (subjectMatches(certificate.raw, identity.subject)) return undefined;
      const actual = readSubject(certificate.raw);
      return new Error(
        `the certificate's subject is ${actual === null ? "unusual" : formatName(actual)}, ` +
          `not ${identity.subject}`,
      );
    }
    case "public-key":
      return undefined;
  }
}

function hostMismatch(host: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(host, certificate);
  if (error === undefined) return undefined;
  // As the reference client does: an address may stand as common name where the certificate has
  // no alternative names at all.
  const isCommonName = [certificate.subject?.CN].flat().includes(host);
  if (isIP(host) !== 0 && certificate.subjectaltname === undefined && isCommonName) {
    return undefined;
  }
  return new Error(`the certificate is not for ${host}`);
}

function pinMismatch(socket: TLSSocket, key: Uint8Array): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return "the peer showed no certificate";
  const actual = certificate.publicKey.export({ type: "spki", format: "der" });
  return actual.equals(key) ? null : "the certificate's public key is not the pinned one";
}
