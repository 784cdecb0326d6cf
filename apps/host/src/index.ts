// Guests and their servers, as a program may embed them.

export { type GuestFlags, type GuestKind, guestKinds } from "./guest-flags.ts";
export { listenAddressText, parseListenAddress } from "./listen-address.ts";
export { runServe, type ServeFlags, type ServeTold } from "./run-serve.ts";
export { compressionNames, type ServerFlags, sharingNames } from "./server-settings.ts";
export { HostUsageError } from "./usage-error.ts";
