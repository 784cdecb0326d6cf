// What a session tells whoever embeds it. Events are plain data without secrets.

import type { AgentEvent } from "@caraway/agent";
import type { LinkFailure, ProtocolError } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import type { ChannelName } from "./channel-name.ts";
import type { CursorShape } from "./cursor-channel.ts";
import type { MigrationEvent } from "./migration-event.ts";
import type { SoundEvent } from "./sound-event.ts";
import type { StreamEvent } from "./stream-event.ts";
import type { VideoEvent } from "./video-event.ts";

export type MouseModeName = "client" | "server";

export type SessionEvent =
  | {
      readonly name: "channel-linked";
      readonly channel: ChannelName;
      readonly id: number;
      readonly tls: boolean;
      readonly miniHeader: boolean;
    }
  /** One channel ended or could not be linked; the session goes on without it. */
  | {
      readonly name: "channel-lost";
      readonly channel: ChannelName;
      readonly id: number;
      readonly error: CarawayError;
    }
  /** The main channel's INIT. */
  | { readonly name: "session"; readonly sessionId: number; readonly ramHint: number }
  | { readonly name: "vm"; readonly vmName: string | null; readonly uuid: string | null }
  | {
      readonly name: "mouse-mode";
      readonly mode: MouseModeName;
      readonly supported: readonly MouseModeName[];
    }
  | { readonly name: "multi-media-time"; readonly time: number }
  /** The guest's agent, the clipboards shared with it, and files on their way to it. */
  | AgentEvent
  | {
      readonly name: "lock-leds";
      readonly scrollLock: boolean;
      readonly numLock: boolean;
      readonly capsLock: boolean;
    }
  | { readonly name: "cursor"; readonly channelId: number; readonly shape: CursorShape | null }
  | {
      readonly name: "cursor-move";
      readonly channelId: number;
      readonly x: number;
      readonly y: number;
      readonly visible: boolean;
    }
  /** The server has a word for the user. */
  | {
      readonly name: "notify";
      readonly channel: ChannelName;
      readonly severity: number;
      readonly message: string;
    }
  | SoundEvent
  | VideoEvent
  | StreamEvent
  | ({ readonly name: "migration" } & MigrationEvent)
  /** Keys or buttons did not fit into the queue that holds them during a move. */
  | { readonly name: "input-dropped"; readonly count: number }
  /** The end. `error` is null after `close`. */
  | { readonly name: "ended"; readonly error: LinkFailure | ProtocolError | CarawayError | null };
