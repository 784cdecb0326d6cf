// Guests and their servers, as a program may embed them.

export { ApiServer, type ApiServerOptions } from "./api-server.ts";
export type * from "./api-types.ts";
export { type GuestFlags, type GuestKind, guestKinds } from "./guest-flags.ts";
export { Host, type HostOptions } from "./host.ts";
export { HostMetrics } from "./host-metrics.ts";
export { listenAddressText, parseListenAddress } from "./listen-address.ts";
export { openApi } from "./openapi.ts";
export { defaultPeerPort } from "./peer-network.ts";
export { bySharedKey, type PeerFlags, type PeerSecurity, peerSecurity } from "./peer-security.ts";
export { defaultApiPort, type HostFlags, type HostTold, runHost } from "./run-host.ts";
export { runServe, type ServeFlags, type ServeTold } from "./run-serve.ts";
export {
  compressionNames,
  type ServerFlags,
  type ServerSettings,
  serverSettings,
  sharingNames,
} from "./server-settings.ts";
export { HostUsageError } from "./usage-error.ts";
