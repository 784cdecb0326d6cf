// What goes into a renderer and what comes out of it.

import type { Display, Head, ServerMessage, SurfaceFormat } from "@caraway/protocol";
import type { CarawayError, Infer } from "@caraway/wire";
import type { Box } from "./box.ts";
import type { DecodeJob, DecodeOutcome } from "./decode-job.ts";

export type DisplayMessage = ServerMessage<typeof Display>;

export type FrameMessage = Extract<DisplayMessage, { readonly name: `STREAM_DATA${string}` }>;

export type RenderInput =
  /**
   * The next message of a display channel, in the order of its wire. Frames of streams that come
   * this way are shown as soon as they are decoded. The common messages of all
   * channels are not for the renderer; those that wait for other channels (WAIT_FOR_CHANNELS, and
   * INVAL_ALL_PIXMAPS with its list) are handed in when the wait is over. Its bytes stay referred
   * to until the message is applied.
   */
  | { readonly type: "apply"; readonly display: number; readonly message: DisplayMessage }
  /**
   * A frame of a stream, STREAM_DATA or STREAM_DATA_SIZED: decoded now, and drawn when `show-frame`
   * names its key, which is the caller's. Its end is told by `frame-shown` or `frame-lost`.
   */
  | {
      readonly type: "frame";
      readonly display: number;
      readonly key: number;
      readonly message: FrameMessage;
    }
  | { readonly type: "show-frame"; readonly display: number; readonly key: number }
  /** The outcome of a `decode` output; `task` is that output's. */
  | { readonly type: "decoded"; readonly task: number; readonly outcome: DecodeOutcome }
  /**
   * A display channel begins anew: its off-screen surfaces, palettes, streams and waiting messages
   * go. The primary surface stays as it is until the server makes a new one or destroys it, so
   * that the picture does not blink.
   */
  | { readonly type: "reset"; readonly display: number }
  /** The session begins anew: image cache and GLZ window are emptied. */
  | { readonly type: "reset-caches" }
  /** A display channel ended: all that is its own goes. */
  | { readonly type: "close"; readonly display: number };

export type RenderOutput =
  /** One for each `apply`, in their order for each display: an ack may be credited. */
  | { readonly type: "applied"; readonly display: number }
  /** Decode this somewhere and hand the outcome in; it may finish out of order. */
  | { readonly type: "decode"; readonly task: number; readonly job: DecodeJob }
  | {
      readonly type: "surface-create";
      readonly display: number;
      readonly surface: number;
      readonly width: number;
      readonly height: number;
      readonly format: SurfaceFormat;
      readonly isPrimary: boolean;
    }
  | {
      readonly type: "surface-destroy";
      readonly display: number;
      readonly surface: number;
      readonly isPrimary: boolean;
    }
  /** These disjoint parts of a surface may have changed. */
  | {
      readonly type: "damage";
      readonly display: number;
      readonly surface: number;
      readonly boxes: readonly Box[];
    }
  /** The picture is complete and may be shown, or no longer is. */
  | { readonly type: "mark"; readonly display: number; readonly shown: boolean }
  | {
      readonly type: "monitors";
      readonly display: number;
      readonly maxAllowed: number;
      readonly heads: readonly Infer<typeof Head>[];
    }
  /** Frames of this stream are not drawn: its codec is not known here, or there is no such stream. */
  | {
      readonly type: "stream-refused";
      readonly display: number;
      readonly stream: number;
      readonly reason: "codec" | "unknown";
    }
  | {
      readonly type: "frame-shown";
      readonly display: number;
      readonly stream: number;
      readonly key: number;
    }
  /** A frame could not be decoded, or was not wanted any more; the stream goes on. */
  | {
      readonly type: "frame-lost";
      readonly display: number;
      readonly stream: number;
      readonly key: number;
      readonly error: CarawayError;
    }
  /** No more `decode` jobs come for this stream of video. */
  | { readonly type: "video-ended"; readonly stream: number }
  /** The server sent what cannot be drawn: the display channel is over. Its primary surface stays. */
  | { readonly type: "failed"; readonly display: number; readonly error: CarawayError };

export interface RendererOptions {
  /** Bound of the image cache, above the size announced in DISPLAY_INIT, which is in pixels. */
  readonly maxCachePixels: number;
  /** Bound of the GLZ window, above the size announced in DISPLAY_INIT. */
  readonly maxGlzPixels: number;
  /** Bound of all surfaces of a display together, in pixels. */
  readonly maxSurfacePixels: number;
  /** Bound of the surfaces of a display. */
  readonly maxSurfaces: number;
  /** `VideoCodecType`s that the driver decodes; streams of others are refused. */
  readonly videoCodecs: readonly number[];
  /** How many pixels may be decoded ahead of the messages that wait to be applied. */
  readonly maxAheadPixels: number;
}
