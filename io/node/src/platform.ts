// What Node gives a driver: its clock and timers, its sockets and its cryptography.

import type { Clock, Platform } from "@caraway/driver";
import { linkCrypto } from "./link-crypto.ts";
import { openTransport, type TransportOptions } from "./transport.ts";

export const nodeClock: Clock = {
  now: () => performance.now(),
  wake: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export function nodePlatform(transport: TransportOptions = {}): Platform {
  return {
    ...nodeClock,
    open: (address, tls, listener) => openTransport(address, tls, transport, listener),
    crypto: linkCrypto,
  };
}
