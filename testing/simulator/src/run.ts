// One run of a scenario: the world is made, goes on as it is chosen until nobody wants anything any
// more, is left alone for a while without faults, and is then looked at.

import { type Choices, RecordedChoices, ReplayedChoices, type Trace } from "./choices.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  readonly make: () => World;
  /** A pause of this length counts as rest; timers within it are part of what is explored. */
  readonly horizonMs: number;
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
}

export interface RunOptions {
  /** Asked in front of each choice among `count`; false stops the run. */
  readonly isWanted?: (world: World, count: number) => boolean;
  readonly onLine?: (line: string) => void;
}

/** Steps from which on a run counts as one that never ends. */
const stepsMax = 200_000;
const plain = new ReplayedChoices([]);

export function run(scenario: Scenario, choices: Choices, options: RunOptions = {}): RunResult {
  const recorded = new RecordedChoices(choices);
  let steps = 0;
  let wasCut = false;
  let world: World | null = null;
  const result = (violation: Violation | null): RunResult => {
    const struck = world?.struck ?? [];
    return { violation, trace: recorded.trace, choices: recorded.count, steps, struck, wasCut };
  };
  const count = (): void => {
    if (++steps > stepsMax) throw new Violation("livelock", `${stepsMax} steps, and no end`);
  };
  try {
    world = scenario.make();
    world.onLine = options.onLine ?? null;
    const at = world;
    const isWanted = (count: number): boolean => {
      wasCut = options.isWanted?.(at, count) === false;
      return !wasCut;
    };
    while (world.step(recorded, scenario.horizonMs, isWanted)) count();
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
  let until = world.now + settleMs;
  while (world.now < until && world.step(plain, until - world.now)) {
    count();
    if (world.isMoving) until = Math.min(end, world.now + settleMs);
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
