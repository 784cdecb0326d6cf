// Looks at all runs of a scenario that deviate from the plain one at most so many times. A state
// that was seen with as much left to deviate is not gone into again.

import {
  type Deviation,
  NamedChoices,
  plainChoices,
  type Random,
  ReplayedChoices,
} from "./choices.ts";
import { Memories } from "./memories.ts";
import { looksOf, type RunResult, run, type Scenario, settle } from "./run.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export interface ExploreOptions {
  /** Choices other than the plain one in each run; infinite: the whole space of states. */
  readonly deviationsMax: number;
  /** Runs after which no further one begins. */
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
  /** Steps that were taken. */
  readonly steps: number;
  /** The longest run, in steps and in choices. */
  readonly depth: number;
  readonly choices: number;
  /** How the world looked when nothing was left to choose. */
  readonly ends: readonly number[];
  /** Different states of single programs. */
  readonly points: number;
  /** Alternatives that were found and not gone into. */
  readonly left: number;
  /** The first run that broke a rule. */
  readonly failure: RunResult | null;
}

/** The deviations of a run, the last one first. */
interface Path {
  readonly deviation: Deviation;
  readonly before: Path | null;
}

/** A state with things that can happen there and were not gone into yet. */
interface Fork {
  readonly world: World;
  readonly path: Path | null;
  readonly spare: number;
  readonly place: number;
  readonly depth: number;
  next: number;
  readonly count: number;
}

const stepsMax = 10_000;

export function explore(scenario: Scenario, options: ExploreOptions): Exploration {
  return new Explorer(scenario, options).explore();
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  readonly #isOrdered: boolean;
  readonly #memories = new Memories();
  /** With how many deviations to spare each state was gone into. */
  readonly #seen = new Map<number, number>();
  readonly #settling = new Set<number>();
  readonly #open: Fork[] = [];
  readonly #ends = new Set<number>();
  #endAt = 0;
  #runs = 0;
  #steps = 0;
  #depth = 0;
  #choices = 0;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
    // Which choice is the plain one matters only where the others are counted.
    this.#isOrdered = Number.isFinite(options.deviationsMax);
  }

  explore(): Exploration {
    const { runsMax, goOn, deviationsMax } = this.#options;
    const world = this.#scenario.make(null, this.#memories);
    this.#endAt = world.now + this.#scenario.exploredMs;
    let failure = this.#go(world, null, deviationsMax, 0, 0);
    while (
      failure === null &&
      this.#open.length > 0 &&
      this.#runs < runsMax &&
      goOn?.() !== false
    ) {
      failure = this.#goAside();
    }
    let left = 0;
    for (const { next, count } of this.#open) left += count - next;
    const figures = { runs: this.#runs, states: this.#seen.size, steps: this.#steps };
    const { points } = this.#memories.figures;
    return {
      ...figures,
      ...{ depth: this.#depth, choices: this.#choices, ends: [...this.#ends], points },
      ...{ left, failure },
    };
  }

  /** Goes into one of the alternatives that were left. */
  #goAside(): RunResult | null {
    const open = this.#open;
    const { random } = this.#options;
    if (random !== undefined) {
      const picked = random.below(open.length);
      [open[picked], open[open.length - 1]] = [open.at(-1)!, open[picked]!];
    }
    // The latest first: what is near the end differs least from what was just seen.
    const fork = open.at(-1)!;
    const choice = fork.next++;
    if (fork.next >= fork.count) open.pop();
    const world = fork.next >= fork.count ? fork.world : fork.world.fork();
    const { place, spare, depth } = fork;
    const path = { deviation: { at: place, choice }, before: fork.path };
    try {
      const step = world.steps(this.#scenario.horizonMs)[choice]!;
      this.#steps += 1;
      world.take(step, plainChoices);
    } catch (error) {
      return this.#failed(error, path);
    }
    return this.#go(world, path, spare - 1, place + 1, depth + 1);
  }

  /** Plainly on from there, until all is known. */
  #go(
    world: World,
    path: Path | null,
    spare: number,
    from: number,
    depthBefore: number,
  ): RunResult | null {
    let place = from;
    let depth = depthBefore;
    this.#runs += 1;
    try {
      for (;;) {
        const steps = world.now < this.#endAt ? world.steps(this.#scenario.horizonMs) : [];
        this.#depth = Math.max(this.#depth, depth);
        if (steps.length === 0) break;
        if (depth > stepsMax) throw new Violation("livelock", `${depth} steps, and no end`);
        if (steps.length > 1) {
          const state = world.key(this.#isOrdered);
          if ((this.#seen.get(state) ?? -1) >= spare) return null;
          this.#seen.set(state, spare);
          if (spare > 0) {
            const count = steps.length;
            this.#open.push({ world: world.fork(), path, spare, place, depth, next: 1, count });
          }
          place += 1;
          this.#choices = Math.max(this.#choices, place);
        }
        this.#steps += 1;
        depth += 1;
        world.take(steps[0]!, plainChoices);
      }
      this.#ends.add(looksOf(world));
      this.#settle(world);
      return null;
    } catch (error) {
      return this.#failed(error, path);
    }
  }

  #settle(world: World): void {
    world.heal();
    const taken = (): void => {
      this.#steps += 1;
    };
    settle(world, this.#scenario.settleMs, taken, (_world, quietMs, leftMs) => {
      const state = world.key(true) + quietMs * 1e-3 + leftMs;
      const isKnown = this.#settling.has(state);
      this.#settling.add(state);
      return isKnown;
    });
  }

  /** Plays it once more, by programs at work. */
  #failed(error: unknown, path: Path | null): RunResult {
    if (!(error instanceof Violation)) throw error;
    const trace: Deviation[] = [];
    for (let at = path; at !== null; at = at.before) trace.push(at.deviation);
    const memories = this.#memories;
    const remembered = run(this.#scenario, new ReplayedChoices(trace.reverse()), { memories });
    const lived = run(this.#scenario, new NamedChoices(remembered.told));
    if (lived.violation?.rule === error.rule) return lived;
    const detail = `${error.message}, which does not come about by programs at work`;
    return { ...lived, violation: new Violation("memory", detail) };
  }
}
