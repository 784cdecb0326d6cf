// What goes into the two movers and what comes out of them. Whoever embeds them carries bytes to
// the other mover, and passes on what concerns the server, the guest and the user.

import type { ConnectionKey } from "@caraway/channel";
import type { MoveError } from "./errors.ts";

/** Milliseconds. Every waiting state has its bound. */
export interface MoveTiming {
  /** A connection to be made, and an answer on it to come. */
  readonly answerWithinMs: number;
  /** The source's server to say `move-ready`; its own patience for clients is to be shorter. */
  readonly clientsWithinMs: number;
  /** The guest to be stopped and saved. */
  readonly stopWithinMs: number;
  /** The state to be carried over and loaded. */
  readonly stateWithinMs: number;
  /** The source's server to say `move-left`, and `move-cancelled`. */
  readonly leaveWithinMs: number;
  /** The target to say DONE, counted from COMMITTED. */
  readonly settleWithinMs: number;
  /** A link that was lost to come back before a move that is not committed fails. */
  readonly resumeWithinMs: number;
  /** A link that was lost behind the commit to come back before an operator is told. */
  readonly doubtAfterMs: number;
  /** Between two attempts; each time twice as long, up to the other. */
  readonly retryAfterMs: number;
  readonly retryMaxMs: number;
  /** Target: how long a loaded copy is kept when the source is gone. */
  readonly keepMs: number;
  /** Target: how long the verdict on a move that is over is known. */
  readonly rememberMs: number;
  readonly pingEveryMs: number;
  /** A link on which nothing comes for so long is lost. */
  readonly silenceMaxMs: number;
}

export const defaultMoveTiming: MoveTiming = {
  answerWithinMs: 10_000,
  clientsWithinMs: 60_000,
  stopWithinMs: 30_000,
  stateWithinMs: 600_000,
  leaveWithinMs: 30_000,
  settleWithinMs: 120_000,
  resumeWithinMs: 15_000,
  doubtAfterMs: 15_000,
  retryAfterMs: 500,
  retryMaxMs: 15_000,
  keepMs: 600_000,
  rememberMs: 3_600_000,
  pingEveryMs: 2500,
  silenceMaxMs: 10_000,
};

/** From and to the peer link. The driver knows whom to connect to. */
export type LinkInput =
  | { readonly type: "connected"; readonly connection: ConnectionKey }
  | { readonly type: "received"; readonly connection: ConnectionKey; readonly bytes: Uint8Array }
  /** `detail` is for people; null where the peer ended it. */
  | {
      readonly type: "closed";
      readonly connection: ConnectionKey;
      readonly detail: string | null;
    };

export type LinkOutput =
  | { readonly type: "transmit"; readonly connection: ConnectionKey; readonly bytes: Uint8Array }
  /** Close after what was transmitted; no `closed` follows. */
  | { readonly type: "disconnect"; readonly connection: ConnectionKey };

export type MoveOwner = "source" | "target";

export type SourcePhase =
  /** A link is made to the target. */
  | "connecting"
  /** The target makes a server. */
  | "preparing"
  /** Clients link to it, while the guest runs. */
  | "linking"
  /** The guest is stopped and saved. */
  | "stopping"
  /** The same for a guest that goes over while it runs, and stands still at last. */
  | "moving"
  /** Its state goes over and is loaded. */
  | "sending"
  /** COMMIT is on its way. Nobody can cancel from here on. */
  | "committing"
  /** It is not known who owns the guest, or whether its new owner lives. */
  | "in-doubt"
  /** The guest is the target's: clients go over. */
  | "switching"
  /** They are there; the target settles what came late. */
  | "settling"
  /** The move is off: clients are told. */
  | "cancelling"
  | "ended";

export type SourceMoveInput =
  /** Once, first. */
  | { readonly type: "start" }
  | { readonly type: "timeout" }
  | LinkInput
  /** Answers `begin-clients`: the server's `move-ready`. */
  | { readonly type: "clients-ready" }
  /** Answers `switch-clients`: the server's `move-left`. */
  | { readonly type: "clients-left" }
  /** Answers `cancel-clients`: the server's `move-cancelled`. */
  | { readonly type: "clients-cancelled" }
  /** Answers `stop-guest`: it is stopped and drained, and this is its state. */
  | { readonly type: "guest-saved"; readonly state: Uint8Array }
  /** Before that, of a guest that goes over while it runs: so many bytes have gone. */
  | { readonly type: "guest-progress"; readonly sent: number; readonly total: number }
  | { readonly type: "guest-failed"; readonly reason: string }
  /** From the source's server to the target's: one message, which arrives as one. */
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  /** Too late behind the commit: then `cancel-refused` says so. */
  | { readonly type: "cancel"; readonly reason: string }
  /** An operator decides, in doubt: `source` runs the guest here. */
  | { readonly type: "resolve"; readonly owner: MoveOwner };

export type SourceMoveOutput =
  | LinkOutput
  /** Make a connection to the target's host; answered by `connected` or `closed`. */
  | { readonly type: "connect"; readonly connection: ConnectionKey }
  /** To the server: `migrate-begin`, `migrate-switch`, `migrate-cancel`. */
  | { readonly type: "begin-clients"; readonly address: Uint8Array }
  | { readonly type: "switch-clients" }
  | { readonly type: "cancel-clients" }
  /**
   * Stop the guest, drain and save it. Of a `live` one, whose hypervisor has a way of its own to the
   * target: let it go over, and stop it at last; its state is what does not go that way.
   */
  | { readonly type: "stop-guest" }
  /** Run it again: it is ours. */
  | { readonly type: "run-guest" }
  /** Its old copy may go: it is the target's, and lives there. */
  | { readonly type: "destroy-guest" }
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: SourceMoveEvent };

export type SourceMoveEvent =
  | { readonly name: "phase"; readonly phase: SourcePhase }
  /** Bytes of the guest's state that the target has. */
  | { readonly name: "progress"; readonly sent: number; readonly total: number }
  | { readonly name: "link-lost"; readonly detail: string }
  | { readonly name: "link-back" }
  /** An operator has to decide, or the target's host has to come back. */
  | { readonly name: "in-doubt"; readonly committed: boolean; readonly detail: string }
  | { readonly name: "cancel-refused"; readonly phase: SourcePhase }
  | { readonly name: "resolve-refused"; readonly phase: SourcePhase }
  /** What became of each client, as the target's host says it. */
  | { readonly name: "outcome"; readonly report: Uint8Array }
  /** Last of all. `error` null: moved. */
  | { readonly name: "ended"; readonly owner: MoveOwner; readonly error: MoveError | null };

export type TargetPhase =
  /** A server is made for the guest. */
  | "preparing"
  /** Clients link to it; the state is awaited. */
  | "prepared"
  | "receiving"
  | "loading"
  /** The copy stands ready, and stopped. */
  | "loaded"
  /** The same, and the source is gone: it asks, or an operator decides, or the copy goes. */
  | "orphaned"
  /** COMMIT came: the guest is ours, and its clients come back to it. */
  | "owner"
  /** Every channel has its outcome. */
  | "settled"
  | "abandoned"
  | "ended";

export type TargetMoveInput =
  | { readonly type: "timeout" }
  | LinkInput
  /** Answers `prepare`: a server is there; where clients link to it. */
  | { readonly type: "prepared"; readonly address: Uint8Array }
  /** Answers `prepare` or `load`. */
  | { readonly type: "refused"; readonly reason: string }
  /** Answers `load`. */
  | { readonly type: "loaded" }
  /** Behind `own`: the server's `move-settled`, as the source's host is to get it. */
  | { readonly type: "settled"; readonly report: Uint8Array }
  /** From the target's server to the source's. */
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  | { readonly type: "cancel"; readonly reason: string }
  | { readonly type: "resolve"; readonly owner: MoveOwner };

export type TargetMoveOutput =
  | LinkOutput
  /** Make a server that expects the guest. `description` is what the source's host wrote. */
  | { readonly type: "prepare"; readonly description: Uint8Array }
  /** Make a guest of it, stopped. The bytes come from a network. */
  | { readonly type: "load"; readonly state: Uint8Array }
  /** The guest is ours: `migrate-hold`. */
  | { readonly type: "own" }
  /** The copy and its server go: `migrate-abandon`. */
  | { readonly type: "drop" }
  | { readonly type: "peer"; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: TargetMoveEvent };

export type TargetMoveEvent =
  | { readonly name: "phase"; readonly phase: TargetPhase }
  | { readonly name: "progress"; readonly received: number }
  | { readonly name: "link-lost"; readonly detail: string }
  | { readonly name: "link-back" }
  | { readonly name: "in-doubt"; readonly detail: string }
  | { readonly name: "cancel-refused"; readonly phase: TargetPhase }
  | { readonly name: "resolve-refused"; readonly phase: TargetPhase }
  /** The guest is ours, or there is no copy; the verdict is remembered for a while. */
  | { readonly name: "decided"; readonly owner: MoveOwner; readonly error: MoveError | null }
  /** Last of all: nobody asks any more. */
  | { readonly name: "ended" };
