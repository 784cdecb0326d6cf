// Looks at all of a small world: every state that any order of steps and any allowed fault leads
// to, the nearest first. See vector-world.ts for what a state is.

import { NamedChoices } from "./choices.ts";
import { looksOf, movesEndMs, type RunResult, run, type Scenario } from "./run.ts";
import { type Vector, VectorWorld } from "./vector-world.ts";
import { Violation } from "./violation.ts";
import { Memories } from "./world.ts";

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
  /** Different states of single programs. */
  readonly points: number;
  /** States that were found and not gone into. */
  readonly left: number;
  readonly failure: RunResult | null;
}

export interface EverywhereOptions {
  /** Whether to go on; asked now and then. */
  readonly goOn?: () => boolean;
}

export function goEverywhere(scenario: Scenario, { goOn }: EverywhereOptions = {}): Everywhere {
  const memories = new Memories();
  const root = scenario.make(null, memories);
  const world = new VectorWorld(root, scenario.horizonMs, scenario.exploredMs);
  const seen = new Numbers();
  const settled = new Set<number>();
  const ends = new Set<number>();
  const growth: number[] = [];
  let steps = 0;
  let left = 0;
  let failure: RunResult | null = null;
  seen.add(VectorWorld.key(world.first), -1, 0);
  let level: Vector[] = [world.first];
  let number = 0;
  while (level.length > 0 && failure === null && left === 0) {
    growth.push(level.length);
    const next: Vector[] = [];
    for (const [index, vector] of level.entries()) {
      let count = 0;
      try {
        if (!world.isOver(vector)) {
          world.expand(vector, (to) => {
            if (seen.add(VectorWorld.key(to), number, count)) next.push(to);
            count += 1;
          });
        }
        if (count === 0) {
          ends.add(looksOf(world.scene(vector)));
          world.settle(vector, scenario.settleMs, movesEndMs, settled);
        }
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        failure = retell(scenario, memories, seen.path(number, count), error);
        break;
      }
      steps += count;
      number += 1;
      if (number % 4096 === 0 && goOn?.() === false) {
        left = level.length - index - 1 + next.length;
        break;
      }
    }
    level = next;
  }
  const { points } = memories.figures;
  const figures = { states: seen.size, steps, depth: growth.length, growth, points, left, failure };
  return { ...figures, ends: [...ends] };
}

/** Plays what led to a violation once more, by programs at work. `path`: which step of each state. */
function retell(
  scenario: Scenario,
  memories: Memories,
  path: readonly number[],
  violation: Violation,
): RunResult {
  const root = scenario.make(null, memories);
  const world = new VectorWorld(root, scenario.horizonMs, scenario.exploredMs, true);
  const told: string[] = [];
  let at = world.first;
  for (const step of path) {
    const steps: { readonly to: Vector; readonly name: string }[] = [];
    try {
      world.expand(at, (to, name) => steps.push({ to, name }));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
    }
    const taken = steps[step];
    // The last one breaks the rule, and has no name.
    if (taken === undefined) break;
    if (steps.length > 1) told.push(taken.name);
    at = taken.to;
  }
  const lived = run(scenario, new NamedChoices(told));
  if (lived.violation?.rule === violation.rule) return lived;
  const detail = `${violation.message}, which does not come about by programs at work`;
  return { ...lived, violation: new Violation("memory", detail) };
}

/** Many numbers, each with the place of the one that it came from, and by which step. */
class Numbers {
  #slots = new Float64Array(1 << 16);
  #origins = new Int32Array(1 << 15);
  #steps = new Uint16Array(1 << 15);
  size = 0;

  /** False when it was there. */
  add(key: number, origin: number, step: number): boolean {
    // 0 stands for a free place.
    const wanted = key === 0 ? 1 : key;
    let at = this.#find(wanted);
    if (this.#slots[at] !== 0) return false;
    if ((this.size + 1) * 2 > this.#slots.length) {
      this.#grow();
      at = this.#find(wanted);
    }
    this.#slots[at] = wanted;
    this.#origins[this.size] = origin;
    this.#steps[this.size] = step;
    this.size += 1;
    return true;
  }

  /** Steps from the first one to that one, and a further one there. */
  path(place: number, further: number): readonly number[] {
    const path = [further];
    for (let at = place; at > 0; at = this.#origins[at]!) path.push(this.#steps[at]!);
    return path.reverse();
  }

  #find(key: number): number {
    const mask = this.#slots.length - 1;
    let at = (key % 4294967291) & mask;
    while (this.#slots[at] !== 0 && this.#slots[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 2);
    for (const key of old) if (key !== 0) this.#slots[this.#find(key)] = key;
    this.#origins = longer(this.#origins, new Int32Array(old.length));
    this.#steps = longer(this.#steps, new Uint16Array(old.length));
  }
}

function longer<T extends Int32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
