// A server behind a gateway. The gateway gives a credential for a token; every connection shows it,
// and it names the server. The target of a migration reaches the client as another credential, in
// place of the host's name.

import type { Endpoint } from "./options.ts";

/** What a gateway puts in place of a host: nothing else is asked for there. */
const credential = /^[\w-]+\.[\w-]+$/;

/** `base`: the gateway's WebSocket URL, such as `wss://gateway.example/spice`. */
export function gatewayEndpoint(base: string, session: string): Endpoint {
  const separator = base.includes("?") ? "&" : "?";
  const url = `${base}${separator}session=${encodeURIComponent(session)}`;
  return { host: "", port: null, tlsPort: null, unixPath: null, url, identity: null };
}

/** `mapTarget` for a session through the gateway: refuses what the gateway has not named. */
export function mapTargetThrough(base: string): (target: Endpoint) => Endpoint | null {
  return ({ host }) => (credential.test(host) ? gatewayEndpoint(base, host) : null);
}
