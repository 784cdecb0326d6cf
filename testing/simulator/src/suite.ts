// All worlds one after another, each for its share of time: the small ones with no deviation, with
// one, with two and so on, the large ones by seed. It says what was seen and what was not.

import { choicesOf, Random } from "./choices.ts";
import { type Exploration, explore } from "./explore.ts";
import { type RunResult, run, type Scenario } from "./run.ts";
import { addTallies, noTally, type Tally } from "./tally.ts";

export interface Coverage {
  readonly scenario: string;
  readonly runs: number;
  readonly steps: number;
  /** Different states in which there was a choice; null where runs were made by seed. */
  readonly states: number | null;
  /** Steps of the longest run. */
  readonly depth: number;
  /** All runs with at most so many deviations were made; null where runs were made by seed. */
  readonly complete: number | null;
  /** Alternatives of the next number that were found and not gone into. */
  readonly left: number;
  readonly failure: RunResult | null;
}

/** From which number of deviations on all is seen that there is. */
const deviationsMax = 1000;

/** Coverage by seed, and what happened in all runs together. */
export interface SeedCoverage extends Coverage {
  readonly seed: number;
  readonly tally: Tally;
}

/** `now` in milliseconds; `until` on the same clock. */
export function cover(scenario: Scenario, now: () => number, until: number): Coverage {
  let [runs, steps, states, depth] = [0, 0, 0, 0];
  for (let deviations = 0; deviations <= deviationsMax; deviations++) {
    const random = new Random(deviations);
    const goOn = () => now() < until;
    const runsMax = Number.POSITIVE_INFINITY;
    const found: Exploration = explore(scenario, {
      deviationsMax: deviations,
      runsMax,
      goOn,
      random,
    });
    const isNothingNew = deviations > 0 && found.states === states && found.left === 0;
    runs += found.runs;
    steps += found.steps;
    states = Math.max(states, found.states);
    depth = Math.max(depth, found.depth);
    const isOver = found.failure !== null || found.left > 0 || isNothingNew;
    if (!isOver) continue;
    const complete = isNothingNew ? Number.POSITIVE_INFINITY : deviations - 1;
    const { failure, left } = found;
    return { scenario: scenario.name, runs, steps, states, depth, complete, left, failure };
  }
  throw new RangeError("a world without an end of deviations");
}

export function coverBySeed(
  scenario: Scenario,
  from: number,
  goOn: (tally: Tally) => boolean,
): SeedCoverage {
  let [runs, steps, depth] = [0, 0, 0];
  let failure: RunResult | null = null;
  let tally = noTally;
  let seed = from;
  for (; failure === null && (runs === 0 || goOn(tally)); seed++) {
    const result = run(scenario, choicesOf(seed));
    runs += 1;
    steps += result.steps;
    depth = Math.max(depth, result.steps);
    tally = addTallies(tally, result.tally);
    if (result.violation !== null) failure = result;
  }
  const figures = { runs, steps, states: null, depth, complete: null, left: 0, failure };
  return { scenario: scenario.name, ...figures, seed: seed - 1, tally };
}
