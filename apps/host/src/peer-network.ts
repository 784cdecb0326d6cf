// Connections between hosts: listened for, made, and all of them mutually authenticated TLS.

import { isIP } from "node:net";
import { connect, createServer, type Server } from "node:tls";
import { attachSocket, type ByteStream } from "@caraway/node";
import type { PeerSecurity } from "./peer-security.ts";
import { HostUsageError } from "./usage-error.ts";

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

export const defaultPeerPort = 7701;
/** Until a handshake is over. */
const handshakeMs = 10_000;
/** Connections from other hosts at a time. */
const connectionsMax = 256;

/** `host[:port]`, with IPv6 in brackets. @throws HostUsageError */
export function parsePeerAddress(text: string): PeerAddress {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[3] ?? defaultPeerPort);
  if (match === null || port > 0xffff) {
    throw new HostUsageError(`${text} is no address of a host: write host or host:port`);
  }
  return { host: match[1] ?? match[2]!, port };
}

export function peerAddressText({ host, port }: PeerAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export class PeerListener {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Rejects when the address cannot be had. Who does not prove who they are is not heard. */
  static async open(
    { host, port }: PeerAddress,
    security: PeerSecurity,
    accepted: (stream: ByteStream, peer: string) => void,
  ): Promise<PeerListener> {
    const server = createServer({ ...security.server, handshakeTimeout: handshakeMs });
    server.maxConnections = connectionsMax;
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    server.on("secureConnection", (socket) => {
      socket.on("error", () => {});
      socket.setNoDelay(true);
      const peer = peerAddressText({
        host: (socket.remoteAddress ?? "?").replace(/^::ffff:(?=\d+\.)/, ""),
        port: socket.remotePort ?? 0,
      });
      accepted(attachSocket(socket, peer), peer);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        server.on("error", () => {});
        resolve();
      });
    });
    return new PeerListener(server);
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  close(): void {
    this.#server.close();
  }
}

export interface Dialling {
  /** Gives up what is not there yet. */
  abort(): void;
}

/** Exactly one of the two is called, unless it is aborted first. */
export function dialPeer(
  { host, port }: PeerAddress,
  security: PeerSecurity,
  connected: (stream: ByteStream) => void,
  failed: (detail: string) => void,
): Dialling {
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = connect({ host, port, ...name, ...security.client(host), timeout: handshakeMs });
  let isOver = false;
  const fail = (detail: string): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    failed(detail);
  };
  socket.on("error", (error) => fail(error.message));
  socket.once("timeout", () => fail("no answer"));
  socket.once("close", () => fail("it closed the connection"));
  socket.once("secureConnect", () => {
    if (isOver) return;
    isOver = true;
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    socket.setNoDelay(true);
    connected(attachSocket(socket, peerAddressText({ host, port })));
  });
  return {
    abort: () => {
      isOver = true;
      socket.destroy();
    },
  };
}
