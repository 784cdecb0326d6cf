// HTTP proxies: a tunnel to the peer through CONNECT, from a proxy URL as people write it in
// `SPICE_PROXY` and `.vv` files.

import { request } from "node:http";
import type { Socket } from "node:net";
import { rootCertificates } from "node:tls";
import { CarawayError } from "@caraway/wire";
import { describeFailure, printable, TransportError } from "./transport-failure.ts";
import { dialTcp, guard, hostAndPort } from "./transport-socket.ts";
import { secure } from "./transport-tls.ts";

export interface HttpProxy {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
}

/** A proxy URL that cannot be used. The message holds no password. */
export class ProxyUrlError extends CarawayError {
  readonly code = "PROXY_URL";
}

const defaultPorts = { http: 3128, https: 3129 } as const;

/**
 * Reads `[http[s]://][user[:password]@]host[:port]`. The ports default to 3128 and 3129, as in
 * spice-gtk; user and password may be percent-encoded.
 */
export function parseProxyUrl(text: string): HttpProxy {
  const match =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:([^@/]*)@)?(\[[^\]]*\]|[^:/@]*)(?::([^/@]*))?\/*$/i.exec(
      text.trim(),
    );
  if (match === null) throw new ProxyUrlError("the proxy is not a URL such as http://host:3128");
  const [, schemeText = "http", authority, hostText = "", portText] = match;
  const scheme = schemeText.toLowerCase();
  if (scheme !== "http" && scheme !== "https") {
    throw new ProxyUrlError(`a ${scheme} proxy is not supported; use http:// or https://`);
  }
  const host = hostText.replace(/^\[|\]$/g, "");
  if (host === "") throw new ProxyUrlError("the proxy's URL has no host");
  const port = portText === undefined ? defaultPorts[scheme] : Number(portText);
  if (!/^\d+$/.test(portText ?? "1") || port < 1 || port > 65535) {
    throw new ProxyUrlError("the proxy's port is not a number from 1 to 65535");
  }
  if (authority === undefined) return { scheme, host, port, user: null, password: null };
  const colon = authority.indexOf(":");
  const user = decode(colon < 0 ? authority : authority.slice(0, colon));
  const password = colon < 0 ? null : decode(authority.slice(colon + 1));
  return { scheme, host, port, user, password };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Opens a tunnel to `host:port` through the proxy. An https proxy is verified by its host name
 * against `ca` and Node's own list. Rejects with `TransportError` of kind `proxy`, or with the
 * signal's reason.
 */
export async function dialThroughProxy(
  proxy: HttpProxy,
  host: string,
  port: number,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const what = `proxy ${hostAndPort(proxy.host, proxy.port)}`;
  let socket: Socket;
  try {
    socket = await dialTcp(proxy.host, proxy.port, signal);
    if (proxy.scheme === "https") {
      const identity = { kind: "hostname", host: proxy.host } as const;
      // The given CA is the SPICE server's; a proxy may as well have a certificate of the web's.
      const options = ca === undefined ? {} : { ca: [...rootCertificates, ca].join("\n") };
      socket = await secure(socket, proxy.host, identity, options, what, signal);
    }
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const detail = error.failure.detail;
    throw new TransportError({
      kind: "proxy",
      detail: detail.startsWith("proxy ") ? detail : `proxy ${detail}`,
    });
  }
  return await tunnel(socket, proxy, hostAndPort(host, port), what, signal);
}

function tunnel(
  socket: Socket,
  proxy: HttpProxy,
  target: string,
  what: string,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (reason: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      asking?.destroy();
      socket.destroy();
      reject(reason);
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: unknown): void => {
      fail(new TransportError(describeFailure(error, "proxy", what)));
    };
    let asking: ReturnType<typeof request> | null = null;
    try {
      signal.throwIfAborted();
      const headers: Record<string, string> = { host: target };
      if (proxy.user !== null) {
        const pair = `${proxy.user}:${proxy.password ?? ""}`;
        headers["proxy-authorization"] = `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
      }
      asking = request({
        method: "CONNECT",
        path: target,
        headers,
        createConnection: () => socket,
      });
    } catch (error) {
      // A target with characters that no request line can carry.
      if (signal.aborted) fail(signal.reason);
      else onError(error);
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    asking.on("error", onError);
    asking.once("connect", (response, tunnelled: Socket, head) => {
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) {
        fail(
          new TransportError({
            kind: "proxy",
            detail: `${what}: ${refusal(status, response.statusMessage ?? "", target)}`,
          }),
        );
        return;
      }
      signal.removeEventListener("abort", onAbort);
      guard(tunnelled);
      if (head.length > 0) tunnelled.unshift(head);
      resolve(tunnelled);
    });
    asking.end();
  });
}

function refusal(status: number, message: string, target: string): string {
  switch (status) {
    case 407:
      return "it wants a user and password, or refused those given";
    case 403:
      return `it does not allow connections to ${printable(target)}`;
    case 502:
    case 503:
    case 504:
      return `it could not reach ${printable(target)} (${status} ${printable(message)})`;
    default:
      return `it answered ${status} ${printable(message)}`;
  }
}
