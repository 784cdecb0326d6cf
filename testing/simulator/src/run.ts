// One run of a scenario: the world is made, goes on as it is chosen until nobody wants anything any
// more, is left alone for a while without faults, and is then looked at.

import { type Choices, RecordedChoices, ReplayedChoices, type Trace } from "./choices.ts";
import { noTally, type Tally, tallyOf } from "./tally.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  /** Makes the world, as far as it is always the same; `onLine` hears of that, too. */
  readonly make: (onLine: ((line: string) => void) | null) => World;
  /** A pause of this length counts as rest; timers within it are part of what is explored. */
  readonly horizonMs: number;
  /** From then on nothing is chosen any more. */
  readonly exploredMs: number;
  /** How long the world is left alone before it is looked at, once no move is under way. */
  readonly settleMs: number;
}

export interface RunResult {
  readonly violation: Violation | null;
  readonly trace: Trace;
  readonly choices: number;
  readonly steps: number;
  /** Faults that struck. */
  readonly struck: readonly string[];
  /** Stopped by `isWanted` before the end. */
  readonly wasCut: boolean;
  readonly tally: Tally;
}

export interface RunOptions {
  /**
   * Asked in front of each choice of what happens next, among `count`, with `place` choices of
   * any kind before it; false stops the run.
   */
  readonly isWanted?: (world: World, count: number, place: number) => boolean;
  readonly onLine?: (line: string) => void;
}

/** Steps from which on a run counts as one that never ends. */
const stepsMax = 200_000;
const plain: Choices = { choose: () => 0 };

export function run(scenario: Scenario, choices: Choices, options: RunOptions = {}): RunResult {
  const recorded = new RecordedChoices(choices);
  let steps = 0;
  let wasCut = false;
  let world: World | null = null;
  const result = (violation: Violation | null): RunResult => {
    const struck = world?.struck ?? [];
    const tally = world === null ? noTally : tallyOf(world);
    const { trace, count: choices } = recorded;
    return { violation, trace, choices, steps, struck, wasCut, tally };
  };
  const count = (): void => {
    if (++steps > stepsMax) throw new Violation("livelock", `${stepsMax} steps, and no end`);
  };
  try {
    world = scenario.make(options.onLine ?? null);
    const at = world;
    const isWanted = (count: number): boolean => {
      wasCut = options.isWanted?.(at, count, recorded.count) === false;
      return !wasCut;
    };
    const end = world.now + scenario.exploredMs;
    while (world.now < end && world.step(recorded, scenario.horizonMs, isWanted)) count();
    if (wasCut) return result(null);
    world.heal();
    options.onLine?.("the faults are over");
    settle(world, scenario.settleMs, count);
    for (const check of world.checks) check.rested?.(world);
    return result(null);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    options.onLine?.(`VIOLATION ${error.message}`);
    return result(error);
  }
}

/** Moves give up, or forget, within this. */
const movesEndMs = 400_000;

function settle(world: World, settleMs: number, count: () => void): void {
  const end = world.now + movesEndMs;
  let quietSince = world.now;
  for (;;) {
    if (world.isMoving) quietSince = world.now;
    const until = world.isMoving ? end : Math.min(end, quietSince + settleMs);
    if (world.now >= until || !world.step(plain, until - world.now)) return;
    count();
  }
}

/** Lets the world go on plainly until something is so. */
export function goOnUntil(world: World, isSo: () => boolean): void {
  for (let steps = 0; !isSo(); steps++) {
    if (steps > stepsMax || !world.step(plain, movesEndMs)) {
      throw new Violation("set-up", "the world does not come to be as it should");
    }
  }
}

/** Runs a trace again. */
export function replay(scenario: Scenario, trace: Trace, options: RunOptions = {}): RunResult {
  return run(scenario, new ReplayedChoices(trace), options);
}

/**
 * A shorter trace that breaks the same rule: parts are left out, from large to small, as long as
 * the violation stays.
 */
export function shrink(scenario: Scenario, trace: Trace, rule: string, runsMax = 400): Trace {
  let best = trace;
  let runs = 0;
  const breaks = (candidate: Trace): boolean => {
    runs += 1;
    return replay(scenario, candidate).violation?.rule === rule;
  };
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < best.length && runs < runsMax; ) {
      const candidate = [...best.slice(0, at), ...best.slice(at + size)];
      if (breaks(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}
