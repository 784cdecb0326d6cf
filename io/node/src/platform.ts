// What Node gives a driver: its clock and timers, its sockets and its cryptography.

import type { Platform } from "@caraway/driver";
import { linkCrypto } from "./link-crypto.ts";
import { openTransport, type TransportOptions } from "./transport.ts";

export function nodePlatform(transport: TransportOptions = {}): Platform {
  return {
    now: () => performance.now(),
    wake: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    open: (address, tls, listener) => openTransport(address, tls, transport, listener),
    crypto: linkCrypto,
  };
}
