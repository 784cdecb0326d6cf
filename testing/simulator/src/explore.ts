// Looks at all runs of a scenario that deviate from the plain one at most so many times. A state
// that was seen with as much left to deviate is not gone into again.

import { type Deviation, type Random, ReplayedChoices, type Trace } from "./choices.ts";
import { hashText, plainText } from "./fingerprint.ts";
import { type RunResult, run, type Scenario } from "./run.ts";
import type { World } from "./world.ts";

export interface ExploreOptions {
  /** Choices other than the plain one in each run; infinite: the whole space of states. */
  readonly deviationsMax: number;
  /** Choices that may be made before the run is looked at no closer. */
  readonly runsMax: number;
  /** Whether to go on; asked behind each run. */
  readonly goOn?: () => boolean;
  /** In which order: where not all can be looked at, chance sees more than an order does. */
  readonly random?: Random;
}

export interface Exploration {
  readonly runs: number;
  /** Different states in which there was a choice. */
  readonly states: number;
  /** Steps of all runs. */
  readonly steps: number;
  /** The longest run, in steps and in choices. */
  readonly depth: number;
  readonly choices: number;
  /** Alternatives that were found and not gone into. */
  readonly left: number;
  /** The first run that broke a rule. */
  readonly failure: RunResult | null;
}

export function explore(scenario: Scenario, options: ExploreOptions): Exploration {
  const { deviationsMax, runsMax, goOn, random } = options;
  /** With how many deviations to spare each state was gone into. */
  const seen = new Map<number, number>();
  const open: Trace[] = [[]];
  let runs = 0;
  let steps = 0;
  let depth = 0;
  let choices = 0;
  let failure: RunResult | null = null;
  while (open.length > 0 && runs < runsMax && (runs === 0 || goOn?.() !== false)) {
    if (random !== undefined) {
      const picked = random.below(open.length);
      [open[picked], open[open.length - 1]] = [open.at(-1)!, open[picked]!];
    }
    const prefix = open.pop()!;
    const fixed = (prefix.at(-1)?.at ?? -1) + 1;
    const spare = deviationsMax - prefix.length;
    const found: Deviation[] = [];
    const isWanted = (world: World, count: number, place: number): boolean => {
      if (place < fixed) return true;
      const state = hashText(plainText(world.snapshot()));
      if ((seen.get(state) ?? -1) >= spare) return false;
      seen.set(state, spare);
      if (spare > 0) {
        for (let choice = 1; choice < count; choice++) found.push({ at: place, choice });
      }
      return true;
    };
    const result = run(scenario, new ReplayedChoices(prefix), { isWanted });
    runs += 1;
    steps += result.steps;
    depth = Math.max(depth, result.steps);
    choices = Math.max(choices, result.choices);
    if (result.violation !== null) {
      failure = result;
      break;
    }
    // The latest first: what is near the end is cheap, and differs least from what was just seen.
    for (const deviation of found) open.push([...prefix, deviation]);
  }
  return { runs, states: seen.size, steps, depth, choices, left: open.length, failure };
}
