// What is wrong with the state of a channel that another server sent.

import { channelStateVersion } from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";

/** It contradicts itself, or exceeds what any server of ours would have. */
export class BadState extends CarawayError {
  readonly code = "BAD_STATE";
}

/** @throws BadState unless it holds. */
export function expectState(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BadState(`state from the other server: ${what}`);
}

/** Whether a state can be read: others say nothing, and the channel goes on without. */
export function isKnownState(bytes: Uint8Array): boolean {
  const [low = 0, high = 0] = bytes;
  return (low | (high << 8)) === channelStateVersion;
}
