// The gateway as a server: HTTP, WebSocket and CONNECT on one port, in front of the machine that
// relays. Everything that comes in passes the same door: origin, throttle, token, limits.

import { generateKeyPairSync } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  type Arrival,
  FailureThrottle,
  Gateway,
  type GatewayEvent,
  type GatewayLimits,
  type Grant,
} from "@caraway/gateway";
import {
  acceptWebSocket,
  attachSocket,
  type TlsOptions,
  type WebSocketStream,
  webSocketFault,
} from "@caraway/node";
import { type Denial, denials, denialText, refusals } from "./denial.ts";
import { logEvent } from "./event-log.ts";
import { type Admission, Gatekeeper } from "./gatekeeper.ts";
import { GatewayDriver } from "./gateway-driver.ts";
import { GatewayMetrics } from "./gateway-metrics.ts";
import { type ListenAddress, Listener, type ListenerTls } from "./listener.ts";
import type { Log } from "./log.ts";
import type { OriginRule } from "./origin-rule.ts";
import { RedeemedTokens } from "./redeemed-tokens.ts";
import { Sealer } from "./sealer.ts";
import { type TokenSource, TokenSourceError } from "./token-source.ts";
import { WebRoutes } from "./web-routes.ts";

export interface GatewayServerOptions {
  readonly listen: ListenAddress;
  /** Null: plain HTTP only. */
  readonly tls: ListenerTls | null;
  readonly source: TokenSource;
  /** Whether a token is asked for; one fixed server needs none. */
  readonly needsToken: boolean;
  /** The first one seals; all are good for opening. Credentials outlive the process with them. */
  readonly secrets: readonly Uint8Array[];
  /** Where used one-time tokens are remembered; null: in memory. */
  readonly redeemedFolder: string | null;
  /** The folder of the page that is served; null for none. */
  readonly web: string | null;
  readonly origins: OriginRule;
  /** Whether a session may follow its VM to this host. */
  readonly allowTarget: (host: string) => boolean;
  readonly limits: GatewayLimits;
  readonly sessionLifetimeMs: number;
  /** Between two questions whether a WebSocket client still lives; 0 for never. */
  readonly heartbeatMs: number;
  /** For TLS to servers. */
  readonly serverTls: TlsOptions;
  readonly connectTimeoutMs: number;
  /** Take the client's address from X-Forwarded-For. */
  readonly behindProxy: boolean;
  /** Serve /metrics on the same port. */
  readonly metrics: boolean;
  readonly log: Log;
  /** A fault in the program itself: the process should end. */
  readonly onFault: (error: unknown) => void;
}

/** Close code of a WebSocket whose server ends: clients come back. */
const goingAway = 1001;

export class GatewayServer {
  readonly #options: GatewayServerOptions;
  readonly #listener: Listener;
  readonly #gatekeeper: Gatekeeper;
  readonly #gateway: Gateway;
  readonly #driver: GatewayDriver;
  readonly #metrics: GatewayMetrics;
  readonly #origins: OriginRule;
  readonly #throttle = new FailureThrottle();
  readonly #webSockets = new Set<WebSocketStream>();
  #heartbeat: NodeJS.Timeout | null = null;
  readonly #drained: Promise<void>;
  #tellDrained: () => void = () => {};
  #isClosing = false;
  #closed: Promise<void> | null = null;

  constructor(options: GatewayServerOptions) {
    this.#options = options;
    const { source, needsToken, sessionLifetimeMs, log } = options;
    this.#drained = new Promise((resolve) => {
      this.#tellDrained = resolve;
    });
    this.#origins = options.origins;
    this.#gatekeeper = new Gatekeeper({
      source,
      needsToken,
      sealer: new Sealer(options.secrets),
      redeemed: new RedeemedTokens(options.redeemedFolder),
      sessionLifetimeMs,
      now: Date.now,
    });
    this.#gateway = new Gateway({
      publicKey: makePublicKey(),
      seal: (grant) => this.#gatekeeper.seal(grant),
      allowTarget: options.allowTarget,
      targetExpiry: (grant) => this.#gatekeeper.targetExpiry(grant),
      limits: options.limits,
    });
    this.#driver = new GatewayDriver(this.#gateway, {
      tls: options.serverTls,
      connectTimeoutMs: options.connectTimeoutMs,
      onEvent: (event) => this.#note(event),
      onFault: options.onFault,
    });
    this.#metrics = new GatewayMetrics(this.#gateway, () => this.#driver.backlogOfAll);
    this.#listener = new Listener(options.tls);
    const routes = new WebRoutes(
      {
        origins: this.#origins,
        isServing: () => this.#gateway.isServing,
        metrics: options.metrics ? this.#metrics : null,
        redeem: (request, token) => this.#redeem(request, token),
        log,
      },
      options.web,
    );
    const { http } = this.#listener;
    http.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void routes.serve(request, response);
    });
    http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#upgrade(request, socket, head);
    });
    http.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#connect(request, socket, head);
    });
  }

  /** Port 0 chooses a free one; gives what it is, or null on a unix socket. */
  async listen(): Promise<number | null> {
    await this.#listener.listen(this.#options.listen);
    const { heartbeatMs } = this.#options;
    if (heartbeatMs > 0) {
      const ping = (): void => {
        for (const stream of this.#webSockets) stream.ping();
      };
      this.#heartbeat = setInterval(ping, heartbeatMs);
    }
    return this.#listener.port;
  }

  get metrics(): GatewayMetrics {
    return this.#metrics;
  }

  /** Connections of clients. */
  get connectionCount(): number {
    return this.#gateway.connectionCount;
  }

  /** As `listen`'s `tls`, from now on. */
  renewCertificate(context: Parameters<Listener["renew"]>[0]): void {
    this.#listener.renew(context);
  }

  /**
   * Lets nobody new in, gives sessions so long to end, and then ends them. Their own further
   * channels are let in until then. Resolves when nothing is left. May be called again, to hurry.
   */
  close(withinMs = 0): Promise<void> {
    this.#isClosing = true;
    for (const stream of this.#webSockets) stream.endCode = goingAway;
    this.#closed ??= this.#drained.then(() => this.#listener.close());
    this.#driver.command({ name: "drain", withinMs });
    return this.#closed;
  }

  #note(event: GatewayEvent): void {
    this.#metrics.note(event);
    logEvent(this.#options.log, event);
    if (event.name !== "drained") return;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#tellDrained();
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => {});
    const fault = webSocketFault(request);
    if (fault !== null) {
      this.#refuse(request, socket, { status: 400, reason: "bad-upgrade", text: fault });
      return;
    }
    const { origin, host } = request.headers;
    if (!this.#origins.allows(origin, host)) {
      const text = "pages of this origin may not use the gateway";
      this.#refuse(request, socket, { status: 403, reason: "bad-origin", text });
      return;
    }
    const query = new URL(request.url ?? "/", "http://gateway").searchParams;
    const arrival: Arrival = { address: this.#addressOf(request), way: "websocket" };
    const passed = await this.#admit(query.get("session"), query.get("token"), arrival);
    if ("status" in passed) {
      this.#refuse(request, socket, passed);
      return;
    }
    if (socket.destroyed) return;
    const stream = acceptWebSocket(request, socket, head, arrival.address);
    if (this.#isClosing) stream.endCode = goingAway;
    this.#webSockets.add(stream);
    socket.once("close", () => this.#webSockets.delete(stream));
    this.#driver.accept(stream, passed, arrival);
  }

  /** As a proxy that tunnels to whom a credential, or a token, in place of a host names. */
  async #connect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => {});
    const name = (request.url ?? "").replace(/:\d*$/, "");
    const arrival: Arrival = { address: this.#addressOf(request), way: "connect" };
    const isCredential = name.startsWith("g1.");
    const passed = await this.#admit(
      isCredential ? name : null,
      isCredential ? null : name,
      arrival,
    );
    if ("status" in passed) {
      // 401 would make clients ask for a password for the proxy.
      const status = passed.status === 401 ? 403 : passed.status;
      this.#refuse(request, socket, { ...passed, status });
      return;
    }
    if (socket.destroyed) return;
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    socket.setNoDelay(true);
    if (head.length > 0) socket.unshift(head);
    this.#driver.accept(attachSocket(socket, arrival.address), passed, arrival);
  }

  /** What a connection may do; asks the limits last, so that nothing can come between. */
  async #admit(
    credential: string | null,
    token: string | null,
    arrival: Arrival,
  ): Promise<Grant | Denial> {
    const { address } = arrival;
    const admitted = await this.#judge(arrival, () =>
      credential === null
        ? this.#gatekeeper.admitByToken(token, address)
        : this.#gatekeeper.admitByCredential(credential),
    );
    if ("status" in admitted) return admitted;
    const refusal = this.#driver.refusal(admitted, arrival);
    return refusal === null ? admitted : { ...refusals[refusal], reason: refusal };
  }

  async #redeem(
    request: IncomingMessage,
    token: string | null,
  ): Promise<{ readonly grant: Grant; readonly credential: string } | Denial> {
    const arrival: Arrival = { address: this.#addressOf(request), way: "websocket" };
    if (!this.#gateway.isServing) return { ...refusals.draining, reason: "draining" };
    const grant = await this.#judge(arrival, () => this.#gatekeeper.redeem(token));
    if ("status" in grant) {
      this.#tell(request, grant);
      return grant;
    }
    return { grant, credential: this.#gatekeeper.seal(grant) };
  }

  /** Asks who it is, unless the address has guessed too often. */
  async #judge(
    { address }: Arrival,
    ask: () => Promise<Admission> | Admission,
  ): Promise<Grant | Denial> {
    if (this.#throttle.isBlocked(address, performance.now())) {
      return { status: 429, reason: "throttled", text: "too many failures: try again later" };
    }
    try {
      const admission = await ask();
      if (admission.kind === "granted") return admission.grant;
      this.#throttle.failed(address, performance.now());
      return { ...denials[admission.reason], reason: admission.reason };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#options.log.error({ event: "token-source", detail }, "tokens cannot be looked up");
      const isKnown = error instanceof TokenSourceError;
      const status = isKnown ? 502 : 500;
      return { status, reason: "token-source", text: "tokens cannot be looked up now" };
    }
  }

  #refuse(request: IncomingMessage, socket: Socket, denial: Denial): void {
    this.#tell(request, denial);
    socket.end(denialText(denial));
    // Whoever does not read the answer does not keep the socket either.
    setTimeout(() => socket.destroy(), 5000).unref();
  }

  #tell(request: IncomingMessage, { reason }: Denial): void {
    this.#metrics.denied(reason);
    const { origin } = request.headers;
    const fields = { event: "denied", reason, address: this.#addressOf(request), origin };
    this.#options.log.warn(fields, "request denied");
  }

  #addressOf(request: IncomingMessage): string {
    const forwarded = this.#options.behindProxy ? request.headers["x-forwarded-for"] : undefined;
    const last = [forwarded].flat().join(",").split(",").at(-1)?.trim() ?? "";
    const address = last === "" ? (request.socket.remoteAddress ?? "local") : last;
    return address.replace(/^::ffff:(?=\d+\.)/, "");
  }
}

/** Clients encrypt a ticket with it that nobody reads: one key will do for all of them. */
function makePublicKey(): Uint8Array {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  return new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
}
