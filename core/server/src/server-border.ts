// What goes into a server machine and what comes out of it.

import type {
  ConnectionKey,
  LinkServerTask,
  LinkServerTaskResult,
  TaskKey,
  TransportInput,
  TransportOutput,
} from "@caraway/channel";
import type { ServerEvent } from "./events.ts";
import type { GuestInput, GuestOutput } from "./guest.ts";
import type { JpegTask, JpegTaskResult } from "./jpeg-task.ts";
import type { SourceMove, TargetMove } from "./moves.ts";
import type { SoundTask, SoundTaskResult } from "./sound-task.ts";
import type { VideoTask, VideoTaskResult } from "./video-task.ts";

/** How a client reached the server. */
export interface Arrival {
  /** TLS below SPICE, `wss` included. */
  readonly tls: boolean;
  /** A unix socket: nobody listens on the way, and there is no network to measure. */
  readonly local: boolean;
  /** For people: `192.0.2.7:40312`. */
  readonly peer: string;
}

export type ServerInput =
  /**
   * Somebody connected. `random` is an unpredictable number of 32 bits, which becomes the id of
   * the session, if the connection begins one. The driver chooses the key.
   */
  | {
      readonly type: "accepted";
      readonly connection: ConnectionKey;
      readonly arrival: Arrival;
      readonly random: number;
    }
  | Exclude<TransportInput, { readonly type: "connected" }>
  | { readonly type: "timeout" }
  | { readonly type: "done"; readonly task: TaskKey; readonly result: ServerTaskResult }
  | { readonly type: "guest"; readonly output: GuestOutput }
  /** From the other server of a move, in order. */
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  | { readonly type: "command"; readonly command: ServerCommand };

export type ServerOutput =
  | Exclude<TransportOutput, { readonly type: "connect" }>
  | { readonly type: "task"; readonly task: TaskKey; readonly work: ServerTask }
  | { readonly type: "guest"; readonly input: GuestInput }
  /** For the other server of a move, in order. */
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: ServerEvent };

export type ServerTask = LinkServerTask | JpegTask | SoundTask | VideoTask;
export type ServerTaskResult =
  | LinkServerTaskResult
  | JpegTaskResult
  | SoundTaskResult
  | VideoTaskResult;

export type ServerCommand =
  /** Replaces all tickets; those who are in stay. */
  | { readonly name: "set-tickets"; readonly tickets: readonly Ticket[] }
  /** Ends one client's session. */
  | { readonly name: "disconnect"; readonly client: number }
  /** Ends every session; nobody comes in any more. */
  | { readonly name: "close" }
  // Moves, as docs/moving-a-guest.md has them.
  /** Source: have the clients link to the target. A move that is under way is cancelled first. */
  | { readonly name: "migrate-begin"; readonly move: SourceMove }
  /** Source, before `migrate-switch`: the guest stays. */
  | { readonly name: "migrate-cancel" }
  /** Source: the guest is stopped and drained, and belongs to the target: send the clients over. */
  | { readonly name: "migrate-switch" }
  /** Target, before the guest is there: let these clients link. */
  | { readonly name: "migrate-expect"; readonly move: TargetMove }
  /** Target: the guest has described itself and is ours. It runs when the hold is over. */
  | { readonly name: "migrate-hold" }
  /** Target, before `migrate-hold`: the move is off. */
  | { readonly name: "migrate-abandon" };

/** A password that lets somebody in. */
export interface Ticket {
  /** At most 60 bytes of UTF-8; empty lets nobody in. */
  readonly password: string;
  /** On the clock of `now`: no link begins later. Null for never. */
  readonly expiresAt: number | null;
  /** Sees and hears, and does nothing. */
  readonly viewOnly: boolean;
}
