// All worlds one after another, each for its share of time: the smallest everywhere, the small ones
// with no deviation, with one, with two and so on, the large ones by seed. What a search does not get
// to the end of is looked at by seed for a while, too. It says what was seen and what was not.

import { choicesOf, Random } from "./choices.ts";
import { goEverywhere } from "./everywhere.ts";
import { type Exploration, explore } from "./explore.ts";
import { type RunResult, run, type Scenario } from "./run.ts";
import { addTallies, noTally, type Tally } from "./tally.ts";

export interface Coverage {
  readonly scenario: string;
  readonly steps: number;
  /** Different states; null where runs were made by seed. */
  readonly states: number | null;
  /** Steps of the longest run; to the farthest state. */
  readonly depth: number;
  /** All runs with at most so many deviations were made; null where they do not count. */
  readonly deviations: number | null;
  /** Whether there is nothing else to be seen. */
  readonly isComplete: boolean;
  /** What was found, and not gone into. */
  readonly left: number;
  /** Runs by seed. */
  readonly seeds: number;
  readonly failure: RunResult | null;
}

/** From which number of deviations on all is seen that there is. */
const deviationsMax = 1000;
/** How much of the time goes into runs by seed where a search does not come to its end. */
const seedShare = 0.2;

/** Coverage by seed, and what happened in all runs together. */
export interface SeedCoverage extends Coverage {
  readonly seed: number;
  readonly tally: Tally;
}

/** `now` in milliseconds; `until` on the same clock. */
export function cover(scenario: Scenario, now: () => number, until: number): Coverage {
  const { search } = scenario;
  if (search === "seeds") return coverBySeed(scenario, 1, () => now() < until);
  const searchUntil = until - (until - now()) * seedShare;
  const goOn = () => now() < searchUntil;
  const found = search === "everywhere" ? all(scenario, goOn) : nearest(scenario, goOn);
  if (found.isComplete || found.failure !== null) return found;
  const { seeds, failure } = coverBySeed(scenario, 1, () => now() < until);
  return { ...found, seeds, failure };
}

function all(scenario: Scenario, goOn: () => boolean): Coverage {
  const { states, steps, depth, left, failure } = goEverywhere(scenario, { goOn });
  const figures = { states, steps, depth, left, failure, deviations: null, seeds: 0 };
  return { scenario: scenario.name, ...figures, isComplete: left === 0 && failure === null };
}

/** With ever more deviations. */
function nearest(scenario: Scenario, goOn: () => boolean): Coverage {
  let [steps, states, depth] = [0, 0, 0];
  for (let deviations = 0; deviations <= deviationsMax; deviations++) {
    const random = new Random(deviations);
    const runsMax = Number.POSITIVE_INFINITY;
    const options = { deviationsMax: deviations, runsMax, goOn, random };
    const found: Exploration = explore(scenario, options);
    const isComplete = deviations > 0 && found.states === states && found.left === 0;
    steps += found.steps;
    states = Math.max(states, found.states);
    depth = Math.max(depth, found.depth);
    if (found.failure === null && found.left === 0 && !isComplete) continue;
    const { failure, left } = found;
    const figures = { steps, states, depth, left, failure, isComplete, seeds: 0 };
    return { scenario: scenario.name, deviations: deviations - 1, ...figures };
  }
  throw new RangeError("a world without an end of deviations");
}

export function coverBySeed(
  scenario: Scenario,
  from: number,
  goOn: (tally: Tally) => boolean,
): SeedCoverage {
  let [steps, depth] = [0, 0];
  let failure: RunResult | null = null;
  let tally = noTally;
  let seed = from;
  for (; failure === null && (seed === from || goOn(tally)); seed++) {
    const result = run(scenario, choicesOf(seed));
    steps += result.steps;
    depth = Math.max(depth, result.steps);
    tally = addTallies(tally, result.tally);
    if (result.violation !== null) failure = result;
  }
  const nothing = { states: null, deviations: null, isComplete: false, left: 0 };
  const figures = { steps, depth, seeds: seed - from, failure };
  return { scenario: scenario.name, ...nothing, ...figures, seed: seed - 1, tally };
}
