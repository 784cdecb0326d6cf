// What the phases of a move mean for its source.

import type { Instant } from "@caraway/channel";
import type { MoveError, MoveFault } from "./errors.ts";
import type { MoveOwner, SourcePhase } from "./move-border.ts";
import type { StateSender } from "./state-sender.ts";

/** Where the source stands, and until when it waits. */
export type SourceState =
  | { readonly phase: "idle" | "ended" }
  | {
      readonly phase:
        | "connecting"
        | "preparing"
        | "linking"
        | "stopping"
        | "moving"
        | "committing"
        | "switching"
        | "settling";
      readonly until: Instant;
    }
  | { readonly phase: "sending"; readonly until: Instant; readonly sender: StateSender }
  | InDoubt
  | { readonly phase: "cancelling"; readonly until: Instant; readonly error: MoveError };

interface InDoubt {
  readonly phase: "in-doubt";
  /** COMMITTED has come: the guest is the target's, but its host does not answer. */
  readonly committed: boolean;
  /** What an operator has said while an answer of the target was awaited. */
  readonly word: MoveOwner | null;
}

/** In these nobody but the source can own the guest. */
export const beforeCommit: ReadonlySet<string> = new Set<SourcePhase | "idle">([
  "idle",
  "connecting",
  "preparing",
  "linking",
  "stopping",
  "moving",
  "sending",
]);

/** Why a phase before the commit that takes too long ends the move. */
export const lateFaults: Readonly<Record<string, readonly [code: MoveFault, message: string]>> = {
  connecting: ["MOVE_LINK", "the other host does not answer"],
  preparing: ["MOVE_LINK", "the other host does not answer"],
  linking: ["MOVE_TIMEOUT", "the clients are not ready in time"],
  stopping: ["MOVE_TIMEOUT", "the guest does not stop in time"],
  moving: ["MOVE_TIMEOUT", "the guest does not get over in time"],
  sending: ["MOVE_TIMEOUT", "its state does not get over in time"],
};
