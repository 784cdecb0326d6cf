// One run of a scenario: the world is made, goes on as it is chosen until nobody wants anything any
// more, is left alone for a while without faults, and is then looked at.

import {
  type Choices,
  plainChoices,
  RecordedChoices,
  ReplayedChoices,
  type Trace,
} from "./choices.ts";
import { hashText, plainText } from "./fingerprint.ts";
import type { Memories } from "./memories.ts";
import { noTally, type Tally, tallyOf } from "./tally.ts";
import type { Scene } from "./views.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  /** Makes the world, as far as it is always the same; `onLine` hears of that, too. */
  readonly make: (
    onLine: ((line: string) => void) | null,
    /** Its programs are played from them; null: they are at work themselves. */
    memories: Memories | null,
  ) => World;
  /** A pause of this length counts as rest; timers within it are part of what is explored. */
  readonly horizonMs: number;
  /** From then on nothing is chosen any more. */
  readonly exploredMs: number;
  /** How long the world is left alone before it is looked at, once no move is under way. */
  readonly settleMs: number;
  /** How it is looked at: all of it, with ever more deviations, or by seed. */
  readonly search: "everywhere" | "deviations" | "seeds";
}

export interface RunResult {
  readonly violation: Violation | null;
  readonly trace: Trace;
  /** All that was chosen, in words. */
  readonly told: readonly string[];
  readonly choices: number;
  readonly steps: number;
  /** Faults that struck. */
  readonly struck: readonly string[];
  readonly tally: Tally;
}

export interface RunOptions {
  readonly onLine?: (line: string) => void;
  readonly memories?: Memories;
}

/** Steps from which on a run counts as one that never ends. */
export const stepsMax = 200_000;

export function run(scenario: Scenario, choices: Choices, options: RunOptions = {}): RunResult {
  const recorded = new RecordedChoices(choices);
  let steps = 0;
  let world: World | null = null;
  const result = (violation: Violation | null): RunResult => {
    const struck = world?.struck ?? [];
    const tally = world === null ? noTally : tallyOf(world);
    const { trace, told, count: choices } = recorded;
    return { violation, trace, told, choices, steps, struck, tally };
  };
  const taken = (): void => {
    if (++steps > stepsMax) throw new Violation("livelock", `${stepsMax} steps, and no end`);
  };
  try {
    world = scenario.make(options.onLine ?? null, options.memories ?? null);
    const end = world.now + scenario.exploredMs;
    while (world.now < end && world.step(recorded, scenario.horizonMs)) taken();
    world.heal();
    options.onLine?.("the faults are over");
    settle(world, scenario.settleMs, taken);
    return result(null);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    options.onLine?.(`VIOLATION ${error.message}`);
    return result(error);
  }
}

/** Moves give up, or forget, within this. */
export const movesEndMs = 400_000;

/**
 * Leaves the world alone until it has come to rest, and looks at it. `count` is told of each step.
 * `isKnown` is asked before each: true where all is known from there on.
 */
export function settle(
  world: World,
  settleMs: number,
  count: () => void,
  isKnown: (world: World, quietMs: number, leftMs: number) => boolean = () => false,
): void {
  const end = world.now + movesEndMs;
  let quietSince = world.now;
  for (;;) {
    if (world.isMoving) quietSince = world.now;
    const until = world.isMoving ? end : Math.min(end, quietSince + settleMs);
    if (isKnown(world, world.now - quietSince, end - world.now)) return;
    if (world.now >= until || !world.step(plainChoices, until - world.now)) break;
    count();
  }
  for (const check of world.checks) check.rested?.(world);
}

/** A short name for how a world looks from outside. */
export function looksOf({ clients, hosts, struck }: Scene): number {
  return hashText(plainText([clients, hosts, struck]));
}

/** Lets the world go on plainly until something is so. */
export function goOnUntil(world: World, isSo: () => boolean): void {
  for (let steps = 0; !isSo(); steps++) {
    if (steps > stepsMax || !world.step(plainChoices, movesEndMs)) {
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
