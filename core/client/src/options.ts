// What whoever embeds a session decides: where the server is, which channels and migration modes
// to use, and how much memory the caches may take.

import { defaultMaxClipboard } from "@caraway/agent";
import type { Address, TlsIdentity } from "@caraway/channel";
import { type ImageCompression, VideoCodecType } from "@caraway/protocol";
import type { ChannelId, ChannelName } from "./channel-name.ts";

/** Where a server is found. At least one of the ports, `unixPath` or `url` is there. */
export interface Endpoint {
  readonly host: string;
  readonly port: number | null;
  readonly tlsPort: number | null;
  readonly unixPath: string | null;
  /** WebSocket, `ws://` or `wss://`. */
  readonly url: string | null;
  /** How a TLS server proves itself; null: by `host`. */
  readonly identity: TlsIdentity | null;
}

/** Best first. */
export const migrationModes = ["seamless", "semi-seamless", "switch-host"] as const;
export type MigrationMode = (typeof migrationModes)[number];

export interface SessionOptions {
  readonly endpoint: Endpoint;
  /** Channels to open where the server has them, in this order; main is always opened, and first. */
  readonly channels: readonly ChannelName[];
  /** Channels that must use TLS from the start, as remote-viewer's `secure-channels`. */
  readonly secureChannels: readonly ChannelName[] | "all";
  /** The best mode to announce; lesser ones come with it. */
  readonly migration: MigrationMode;
  /**
   * Where the target that a source names is found from here (NAT, gateway, browser). Pure.
   * Null refuses the target.
   */
  readonly mapTarget: (target: Endpoint) => Endpoint | null;
  readonly preferredCompression: ImageCompression | null;
  readonly preferredVideoCodecs: readonly VideoCodecType[];
  /** What the embedder decodes of video. */
  readonly videoCodecs: readonly VideoCodecType[];
  /** How long after a frame of video was drawn it is seen, in ms: it is drawn so much sooner. */
  readonly displayLatencyMs: number;
  /** The embedder decodes Opus. */
  readonly opus: boolean;
  /** The embedder codes Opus. */
  readonly opusRecord: boolean;
  /** Mouse mode to ask for where the server offers both. */
  readonly mouseMode: "client" | "server";
  /** Most bytes of a clipboard's content, in either direction. */
  readonly maxClipboard: number;
  readonly pixmapCachePixels: number;
  readonly glzWindowPixels: number;
  /** Longest time that one attempt to link may take. */
  readonly linkTimeoutMs: number;
}

export const defaultSessionOptions: Omit<SessionOptions, "endpoint"> = {
  channels: ["main", "display", "inputs", "cursor"],
  secureChannels: [],
  migration: "seamless",
  mapTarget: (target) => target,
  preferredCompression: null,
  preferredVideoCodecs: [],
  videoCodecs: [VideoCodecType.MJPEG],
  displayLatencyMs: 0,
  opus: false,
  opusRecord: false,
  mouseMode: "client",
  maxClipboard: defaultMaxClipboard,
  pixmapCachePixels: 20 << 20,
  glzWindowPixels: 8 << 20,
  linkTimeoutMs: 15_000,
};

export interface ConnectChoice {
  readonly address: Address;
  readonly tls: TlsIdentity | null;
}

/**
 * How to reach `endpoint` for a channel. `secured`: TLS only, because the server or the options
 * want it. Null if the endpoint has no such way.
 */
export function chooseAddress(endpoint: Endpoint, secured: boolean): ConnectChoice | null {
  const { host, port, tlsPort, unixPath, url } = endpoint;
  const identity = endpoint.identity ?? { kind: "hostname", host };
  if (url !== null) {
    return { address: { kind: "websocket", url }, tls: url.startsWith("wss:") ? identity : null };
  }
  if (unixPath !== null) return { address: { kind: "unix", path: unixPath }, tls: null };
  if (port !== null && !secured) return { address: { kind: "tcp", host, port }, tls: null };
  if (tlsPort === null) return null;
  return { address: { kind: "tcp", host, port: tlsPort }, tls: identity };
}

export function isSecured(options: SessionOptions, channel: ChannelId): boolean {
  const { secureChannels } = options;
  return secureChannels === "all" || secureChannels.includes(channel.name);
}

/** For messages to people: never holds a secret. */
export function describeEndpoint(endpoint: Endpoint): string {
  const { host, port, tlsPort, unixPath, url } = endpoint;
  // The query of a WebSocket URL may carry a token.
  if (url !== null) return url.split("?")[0]!;
  if (unixPath !== null) return unixPath;
  const ports = [port, tlsPort === null ? null : `${tlsPort} (TLS)`].filter((p) => p !== null);
  return `${host} port ${ports.join(", ")}`;
}
