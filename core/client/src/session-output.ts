// What a session says to its driver.

import type { FileRead } from "@caraway/agent";
import type { LinkTask, TaskKey, TransportOutput } from "@caraway/channel";
import type { Display, ServerMessage } from "@caraway/protocol";
import type { SessionEvent } from "./events.ts";

/** For the renderer, in order; `apply` is answered by a `rendered` input when it is done. */
export type RenderCommand =
  | {
      readonly type: "apply";
      readonly display: number;
      readonly message: ServerMessage<typeof Display>;
    }
  /** A frame of video: decode it, and show it when `show-frame` names its key. No answer. */
  | {
      readonly type: "frame";
      readonly display: number;
      readonly key: number;
      readonly message: Extract<
        ServerMessage<typeof Display>,
        { readonly name: `STREAM_DATA${string}` }
      >;
    }
  | { readonly type: "show-frame"; readonly display: number; readonly key: number }
  /** Forget surfaces, palettes and streams of one display channel. */
  | { readonly type: "reset"; readonly display: number }
  /** Forget image cache and GLZ window. */
  | { readonly type: "reset-caches" };

export type SessionOutput =
  | TransportOutput
  | { readonly type: "task"; readonly task: TaskKey; readonly work: LinkTask }
  /** A piece of a file that is sent is wanted; answered by the command `file-data`. */
  | ({ readonly type: "read" } & FileRead)
  | { readonly type: "render"; readonly command: RenderCommand }
  | { readonly type: "event"; readonly event: SessionEvent };
