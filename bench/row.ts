// What a benchmark reports: one row per figure.

export interface BenchRow {
  readonly suite: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The program that did the same in the same run. */
  readonly peer?: string;
  readonly peerValue?: number;
  /** How many times better than the peer; without one, absent. */
  readonly ratio?: number;
  /** What `ratio` must not fall below, or `value` where there is no peer. */
  readonly floor?: number;
  /** What `value` must not rise above. */
  readonly ceiling?: number;
}
