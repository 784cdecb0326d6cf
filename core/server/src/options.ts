// What an embedder may choose.

import { type ImageCompression, MouseMode } from "@caraway/protocol";
import { type Encoders, plainEncoders } from "./encoders.ts";
import type { Ticket } from "./server-border.ts";
import type { VideoCodecName } from "./video-codecs.ts";

/** What happens when a client comes and another is there. */
export type Sharing =
  /** Both stay, up to `clientsMax`. */
  | "share"
  /** The one that was there has to go, as with spice-server. */
  | "take-over"
  /** The new one is not let in. */
  | "refuse";

/** Whether a channel may, must or must not be reached over TLS. */
export type ChannelSecurity = "any" | "tls" | "plain";

export type ChannelTypeName =
  | "main"
  | "display"
  | "inputs"
  | "cursor"
  | "playback"
  | "record"
  | "smartcard"
  | "usbredir"
  | "port"
  | "webdav";

/** `auto`: where a client's connection is slow. */
export type WanChoice = "auto" | "always" | "never";

export type CompressionName = "off" | "auto_glz" | "auto_lz" | "quic" | "glz" | "lz" | "lz4";

export const compressionNumbers: Readonly<Record<CompressionName, ImageCompression>> = {
  off: 1,
  auto_glz: 2,
  auto_lz: 3,
  quic: 4,
  glz: 5,
  lz: 6,
  lz4: 7,
};

export interface ServerOptions {
  /** null: anybody may come in without a password. With `sasl`, tickets are not asked for. */
  readonly tickets: readonly Ticket[] | null;
  readonly sasl: boolean;
  /** SASL users that may only look on. */
  readonly viewOnlyUsers: readonly string[];
  readonly sharing: Sharing;
  readonly clientsMax: number;
  /** Channels that are not named are `any`. */
  readonly security: Readonly<Partial<Record<ChannelTypeName, ChannelSecurity>>>;
  /** Offer headers of 6 bytes; without, all clients get those of 18. */
  readonly miniHeader: boolean;
  readonly compression: CompressionName;
  /** JPEG for photos; what it loses is sent again when there is time. */
  readonly jpeg: WanChoice;
  /** 1 to 100. */
  readonly jpegQuality: number;
  /** Send what behaves like video as a stream of frames. */
  readonly streaming: "off" | "filter";
  /** Codecs of such streams, best first; those that `encoders` do not have are passed over. */
  readonly videoCodecs: readonly VideoCodecName[];
  /** zlib around GLZ images. */
  readonly zlibGlz: WanChoice;
  /** Let the guest's agent move the pointer, where there is one and no tablet. */
  readonly agentMouse: boolean;
  readonly copyPaste: boolean;
  readonly fileTransfer: boolean;
  readonly encoders: Encoders;
  /** How long a link stage may take. */
  readonly linkTimeoutMs: number;
  /** Connections that have not shown yet who they are. */
  readonly pendingLinksMax: number;
}

export const defaultServerOptions: ServerOptions = {
  tickets: null,
  sasl: false,
  viewOnlyUsers: [],
  sharing: "share",
  clientsMax: 16,
  security: {},
  miniHeader: true,
  compression: "auto_glz",
  jpeg: "auto",
  jpegQuality: 85,
  streaming: "filter",
  videoCodecs: ["h264", "vp8", "vp9", "mjpeg"],
  zlibGlz: "auto",
  agentMouse: true,
  copyPaste: true,
  fileTransfer: true,
  encoders: plainEncoders,
  linkTimeoutMs: 15_000,
  pendingLinksMax: 64,
};

/** Mouse modes as the wire has them. */
export const mouseModeNumbers = { server: MouseMode.SERVER, client: MouseMode.CLIENT } as const;
