// Why a move did not come about, and what a peer did wrong on the link.

import { CarawayError } from "@caraway/wire";

export type MoveFault =
  /** Somebody cancelled. */
  | "MOVE_CANCELLED"
  /** The other host cannot be reached, or was lost before the commit. */
  | "MOVE_LINK"
  /** The other host says no. */
  | "MOVE_REFUSED"
  /** The other host broke the rules of the link. */
  | "MOVE_PROTOCOL"
  /** Something on this side did not happen in time, or failed. */
  | "MOVE_TIMEOUT"
  | "MOVE_GUEST"
  /** COMMIT did not come through, and the guest goes on at the source. */
  | "MOVE_NOT_COMMITTED"
  /** An operator has decided. */
  | "MOVE_RESOLVED"
  /** This host has a defect: whoever embeds the mover says so. */
  | "MOVE_DEFECT";

export class MoveError extends CarawayError {
  readonly code: MoveFault;

  constructor(code: MoveFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
