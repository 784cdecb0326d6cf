// A gateway for SPICE as a program may embed it.

export { type GatewayFlags, GatewayUsageError, gatewayOptions } from "./gateway-flags.ts";
export { GatewayServer, type GatewayServerOptions } from "./gateway-server.ts";
export { OriginRule } from "./origin-rule.ts";
export { type RunFlags, runGateway } from "./run-gateway.ts";
export { FixedServer, SocketFolder, TokenFile } from "./token-file.ts";
export { TokenService } from "./token-http.ts";
export { SignedTokens } from "./token-signed.ts";
export { type TokenAnswer, type TokenSource, TokenSourceError } from "./token-source.ts";
export { parseHostPort, parseVmLine } from "./vm-line.ts";
