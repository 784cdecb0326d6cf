// One port for HTTP and HTTPS: the first byte of a connection tells which it is.

import { Server as HttpServer, type IncomingMessage, type ServerOptions } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, Server as TlsServer } from "node:tls";

export interface ListenerTls extends SecureContextOptions {
  /** Refuse plain HTTP. */
  readonly only: boolean;
  /** Clients must show a certificate of `ca`. */
  readonly verifyClient: boolean;
}

export interface ListenAddress {
  /** Null: every address of this machine. */
  readonly host: string | null;
  readonly port: number;
  /** A socket instead of a port. */
  readonly unixPath: string | null;
}

/** The first byte of a TLS handshake; no HTTP method begins with it. */
const tlsHandshake = 0x16;
/** For the first bytes, the TLS handshake and the head of a request. */
const headTimeoutMs = 20_000;
/** The whole request line, in which tokens and credentials stand. */
const headSizeMax = 16 << 10;

export class Listener {
  readonly http: HttpServer;
  readonly #tcp: Server;
  readonly #tls: TlsServer | null;
  readonly #tlsOnly: boolean;
  readonly #sockets = new Set<Socket>();

  constructor(tls: ListenerTls | null) {
    const options: ServerOptions = {
      maxHeaderSize: headSizeMax,
      headersTimeout: headTimeoutMs,
      requestTimeout: headTimeoutMs,
      keepAliveTimeout: 30_000,
    };
    this.http = new HttpServer(options);
    this.#tls = tls === null ? null : this.#makeTls(tls);
    this.#tlsOnly = tls?.only ?? false;
    // Large pieces are worth it in both directions: most of the bytes are pictures and files.
    this.#tcp = createServer({ noDelay: true, keepAlive: true, highWaterMark: 1 << 20 });
    this.#tcp.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      this.#accept(socket);
    });
  }

  #makeTls({ only: _, verifyClient, ...context }: ListenerTls): TlsServer {
    const server = new TlsServer({
      ...context,
      handshakeTimeout: headTimeoutMs,
      requestCert: verifyClient,
      rejectUnauthorized: verifyClient,
      ALPNProtocols: ["http/1.1"],
    });
    server.on("secureConnection", (socket) => this.http.emit("connection", socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  /** Reads the certificate anew; connections that are there keep theirs. */
  renew(context: SecureContextOptions): void {
    createSecureContext(context);
    this.#tls?.setSecureContext(context);
  }

  #accept(socket: Socket): void {
    if (this.#tls === null) {
      this.http.emit("connection", socket);
      return;
    }
    const tls = this.#tls;
    const timer = setTimeout(() => socket.destroy(), headTimeoutMs);
    const ignore = (): void => {};
    socket.on("error", ignore);
    socket.once("close", () => clearTimeout(timer));
    socket.once("data", (first: Buffer) => {
      clearTimeout(timer);
      socket.pause();
      socket.off("error", ignore);
      socket.unshift(first);
      if (first[0] === tlsHandshake) tls.emit("connection", socket);
      else if (this.#tlsOnly) socket.destroy();
      else this.http.emit("connection", socket);
      // TLS takes what was unshifted when it begins; until then the socket must not flow.
      process.nextTick(() => socket.resume());
    });
  }

  listen({ host, port, unixPath }: ListenAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tcp.once("error", reject);
      const done = (): void => {
        this.#tcp.off("error", reject);
        resolve();
      };
      if (unixPath !== null) this.#tcp.listen({ path: unixPath }, done);
      else this.#tcp.listen({ port, ...(host !== null && { host }) }, done);
    });
  }

  /** The port that was given, or chosen for 0; null on a unix socket. */
  get port(): number | null {
    const address = this.#tcp.address();
    return address !== null && typeof address === "object" ? address.port : null;
  }

  /** Takes no more connections and ends those that are still there. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }
}

/** Whether the request came over TLS. */
export function isSecure(request: IncomingMessage): boolean {
  return "encrypted" in request.socket;
}
