// A gateway as a process: started from flags, renewed by SIGHUP, and ended by SIGTERM with time for
// those who are in.

import { createServer, type Server } from "node:http";
import { pino } from "pino";
import { type GatewayFlags, gatewayOptions, listenerTls, parseListen } from "./gateway-flags.ts";
import { GatewayServer } from "./gateway-server.ts";

export interface RunFlags extends GatewayFlags {
  /** `[host:]port` for /metrics and /healthz alone. */
  readonly metricsListen?: string;
  readonly logFile?: string;
  readonly logLevel?: string;
  /** Seconds that sessions get to end when the gateway is told to. */
  readonly drainTimeout?: number;
  /** Seconds without a connection after which the gateway ends; 0 for never. */
  readonly idleTimeout?: number;
}

/** Runs until a signal ends it. `started` is told where it listens. */
export async function runGateway(
  flags: RunFlags,
  started: (address: string) => void,
): Promise<void> {
  const log = pino(
    { level: flags.logLevel ?? "info", base: null },
    pino.destination(flags.logFile ?? 1),
  );
  const options = gatewayOptions(flags);
  const server = new GatewayServer({
    ...options,
    log,
    onFault: (error) => {
      log.fatal(
        { err: error },
        "a fault in the gateway: it ends, and clients come back to the next",
      );
      process.exit(1);
    },
  });
  const port = await server.listen();
  const metrics =
    flags.metricsListen === undefined ? null : await serveMetrics(server, flags.metricsListen);
  const { host, unixPath } = options.listen;
  const scheme = options.tls === null ? "http" : "https";
  const address = unixPath ?? `${scheme}://${bracketed(host ?? "0.0.0.0")}:${port}/`;
  log.info({ event: "listening", address }, "listening");
  if (flags.stateDir === undefined) {
    log.warn({ event: "no-state" }, "no --state-dir: sessions end with this process for good");
  }
  started(address);
  const renew = (): void => {
    try {
      const tls = listenerTls(flags);
      if (tls !== null) server.renewCertificate(tls);
      log.info({ event: "renewed" }, "certificate read anew");
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.error({ event: "renew-failed", detail }, "the certificate stays as it was");
    }
  };
  process.on("SIGHUP", renew);
  await untilEnded(server, flags.idleTimeout ?? 0);
  log.info({ event: "draining", connections: server.connectionCount }, "draining");
  const hurry = (): void => void server.close(0);
  for (const signal of signals) process.on(signal, hurry);
  await server.close((flags.drainTimeout ?? 30) * 1000);
  metrics?.close();
  for (const signal of signals) process.off(signal, hurry);
  process.off("SIGHUP", renew);
  log.flush();
}

const signals = ["SIGTERM", "SIGINT"] as const;

function untilEnded(server: GatewayServer, idleTimeoutS: number): Promise<void> {
  return new Promise((resolve) => {
    let idleSince = performance.now();
    const timer = setInterval(() => {
      if (server.connectionCount > 0) idleSince = performance.now();
      const isIdle = idleTimeoutS > 0 && performance.now() - idleSince >= idleTimeoutS * 1000;
      if (isIdle) end();
    }, 1000);
    const end = (): void => {
      clearInterval(timer);
      for (const signal of signals) process.off(signal, end);
      resolve();
    };
    for (const signal of signals) process.on(signal, end);
  });
}

/** A port for those who watch the gateway, apart from the one for everybody. */
async function serveMetrics(server: GatewayServer, listen: string): Promise<Server> {
  const http = createServer((request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    void server.metrics.text().then(
      (text) => response.writeHead(200, { "content-type": server.metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  const { host, port } = parseListen(listen, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host ?? undefined, resolve);
  });
  return http;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
