// Where a server listens, as people write it: the same addresses that clients take.

import type { ListenAddress } from "@caraway/node";
import { HostUsageError } from "./usage-error.ts";

/**
 * `spice://host:port`, `spice+tls://host:port`, `spice+unix:///path`, or `[host:]port` for the
 * first. A WebSocket may come to the same ports, so that `ws://` and `wss://` mean the same two.
 * Port 0 takes any that is free; without a host it is this machine alone.
 *
 * @throws HostUsageError
 */
export function parseListenAddress(text: string): ListenAddress {
  const unix = /^spice\+unix:\/\/(\/.+)$/.exec(text);
  if (unix !== null) return { kind: "unix", path: decodeURIComponent(unix[1]!) };
  const tcp =
    /^(?:(spice|spice\+tls|ws|wss):\/\/)?(?:(?:\[([^[\]]+)\]|([^:[\]/]+)):)?(\d{1,5})\/?$/.exec(
      text,
    );
  const port = Number(tcp?.[4]);
  if (tcp === null || port > 0xffff) {
    throw new HostUsageError(
      `${text} is no place to listen: write spice://host:port, spice+tls://host:port, ` +
        "spice+unix:///path or [host:]port",
    );
  }
  const tls = tcp[1] === "spice+tls" || tcp[1] === "wss";
  return { kind: "tcp", host: tcp[2] ?? tcp[3] ?? "127.0.0.1", port, tls };
}

/** As a client writes it. */
export function listenAddressText(address: ListenAddress): string {
  if (address.kind === "unix") {
    return `spice+unix://${address.path.split("/").map(encodeURIComponent).join("/")}`;
  }
  const { host, port, tls } = address;
  const name = host.includes(":") ? `[${host}]` : host;
  return `${tls ? "spice+tls" : "spice"}://${name}:${port}`;
}
