// Listens where clients come: TCP, TLS and unix sockets. As with spice-server, a WebSocket may come
// to the same port as SPICE itself; the first bytes tell which it is.

import { lstat, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Arrival } from "@caraway/server";
import { attachSocket, type ByteStream } from "./byte-stream.ts";
import { type OriginRule, WebSocketDoor } from "./listen-websocket.ts";
import { guard, hostAndPort } from "./transport-socket.ts";

export type ListenAddress =
  /** Port 0 takes any that is free. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly kind: "unix"; readonly path: string };

export interface ListenTls {
  /** PEM: the server's certificate, with those between it and its authority. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** OpenSSL cipher list; Node's default when absent. */
  readonly ciphers?: string;
}

export interface ListenOptions {
  readonly addresses: readonly ListenAddress[];
  /** For the addresses with `tls`. */
  readonly tls?: ListenTls;
  /** Which pages may connect by WebSocket; those of the same host when absent. */
  readonly origins?: OriginRule;
  readonly accepted: (stream: ByteStream, arrival: Arrival) => void;
}

/** How long a stranger may take until its first bytes, or its TLS handshake, are there. */
const firstBytesMs = 15_000;
/** As spice-server: ten minutes. */
const keepAliveMs = 600_000;
/** Strangers at a time that have said nothing yet. */
const strangersMax = 256;

export class Listener {
  readonly #options: ListenOptions;
  readonly #servers: Server[] = [];
  readonly #strangers = new Set<Socket>();
  readonly #door: WebSocketDoor;
  #addresses: ListenAddress[] = [];

  private constructor(options: ListenOptions) {
    this.#options = options;
    this.#door = new WebSocketDoor(options.origins ?? "same-host", options.accepted);
  }

  /** Rejects when an address cannot be had; then none is taken. */
  static async open(options: ListenOptions): Promise<Listener> {
    const listener = new Listener(options);
    try {
      for (const address of options.addresses) await listener.#listen(address);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  }

  /** Where it listens, with the ports that were taken. */
  get addresses(): readonly ListenAddress[] {
    return this.#addresses;
  }

  /** Takes nobody any more; those who are in stay. */
  async close(): Promise<void> {
    for (const socket of this.#strangers) socket.destroy();
    this.#door.close();
    const closing = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    await Promise.all(closing);
  }

  async #listen(address: ListenAddress): Promise<void> {
    const { tls } = this.#options;
    const isTls = address.kind === "tcp" && address.tls;
    if (isTls && tls === undefined) throw new Error("a TLS port needs a certificate and a key");
    const server = isTls
      ? createTlsServer(
          { ...tls, minVersion: "TLSv1.2", handshakeTimeout: firstBytesMs },
          (socket) => this.#accepted(socket, true, false),
        )
      : createServer((socket) => this.#accepted(socket, false, address.kind === "unix"));
    // A stranger that fails in its handshake is nobody's concern.
    server.on("tlsClientError", () => {});
    server.maxConnections = 4096;
    if (address.kind === "unix") await removeStaleSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const started = (): void => {
        server.off("error", reject);
        server.on("error", () => {});
        resolve();
      };
      if (address.kind === "unix") server.listen(address.path, started);
      else server.listen(address.port, address.host, started);
    });
    this.#servers.push(server);
    this.#addresses = [...this.#addresses, withPort(address, server)];
  }

  #accepted(socket: Socket, tls: boolean, local: boolean): void {
    guard(socket);
    if (this.#strangers.size >= strangersMax) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    const peer = local
      ? "unix socket"
      : hostAndPort(socket.remoteAddress ?? "?", socket.remotePort ?? 0);
    const arrival: Arrival = { tls, local, peer };
    this.#strangers.add(socket);
    socket.setTimeout(firstBytesMs, () => socket.destroy());
    const forget = (): void => {
      this.#strangers.delete(socket);
    };
    socket.once("close", forget);
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return;
      forget();
      socket.off("close", forget);
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      socket.unshift(first);
      // SPICE begins with REDQ, a WebSocket with GET.
      if (first[0] === 0x47) this.#door.enter(socket, arrival);
      else this.#options.accepted(attachSocket(socket, peer), arrival);
    });
  }
}

function withPort(address: ListenAddress, server: Server): ListenAddress {
  const bound = server.address();
  if (address.kind !== "tcp" || bound === null || typeof bound === "string") return address;
  return { ...address, port: bound.port };
}

/** A socket that a server left behind; a file of another kind stays, and listening fails. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found?.isSocket() === true) await unlink(path);
}
