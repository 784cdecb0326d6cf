// The one place where anything in the simulated world is decided. Whatever could go either way in
// a real one is a numbered choice here, and number 0 is what happens on a plain day: the oldest
// thing first, nothing cut, no fault. A run is told completely by the numbers that were not 0.

export interface Choices {
  /**
   * A number below `count`. `weights` say how likely each is where chance decides; equally likely
   * when absent. `names` are words for them.
   */
  choose(count: number, weights?: readonly number[], names?: () => readonly string[]): number;
}

/** A plain day. */
export const plainChoices: Choices = { choose: () => 0 };

/** The choices that were not 0: after how many choices, and which. */
export interface Deviation {
  readonly at: number;
  readonly choice: number;
}

export type Trace = readonly Deviation[];

/** `12:1 40:3`: as people pass it on. */
export function traceText(trace: Trace): string {
  return trace.map(({ at, choice }) => `${at}:${choice}`).join(" ");
}

/** @throws RangeError when it is no trace. */
export function parseTrace(text: string): Trace {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const trace = parts.map((part) => {
    const match = /^(\d{1,9}):(\d{1,6})$/.exec(part);
    if (match === null) throw new RangeError(`"${part}" is no part of a trace such as 12:1`);
    return { at: Number(match[1]), choice: Number(match[2]) };
  });
  if (trace.some(({ at }, index) => index > 0 && at <= trace[index - 1]!.at)) {
    throw new RangeError("the places in a trace must grow");
  }
  return trace;
}

/** Follows a trace, and is plain beside it. A choice that is not there is the last one that is. */
export class ReplayedChoices implements Choices {
  readonly #choices: ReadonlyMap<number, number>;
  #at = 0;

  constructor(trace: Trace) {
    this.#choices = new Map(trace.map(({ at, choice }) => [at, choice]));
  }

  choose(count: number): number {
    return Math.min(this.#choices.get(this.#at++) ?? 0, count - 1);
  }
}

/** Follows a run that is told in words; plain where no such thing can happen. */
export class NamedChoices implements Choices {
  readonly #told: readonly string[];
  #at = 0;

  constructor(told: readonly string[]) {
    this.#told = told;
  }

  choose(_count: number, _weights?: readonly number[], names?: () => readonly string[]): number {
    const told = this.#told[this.#at++];
    if (told === undefined || names === undefined) return 0;
    return Math.max(0, names().indexOf(told));
  }
}

/** Whatever chance says: `restlessness` of all choices, from 0 to 1, are not simply plain. */
export class RandomChoices implements Choices {
  readonly #random: Random;
  readonly #restlessness: number;

  constructor(random: Random, restlessness: number) {
    this.#random = random;
    this.#restlessness = restlessness;
  }

  choose(count: number, weights?: readonly number[]): number {
    if (count <= 1 || this.#random.fraction() >= this.#restlessness) return 0;
    if (weights === undefined) return this.#random.below(count);
    let sum = 0;
    for (let index = 0; index < count; index++) sum += weights[index] ?? 0;
    let left = this.#random.fraction() * sum;
    for (let index = 0; index < count; index++) {
      left -= weights[index] ?? 0;
      if (left < 0) return index;
    }
    return 0;
  }
}

/** Notes what others choose. */
export class RecordedChoices implements Choices {
  readonly #inner: Choices;
  readonly #trace: Deviation[] = [];
  readonly #told: string[] = [];
  #count = 0;

  constructor(inner: Choices) {
    this.#inner = inner;
  }

  get trace(): Trace {
    return this.#trace;
  }

  /** All choices that have names, by their names. */
  get told(): readonly string[] {
    return this.#told;
  }

  /** Choices so far. */
  get count(): number {
    return this.#count;
  }

  choose(count: number, weights?: readonly number[], names?: () => readonly string[]): number {
    const choice = this.#inner.choose(count, weights, names);
    if (names !== undefined) this.#told.push(names()[choice]!);
    if (choice !== 0) this.#trace.push({ at: this.#count, choice });
    this.#count += 1;
    return choice;
  }
}

/** A small generator (mulberry32): the same numbers for the same seed, everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }
}

/** How restless a run is, is chance too: some are nearly plain, in some nothing is. */
export function choicesOf(seed: number): Choices {
  const random = new Random(seed);
  return new RandomChoices(random, random.fraction());
}
