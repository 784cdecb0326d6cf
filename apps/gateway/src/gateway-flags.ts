// What an operator says on the command line, made into what the server takes. The names are those
// of websockify and novnc_proxy where they have one for it.

import { readFileSync } from "node:fs";
import type { SecureVersion } from "node:tls";
import { defaultGatewayLimits } from "@caraway/gateway";
import { endpointOf, parsePort } from "@caraway/node";
import type { GatewayServerOptions } from "./gateway-server.ts";
import type { ListenAddress, ListenerTls } from "./listener.ts";
import { OriginRule } from "./origin-rule.ts";
import { openState } from "./state-folder.ts";
import { targetRule } from "./target-rule.ts";
import { FixedServer, SocketFolder, TokenFile } from "./token-file.ts";
import { TokenService } from "./token-http.ts";
import { SignedTokens } from "./token-signed.ts";
import { type TokenAnswer, type TokenSource, TokenSourceError } from "./token-source.ts";
import { parseVmLine } from "./vm-line.ts";

export interface GatewayFlags {
  /** `[host:]port`. */
  readonly listen?: string;
  readonly unixListen?: string;
  /** One server for everybody: `host:port` or an address such as `spice+tls://host:port`. */
  readonly target?: string;
  readonly unixTarget?: string;
  readonly sslTarget?: boolean;
  readonly passwordFile?: string;
  readonly user?: string;
  readonly hostSubject?: string;
  readonly targetCaFile?: string;
  readonly tokenPlugin?: string;
  readonly tokenSource?: string;
  readonly vms?: string;
  readonly web?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly keyPassword?: string;
  readonly sslOnly?: boolean;
  readonly sslVersion?: string;
  readonly sslCiphers?: string;
  readonly verifyClient?: boolean;
  readonly cafile?: string;
  readonly origin?: readonly string[];
  readonly allowTarget?: readonly string[];
  readonly stateDir?: string;
  /** Seconds. */
  readonly sessionLifetime?: number;
  readonly heartbeat?: number;
  readonly maxConnections?: number;
  readonly maxSessions?: number;
  readonly maxSessionsPerUser?: number;
  readonly maxConnectionsPerAddress?: number;
  readonly behindProxy?: boolean;
  readonly metrics?: boolean;
}

/** The command was used wrongly. */
export class GatewayUsageError extends Error {
  override readonly name = "GatewayUsageError";
}

const defaultPort = 6080;

/** Throws GatewayUsageError; a source that cannot be read is one, too. */
export function gatewayOptions(flags: GatewayFlags): Omit<GatewayServerOptions, "log" | "onFault"> {
  try {
    return readFlags(flags);
  } catch (error) {
    const isUsage = error instanceof RangeError || error instanceof TokenSourceError;
    throw isUsage ? new GatewayUsageError(error.message) : error;
  }
}

function readFlags(flags: GatewayFlags): Omit<GatewayServerOptions, "log" | "onFault"> {
  const needsToken = flags.target === undefined && flags.unixTarget === undefined;
  const limits = defaultGatewayLimits;
  const state = openState(flags.stateDir ?? null);
  return {
    listen: listenAddress(flags, needsToken),
    tls: listenerTls(flags),
    source: needsToken ? tokenSource(flags) : new FixedServer(fixedServer(flags)),
    needsToken,
    secrets: state.secrets,
    redeemedFolder: state.redeemedFolder,
    web: flags.web ?? null,
    origins: new OriginRule(flags.origin ?? []),
    allowTarget: targetRule(flags.allowTarget ?? []),
    limits: {
      ...limits,
      connectionsMax: flags.maxConnections ?? limits.connectionsMax,
      sessionsMax: flags.maxSessions ?? limits.sessionsMax,
      sessionsPerUserMax: flags.maxSessionsPerUser ?? limits.sessionsPerUserMax,
      connectionsPerAddressMax: flags.maxConnectionsPerAddress ?? limits.connectionsPerAddressMax,
    },
    sessionLifetimeMs: (flags.sessionLifetime ?? 12 * 3600) * 1000,
    heartbeatMs: (flags.heartbeat ?? 30) * 1000,
    serverTls: flags.targetCaFile === undefined ? {} : { ca: readText(flags.targetCaFile) },
    connectTimeoutMs: 10_000,
    behindProxy: flags.behindProxy ?? false,
    metrics: flags.metrics ?? false,
  };
}

/**
 * Without tokens whoever reaches the port reaches the VM, so that only this machine does unless an
 * address is given.
 */
function listenAddress({ listen, unixListen }: GatewayFlags, needsToken: boolean): ListenAddress {
  if (unixListen !== undefined) return { host: null, port: 0, unixPath: unixListen };
  const host = needsToken ? null : "127.0.0.1";
  return parseListen(listen ?? `${defaultPort}`, host);
}

/** `[host:]port`; port 0 takes any that is free. */
export function parseListen(text: string, defaultHost: string | null): ListenAddress {
  const match = /^(?:(?:\[([^[\]]+)\]|([^:[\]]*)):)?(\d+)$/.exec(text);
  const port = match?.[3] === "0" ? 0 : parsePort(match?.[3] ?? "");
  if (match === null || port === null) {
    throw new GatewayUsageError(`${text} is no place to listen: write port or host:port`);
  }
  return { host: match[1] ?? match[2] ?? defaultHost, port, unixPath: null };
}

export function listenerTls(flags: GatewayFlags): ListenerTls | null {
  const { cert, key, cafile } = flags;
  if (cert === undefined) {
    const wanting = (["key", "sslOnly", "verifyClient", "sslVersion", "sslCiphers"] as const).find(
      (name) => flags[name] !== undefined,
    );
    if (wanting !== undefined) throw new GatewayUsageError("TLS needs a certificate: give --cert");
    return null;
  }
  const pem = readText(cert);
  return {
    cert: pem,
    // As websockify: the key may stand in the same file.
    key: key === undefined ? pem : readText(key),
    ...(flags.keyPassword !== undefined && { passphrase: flags.keyPassword }),
    ...(cafile !== undefined && { ca: readText(cafile) }),
    ...(flags.sslCiphers !== undefined && { ciphers: flags.sslCiphers }),
    minVersion: tlsVersion(flags.sslVersion ?? "tlsv1_2"),
    only: flags.sslOnly ?? false,
    verifyClient: flags.verifyClient ?? false,
  };
}

function tlsVersion(name: string): SecureVersion {
  const versions: Readonly<Record<string, SecureVersion>> = {
    default: "TLSv1.2",
    tlsv1_2: "TLSv1.2",
    tlsv1_3: "TLSv1.3",
  };
  const version = Object.hasOwn(versions, name) ? versions[name] : undefined;
  if (version === undefined) {
    throw new GatewayUsageError("--ssl-version is default, tlsv1_2 or tlsv1_3");
  }
  return version;
}

function fixedServer(flags: GatewayFlags): TokenAnswer {
  const { target, unixTarget, sslTarget = false, passwordFile, user, hostSubject } = flags;
  if (target !== undefined && unixTarget !== undefined) {
    throw new GatewayUsageError("give a target or --unix-target, not both");
  }
  const parsed =
    unixTarget === undefined
      ? parseVmLine(target ?? "", target ?? "")
      : {
          ...parseVmLine(`unix_socket:/`, unixTarget),
          server: endpointOf({ unixPath: unixTarget }),
        };
  const { host, port, tlsPort } = parsed.server;
  const secured = sslTarget && port !== null ? { host, port: null, tlsPort: tlsPort ?? port } : {};
  const identity =
    hostSubject === undefined ? null : ({ kind: "subject", subject: hostSubject } as const);
  return {
    ...parsed,
    server: { ...parsed.server, ...secured, identity: identity ?? parsed.server.identity },
    username: user ?? parsed.username,
    password:
      passwordFile === undefined ? parsed.password : readText(passwordFile).split(/\r?\n/)[0]!,
  };
}

function tokenSource({ tokenPlugin = "TokenFile", tokenSource, vms }: GatewayFlags): TokenSource {
  if (tokenSource === undefined) {
    throw new GatewayUsageError(
      "say who may go where: --token-source with a token file, or one target such as host:5900",
    );
  }
  switch (tokenPlugin) {
    case "TokenFile":
    case "ReadOnlyTokenFile":
      return new TokenFile(tokenSource);
    case "UnixDomainSocketDirectory":
      return new SocketFolder(tokenSource);
    case "JSONTokenApi":
      return new TokenService(tokenSource);
    case "JWTTokenApi": {
      const servers = vms === undefined ? null : new TokenFile(vms);
      return new SignedTokens(readText(tokenSource), servers);
    }
    default:
      throw new GatewayUsageError(
        "--token-plugin is TokenFile, UnixDomainSocketDirectory, JSONTokenApi or JWTTokenApi",
      );
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw new GatewayUsageError(`${path}: ${reason}`);
  }
}
