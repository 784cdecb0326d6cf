// How a world is set up: what may go wrong in it, and how its network and its time are.

/** How often what may strike. */
export interface Faults {
  /** A connection breaks. */
  resets?: number;
  /** A connection is slow for a while: `stallMs`. */
  stalls?: number;
  stallMs?: number;
  /** One of these processes is killed. */
  kills?: readonly string[];
  /** Somebody on one of the hosts calls a move off. */
  cancels?: number;
  /** Time passes up to the next timer, although something else could happen. */
  delays?: number;
}

export interface WorldOptions {
  readonly faults: Faults;
  /** Whether deliveries may be cut anywhere. */
  readonly cuts: boolean;
  /** Bytes that a connection takes before its sender has a backlog. */
  readonly capacityBytes: number;
  /** How long what can happen is left lying, where no fault keeps it from happening. */
  readonly slackMs: number;
  /** Whether the work of link stages is done at once. */
  readonly hasQuickLinks: boolean;
}

export const plainWorld: WorldOptions = {
  faults: {},
  cuts: false,
  capacityBytes: Number.POSITIVE_INFINITY,
  slackMs: 1000,
  hasQuickLinks: false,
};

/** Faults that may still strike. */
export interface Left {
  readonly resets: number;
  readonly stalls: number;
  readonly kills: readonly string[];
  readonly cancels: number;
  readonly delays: number;
}

export const noFaults: Left = { resets: 0, stalls: 0, kills: [], cancels: 0, delays: 0 };
