// What a page and the thread that runs its session say to each other: plain data that can be
// cloned. Where there is no such thread, the same messages pass within the page.

import type { ChannelName, MigrationMode, SessionCommand, SessionEvent } from "@caraway/client";
import type { Credentials } from "@caraway/driver";
import type { VideoCodecType } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { SoundFeedFormat } from "./sound-feeds.ts";
import type { ConnectionRequest } from "./transport.ts";

/** What a page decides about a session. */
export interface ClientOptions {
  /** WebSocket of the server; null where the embedder opens every connection itself. */
  readonly url: string | null;
  /** Begin where a VM has moved to, rather than at `url`. */
  readonly target: TargetAddress | null;
  readonly credentials: Credentials;
  readonly channels: readonly ChannelName[];
  /** The page decodes Opus. */
  readonly opus: boolean;
  /** The page codes Opus. */
  readonly opusRecord: boolean;
  /**
   * Codecs of video (values of `VideoCodecType`) that the server should rather use, best first;
   * those that the browser does not decode are left out.
   */
  readonly preferredVideoCodecs: readonly VideoCodecType[];
  /** The best mode of migration to announce. */
  readonly migration: MigrationMode;
  readonly mouseMode: "client" | "server";
  readonly connectTimeoutMs: number;
  /** Bytes of the largest content of a clipboard, either way; null: 32 MiB. */
  readonly maxClipboard: number | null;
  /** Whether the embedder is asked for the server's connections too, or for targets only. */
  readonly asksForServer: boolean;
}

/** Where a source said that the guest goes. At least one of the ports is there. */
export interface TargetAddress {
  readonly host: string;
  readonly port: number | null;
  readonly tlsPort: number | null;
}

export const defaultClientOptions: Omit<ClientOptions, "url"> = {
  target: null,
  credentials: { password: "" },
  channels: ["main", "display", "inputs", "cursor"],
  opus: false,
  opusRecord: false,
  preferredVideoCodecs: [],
  migration: "seamless",
  mouseMode: "client",
  connectTimeoutMs: 10_000,
  maxClipboard: null,
  asksForServer: false,
};

/** `channel:monitor`; stays the same while a monitor changes its size. */
export type ScreenKey = string;

/** One monitor of the guest. */
export interface ScreenInfo {
  readonly key: ScreenKey;
  readonly channel: number;
  readonly monitor: number;
  /** Place on the surface of its channel, which is what pointer positions are relative to. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A pointer's shape: rows of red, green, blue, alpha, not multiplied. */
export interface CursorImage {
  readonly width: number;
  readonly height: number;
  readonly hotSpotX: number;
  readonly hotSpotY: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** An error without its class. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  /** What somebody may do about it. */
  readonly hint: string | null;
}

type PlainField<T> = T extends CarawayError ? PlainError : T;
type PlainEvent<E> = E extends { readonly name: "cursor" }
  ? { readonly name: "cursor"; readonly channelId: number; readonly shape: CursorImage | null }
  : { readonly [K in keyof E]: PlainField<E[K]> };

/** A `SessionEvent` that can be cloned. */
export type ClientEvent = PlainEvent<SessionEvent>;

/** Milliseconds since 1970, of the clock that page and worker share; never runs backwards. */
export type SharedTime = number;

/** What one kind of image has cost. */
export interface CodecFigures {
  readonly images: number;
  readonly bytes: number;
  /** Time from the decoder's start to its end, in all. */
  readonly decodeMs: number;
}

export interface ChannelFigures {
  readonly label: string;
  /** Of all connections that the channel has had. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly connections: number;
}

/** Totals since the session began, told about once a second while anything changes. */
export interface Statistics {
  readonly at: SharedTime;
  readonly channels: readonly ChannelFigures[];
  readonly codecs: Readonly<Record<string, CodecFigures>>;
  /** Times that the screens were painted, and pixels. */
  readonly frames: number;
  readonly pixels: number;
  /** Display messages that wait for their images or their turn. */
  readonly waiting: number;
  /** From pointer motion to its acknowledgement; null until there was any. */
  readonly latencyMs: number | null;
  /** Bytes that the network has not taken from us. */
  readonly backlog: number;
  readonly decodeThreads: number;
  /** Whether the fast decoders run; the plain ones serve otherwise. */
  readonly hasKernels: boolean;
}

/** What a worker is told first, whatever it is for. */
export interface StartsWorker {
  readonly role: "client" | "decoder";
}

export type ToClient =
  | { readonly type: "start"; readonly options: ClientOptions }
  | { readonly type: "command"; readonly command: SessionCommand }
  /** Send the file to the guest, under this key. */
  | { readonly type: "send-file"; readonly transfer: number; readonly file: File }
  /** Paint the screen here from now on. */
  | {
      readonly type: "attach";
      readonly key: ScreenKey;
      readonly canvas: OffscreenCanvas | HTMLCanvasElement;
    }
  | { readonly type: "detach"; readonly key: ScreenKey }
  /** Where the sound of this channel is played; null: the page takes it. */
  | {
      readonly type: "sound-feed";
      readonly channel: number;
      readonly format: SoundFeedFormat;
      readonly port: MessagePort | null;
    }
  /** Whether somebody may see the canvas of this screen now. */
  | { readonly type: "seen"; readonly key: ScreenKey; readonly isSeen: boolean }
  /** What a screen shows now; answered by `capture`. */
  | { readonly type: "capture"; readonly request: number; readonly key: ScreenKey }
  | { readonly type: "connect-to"; readonly request: number; readonly answer: RelayAnswer }
  | RelayMessage;

/** How a connection is reached that was asked for: directly, or through the page. */
export type RelayAnswer =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "relay"; readonly isWebSocket: boolean; readonly isOpen: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly detail: string };

/** Traffic of a channel that only the page can hold; `relay` is the request's number. */
export type RelayMessage =
  | { readonly type: "relay-open"; readonly relay: number }
  | { readonly type: "relay-data"; readonly relay: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "relay-backlog"; readonly relay: number; readonly bytes: number }
  | {
      readonly type: "relay-close";
      readonly relay: number;
      readonly code: number;
      readonly reason: string;
    };

export type FromClient =
  /** The thread is there. */
  | { readonly type: "ready" }
  | { readonly type: "event"; readonly event: ClientEvent; readonly at: SharedTime }
  /** The session is now attached to the target of a migration. */
  | { readonly type: "moved"; readonly target: TargetAddress }
  | { readonly type: "screens"; readonly screens: readonly ScreenInfo[] }
  /** A screen was painted. Told while a migration is under way, and for the first picture. */
  | { readonly type: "painted"; readonly key: ScreenKey; readonly at: SharedTime }
  | { readonly type: "statistics"; readonly statistics: Statistics }
  | {
      readonly type: "capture";
      readonly request: number;
      readonly picture: {
        readonly width: number;
        readonly height: number;
        readonly rgba: Uint8ClampedArray<ArrayBuffer>;
      } | null;
    }
  | { readonly type: "connect"; readonly request: number; readonly connection: ConnectionRequest }
  /** A fault of ours: the session is over. */
  | { readonly type: "fault"; readonly detail: string }
  | RelayMessage;

export function sharedTime(): SharedTime {
  return performance.timeOrigin + performance.now();
}
