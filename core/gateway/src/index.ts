export { defaultThrottle, FailureThrottle, type ThrottleOptions } from "./failure-throttle.ts";
export { Gateway } from "./gateway.ts";
export * from "./gateway-border.ts";
export { decodeGrant, encodeGrant, type Grant, GrantError } from "./grant.ts";
