// What the phases of a move mean for its source.

import type { MoveFault } from "./errors.ts";
import type { SourcePhase } from "./move-border.ts";

/** In these nobody but the source can own the guest. */
export const beforeCommit: ReadonlySet<string> = new Set<SourcePhase>([
  "connecting",
  "preparing",
  "linking",
  "stopping",
  "sending",
]);

/** Why a phase before the commit that takes too long ends the move. */
export const lateFaults: Readonly<Record<string, readonly [code: MoveFault, message: string]>> = {
  connecting: ["MOVE_LINK", "the other host does not answer"],
  preparing: ["MOVE_LINK", "the other host does not answer"],
  linking: ["MOVE_TIMEOUT", "the clients are not ready in time"],
  stopping: ["MOVE_TIMEOUT", "the guest does not stop in time"],
  sending: ["MOVE_TIMEOUT", "its state does not get over in time"],
};
