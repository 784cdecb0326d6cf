// What a session tells whoever embeds it. Events are plain data without secrets.

import type { AgentMessage } from "@caraway/agent";
import type { LinkFailure, ProtocolError } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import type { ChannelName } from "./channel-name.ts";
import type { CursorShape } from "./cursor-channel.ts";
import type { MigrationEvent } from "./migration-event.ts";
import type { StreamEvent } from "./stream-event.ts";

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
  | {
      readonly name: "agent";
      readonly connected: boolean;
      readonly capabilities: readonly string[];
    }
  | { readonly name: "agent-message"; readonly message: AgentMessage }
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
  /** A message of a channel that this client carries without having a part in it. */
  | {
      readonly name: "channel-message";
      readonly channel: ChannelName;
      readonly id: number;
      readonly message: { readonly name: string; readonly body: unknown };
    }
  | StreamEvent
  | ({ readonly name: "migration" } & MigrationEvent)
  /** Keys or buttons did not fit into the queue that holds them during a move. */
  | { readonly name: "input-dropped"; readonly count: number }
  /** The end. `error` is null after `close`. */
  | { readonly name: "ended"; readonly error: LinkFailure | ProtocolError | CarawayError | null };
