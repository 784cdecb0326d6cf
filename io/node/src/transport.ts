// Opens an address and gives one kind of byte connection, whatever lies below: TCP, TLS, a unix
// socket, a WebSocket, a proxy's tunnel. Whoever opens a transport owns it and closes it.

import type { Socket } from "node:net";
import type { Address, TlsIdentity } from "@caraway/channel";
import type { Transport, TransportListener } from "@caraway/driver";
import { BulkReader, type BulkReads, hasBulkReads } from "./bulk-reads.ts";
import { attachSocket, attachWebSocket, type ByteStream } from "./byte-stream.ts";
import { TransportError } from "./transport-failure.ts";
import { dialThroughProxy, type HttpProxy } from "./transport-proxy.ts";
import { dialTcp, dialUnix, hostAndPort } from "./transport-socket.ts";
import { secure, type TlsOptions } from "./transport-tls.ts";
import { upgrade } from "./transport-websocket.ts";

export interface TransportOptions {
  /** From the call to `connected`, all stages together; 10 s when absent. */
  readonly connectTimeoutMs?: number;
  readonly tls?: TlsOptions;
  /** Where TCP and WebSocket addresses are reached through; null or absent for none. */
  readonly proxy?: HttpProxy | null;
  /** For connections that carry much: plain ones are read in larger pieces. */
  readonly bulkReads?: BulkReads;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

export function openTransport(
  address: Address,
  tls: TlsIdentity | null,
  options: TransportOptions,
  listener: TransportListener,
): Transport {
  const abort = new AbortController();
  let stream: ByteStream | null = null;
  let paused = false;
  let over = false;
  const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  const timer = setTimeout(() => {
    const detail = `${addressText(address)}: no connection within ${timeoutMs / 1000} s`;
    abort.abort(new TransportError({ kind: "timeout", detail }));
  }, timeoutMs);

  const finish = (): void => {
    over = true;
    clearTimeout(timer);
  };
  dialStream(address, tls, options, abort.signal).then(
    (opened) => {
      clearTimeout(timer);
      if (over) {
        opened.destroy();
        return;
      }
      stream = opened;
      listener.connected();
      if (over) return;
      opened.listen({
        received: (bytes) => listener.received(bytes),
        backlog: (bytes) => listener.backlog(bytes),
        closed: (failure) => {
          finish();
          listener.closed(failure);
        },
      });
      if (paused) opened.pause();
    },
    (error: unknown) => {
      if (over) return;
      finish();
      const failure =
        error instanceof TransportError
          ? error.failure
          : ({ kind: "other", detail: `${addressText(address)}: ${String(error)}` } as const);
      listener.closed(failure);
    },
  );

  return {
    write(bytes) {
      if (!over) stream?.write(bytes);
    },
    pause() {
      paused = true;
      stream?.pause();
    },
    resume() {
      paused = false;
      stream?.resume();
    },
    close() {
      if (over) return;
      finish();
      abort.abort(new Error("closed by its owner"));
      stream?.end();
    },
    destroy() {
      finish();
      abort.abort(new Error("closed by its owner"));
      stream?.destroy();
    },
  };
}

/** An address for messages to people: no query, no user, no password. */
export function addressText(address: Address): string {
  switch (address.kind) {
    case "tcp":
      return hostAndPort(address.host, address.port);
    case "unix":
      return address.path;
    case "websocket": {
      const url = URL.canParse(address.url) ? new URL(address.url) : null;
      return url === null ? "WebSocket" : `${url.protocol}//${url.host}${url.pathname}`;
    }
  }
}

async function dialStream(
  address: Address,
  identity: TlsIdentity | null,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<ByteStream> {
  const what = addressText(address);
  if (address.kind === "websocket") {
    const { url, host, port, secured } = webSocketParts(address.url);
    const socket = await dialHost(host, port, options, signal, null);
    const below = secured
      ? await secure(
          socket,
          host,
          identity ?? { kind: "hostname", host },
          options.tls ?? {},
          what,
          signal,
        )
      : socket;
    return attachWebSocket(await upgrade(below, url, what, signal), what);
  }
  const { bulkReads, proxy = null } = options;
  const isBulk = bulkReads !== undefined && hasBulkReads && identity === null && proxy === null;
  const reader = isBulk ? new BulkReader(bulkReads) : null;
  if (address.kind === "unix") {
    const socket = await dialUnix(address.path, signal, reader);
    return attachSocket(await secureIfAsked(socket, ""), what, reader);
  }
  const socket = await dialHost(address.host, address.port, options, signal, reader);
  return attachSocket(await secureIfAsked(socket, address.host), what, reader);

  async function secureIfAsked(socket: Socket, host: string): Promise<Socket> {
    if (identity === null) return socket;
    return await secure(socket, host, identity, options.tls ?? {}, what, signal);
  }
}

function dialHost(
  host: string,
  port: number,
  options: TransportOptions,
  signal: AbortSignal,
  reader: BulkReader | null,
): Promise<Socket> {
  if (options.proxy === undefined || options.proxy === null) {
    return dialTcp(host, port, signal, reader);
  }
  return dialThroughProxy(options.proxy, host, port, options.tls?.ca, signal);
}

function webSocketParts(text: string): {
  url: string;
  host: string;
  port: number;
  secured: boolean;
} {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
    throw new TransportError({
      kind: "websocket",
      detail: "the address is not a WebSocket URL such as wss://host:port/path",
    });
  }
  const secured = url.protocol === "wss:";
  // A fragment has no place in a WebSocket URL.
  url.hash = "";
  return {
    url: url.href,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (secured ? 443 : 80),
    secured,
  };
}
