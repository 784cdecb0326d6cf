// Looks at all of a small world: every state that any order of steps and any allowed fault leads
// to, the nearest first. See vector-world.ts for what a state is.

import { NamedChoices } from "./choices.ts";
import { Memories } from "./memories.ts";
import { looksOf, movesEndMs, type RunResult, run, type Scenario } from "./run.ts";
import { nameVector, StateTable } from "./state-table.ts";
import { VectorQueue } from "./vector-queue.ts";
import { type IsSeen, type Vector, VectorWorld } from "./vector-world.ts";
import { Violation } from "./violation.ts";

export interface Everywhere {
  readonly states: number;
  /** Steps from one state to another. */
  readonly steps: number;
  /** Steps to the state that is farthest from the first one. */
  readonly depth: number;
  /** How many states are at each distance. */
  readonly growth: readonly number[];
  /** How the world looked when nothing was left to choose. */
  readonly ends: readonly number[];
  /** Different states of single programs, and variants of them that were compared. */
  readonly points: number;
  readonly variants: number;
  /** States that were found and not gone into. */
  readonly left: number;
  readonly failure: RunResult | null;
}

export interface EverywhereOptions {
  /** Whether to go on; asked now and then. */
  readonly goOn?: () => boolean;
  /**
   * How many states of a program that look the same are compared before more of them are taken to
   * do the same; Infinity: all. Null: none is taken for another one.
   */
  readonly compared?: number | null;
  /** Told of each distance, when all states there are known. */
  readonly onDistance?: (distance: number, states: number) => void;
}

/** States of a program that look the same, of which it is seen that they do the same. */
export const comparedPlainly = 3;

export function goEverywhere(scenario: Scenario, options: EverywhereOptions = {}): Everywhere {
  const memories = new Memories(
    options.compared === undefined ? comparedPlainly : options.compared,
  );
  return new Traveller(scenario, memories, options).go();
}

class Traveller {
  readonly #scenario: Scenario;
  readonly #memories: Memories;
  readonly #options: EverywhereOptions;
  readonly #world: VectorWorld;
  readonly #states = new StateTable();
  readonly #name = { high: 0, low: 0 };
  readonly #queue: VectorQueue;
  readonly #settled = new Set<string>();
  readonly #ends = new Set<number>();
  #steps = 0;

  constructor(scenario: Scenario, memories: Memories, options: EverywhereOptions) {
    this.#scenario = scenario;
    this.#memories = memories;
    this.#options = options;
    const root = scenario.make(null, memories);
    this.#world = new VectorWorld(root, scenario.horizonMs, scenario.exploredMs);
    this.#queue = new VectorQueue(this.#world.first.length);
  }

  go(): Everywhere {
    const { goOn, onDistance } = this.#options;
    const states = this.#states;
    const vector: Vector = this.#world.first.slice();
    const growth: number[] = [];
    let failure: RunResult | null = null;
    this.#arrive(vector, -1, 0);
    let number = 0;
    // States up to here are nearer than those behind.
    let nearer = 0;
    while (number < states.size && failure === null) {
      if (number === nearer) {
        growth.push(states.size - nearer);
        onDistance?.(growth.length - 1, states.size - nearer);
        nearer = states.size;
      }
      this.#queue.shift(vector);
      failure = this.#goInto(vector, number);
      number += 1;
      if (number % 4096 === 0 && goOn?.() === false) break;
    }
    const left = states.size - number;
    const { points, variants } = this.#memories.figures;
    const figures = { states: states.size, steps: this.#steps, depth: growth.length, growth };
    return { ...figures, points, variants, left, failure, ends: [...this.#ends] };
  }

  #arrive(vector: Vector, origin: number, step: number): void {
    nameVector(vector, this.#name);
    if (this.#states.add(this.#name, origin, step)) this.#queue.push(vector);
  }

  #goInto(vector: Vector, number: number): RunResult | null {
    const { settleMs } = this.#scenario;
    let count = 0;
    try {
      if (!this.#world.isOver(vector)) {
        this.#world.expand(vector, (to) => {
          this.#arrive(to, number, count);
          count += 1;
        });
      }
      this.#steps += count;
      if (count > 0) return null;
      this.#ends.add(looksOf(this.#world.scene(vector)));
      this.#world.settle(vector, settleMs, movesEndMs, this.#isSettled);
      return null;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return this.#retell(this.#states.path(number, count), error);
    }
  }

  readonly #isSettled: IsSeen = (vector, quietMs, leftMs) => {
    nameVector(vector, this.#name);
    const key = `${this.#name.high} ${this.#name.low} ${quietMs} ${leftMs}`;
    const isKnown = this.#settled.has(key);
    this.#settled.add(key);
    return isKnown;
  };

  /** Plays what led to a violation once more, by programs at work. `path`: the step of each state. */
  #retell(path: readonly number[], violation: Violation): RunResult {
    const told: string[] = [];
    let at: Vector = this.#world.first;
    for (const step of path) {
      const names: string[] = [];
      let taken: Vector | null = null;
      try {
        this.#world.expand(at, (to, name) => {
          if (names.length === step) taken = to.slice();
          names.push(name());
        });
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
      }
      // The last one breaks the rule, and has no name.
      if (taken === null) break;
      if (names.length > 1) told.push(names[step]!);
      at = taken;
    }
    const lived = run(this.#scenario, new NamedChoices(told));
    if (lived.violation?.rule === violation.rule) return lived;
    // That comes about where two programs are compared, and in neither of them.
    if (violation.rule === "likeness") return { ...lived, violation };
    const detail = `${violation.message}, which does not come about by programs at work`;
    return { ...lived, violation: new Violation("memory", detail) };
  }
}
