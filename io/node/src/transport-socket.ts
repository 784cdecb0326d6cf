// Dials TCP and unix sockets. A dialled socket always has an error listener, so that an error
// between two owners never ends the process; `socket.errored` keeps it for the next owner.

import { connect, isIPv6, type NetConnectOpts, type Socket } from "node:net";
import type { BulkReader } from "./bulk-reads.ts";
import { describeFailure, TransportError } from "./transport-failure.ts";

// What the reference client uses: thirty idle seconds before the first probe.
const KEEP_ALIVE_MS = 30_000;

/** A host and port as people write them, IPv6 in brackets; other hosts may hold colons, too. */
export function hostAndPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** With `reader`, the socket gives its bytes there and not as events; it is paused. */
export function dialTcp(
  host: string,
  port: number,
  signal: AbortSignal,
  reader: BulkReader | null = null,
): Promise<Socket> {
  return dial(
    {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      // A name with several addresses: each gets this long before the next one is tried.
      autoSelectFamilyAttemptTimeout: 2_500,
    },
    hostAndPort(host, port),
    signal,
    reader,
  );
}

export function dialUnix(
  path: string,
  signal: AbortSignal,
  reader: BulkReader | null = null,
): Promise<Socket> {
  return dial({ path }, path, signal, reader);
}

/** Rejects with `TransportError`, or with the signal's reason when it was aborted. */
function dial(
  options: NetConnectOpts,
  what: string,
  signal: AbortSignal,
  reader: BulkReader | null,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect(reader === null ? options : { ...options, onread: reader.onRead });
    // Without events there is nobody yet who could take what comes first.
    if (reader !== null) socket.pause();
    guard(socket);
    const settle = (): void => {
      socket.off("connect", onConnect);
      socket.off("error", onError);
      signal.removeEventListener("abort", onAbort);
    };
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (error: Error): void => {
      settle();
      socket.destroy();
      reject(new TransportError(describeFailure(error, "connect", what)));
    };
    const onAbort = (): void => {
      settle();
      socket.destroy();
      reject(signal.reason);
    };
    socket.once("connect", onConnect);
    socket.once("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Keeps an error that no owner listens for from being thrown; `errored` still tells of it. */
export function guard(socket: Socket): void {
  socket.on("error", ignoreError);
}

function ignoreError(): void {}
