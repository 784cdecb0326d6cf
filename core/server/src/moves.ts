// A move of the guest to another server, as whoever commands it sees it: what may be chosen, and
// what became of the clients. docs/moving-a-guest.md tells the whole of it.

import type { ChannelTypeName } from "./options.ts";

/** The modes of migration.md, best first. */
export type MoveMode = "seamless" | "semi-seamless" | "switch-host";

/** keep: state goes over; rebuild: the channel begins anew at the target; drop: it ends. */
export type ChannelPolicy = "keep" | "rebuild" | "drop";

/** Channels that are not named are kept. Main cannot be dropped: it is rebuilt then. */
export type ChannelPolicies = Readonly<Partial<Record<ChannelTypeName, ChannelPolicy>>>;

/** Where clients find the target. */
export interface MoveTarget {
  readonly host: string;
  readonly port: number | null;
  readonly tlsPort: number | null;
  /** Subject of its certificate, for clients to verify; null: they verify the host's name. */
  readonly certSubject: string | null;
}

export interface SourceMove {
  readonly target: MoveTarget;
  /** The best mode that clients are offered. */
  readonly mode: MoveMode;
  readonly policies: ChannelPolicies;
  /** Whether `peer` bytes reach a server that knows them. */
  readonly peer: boolean;
  /** How long clients are waited for. A later answer still counts, up to the switch. */
  readonly answerWithinMs: number;
  /** How long a client that makes no progress has after the switch. */
  readonly switchWithinMs: number;
}

export interface TargetMove {
  readonly policies: ChannelPolicies;
  readonly peer: boolean;
  /** From the beginning of the hold, or since announced state arrived last. */
  readonly deadlineMs: number;
  /** The longest that the guest is held. */
  readonly holdMaxMs: number;
  /** From the beginning of the hold: what has not come by then never will. */
  readonly lateMaxMs: number;
  /**
   * Sessions that nobody announced, which a source that is no Caraway cannot do: `accept` lets
   * them link with a ticket that is good here.
   */
  readonly strangers: "accept" | "refuse";
}

/** All but what has to be said. */
export const defaultSourceMove = {
  mode: "seamless",
  policies: {},
  peer: false,
  answerWithinMs: 10_000,
  switchWithinMs: 10_000,
} as const satisfies Partial<SourceMove>;

export const defaultTargetMove: TargetMove = {
  policies: {},
  peer: false,
  deadlineMs: 5000,
  holdMaxMs: 15_000,
  lateMaxMs: 60_000,
  strangers: "refuse",
};

export interface ClientMode {
  readonly client: number;
  readonly mode: MoveMode;
}

export interface ClientLeft extends ClientMode {
  /** Bytes of state that were handed over for it, through the client and the peer link. */
  readonly bytes: number;
}

export type ChannelOutcome = "kept" | "rebuilt" | "lost";

export interface ChannelMoved {
  readonly session: number;
  /** `display 0`. */
  readonly channel: string;
  readonly outcome: ChannelOutcome;
  /** Empty where it was kept. */
  readonly reason: string;
  /** From the beginning of the hold until the channel went on, or until it was given up. */
  readonly gapMs: number;
}

export interface ClientMoved {
  readonly client: number;
  readonly session: number;
  readonly mode: MoveMode;
  readonly channels: readonly ChannelMoved[];
}
