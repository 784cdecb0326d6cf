// One cell of the matrix against real programs: a name, and a run that says how it went.

export interface CellResult {
  readonly outcome: "passed" | "failed";
  /** One line for people: what was seen, or what went wrong. */
  readonly detail: string;
  /** What was measured on the way, such as versions, counts and durations. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

export interface Cell {
  /** Stays the same from run to run; unique in its file. */
  readonly name: string;
  /** May throw, which is a failure. Closes whatever it has opened. */
  run(): Promise<CellResult>;
  /** When the runner gives up on it; 10 minutes when absent. */
  readonly timeoutMs?: number;
}
