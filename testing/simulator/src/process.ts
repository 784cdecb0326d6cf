// A program of the world: machines under the law, and the tasks that they wait for. What one
// machine's output brings about waits its turn, as with the real drivers.

import type { Instant } from "@caraway/channel";
import { Violation } from "./violation.ts";

/** What of a world a process needs. */
export interface Surroundings {
  readonly now: Instant;
  /** Whether tickets and keys are made at once, which leaves fewer orders to look at. */
  readonly hasQuickLinks: boolean;
  /** Tells everybody who watches. */
  note(who: string, what: string): void;
  nextOrder(): number;
  /** Told of each task. */
  began?(task: Task): void;
}

/** Something that will be done some time. */
export interface Task {
  readonly order: number;
  readonly label: string;
  readonly finish: () => void;
}

/** What the world has of one of its programs: the program itself, or the memory of it. */
export interface Player<V, P> {
  readonly name: string;
  readonly tasks: readonly Pick<Task, "order" | "label">[];
  /** What can be seen of it from outside. */
  readonly view: V;
  /** When it wants to be woken; null for never. */
  deadline(): Instant | null;
  timeout(): void;
  /** Ends the task at this place. */
  finish(index: number): void;
  kill(): void;
  /** Somebody does something with it; the same thing has the same label each time. */
  act(label: string, run: (process: P) => void): void;
  snapshot(now: Instant): unknown;
}

/** Turns of one event, from which on it is sure that they never end. */
const turnsMax = 100_000;

export abstract class Process<V> {
  readonly name: string;
  readonly surroundings: Surroundings;
  isAlive = true;
  tasks: Task[] = [];
  readonly #work: (() => void)[] = [];
  #isWorking = false;

  constructor(name: string, surroundings: Surroundings) {
    this.name = name;
    this.surroundings = surroundings;
  }

  abstract get view(): V;
  abstract deadline(): Instant | null;
  /** Plain data of all its machines. */
  abstract snapshot(now: Instant): unknown;
  protected abstract wake(): void;
  /** Its connections break. */
  protected abstract died(): void;

  timeout(): void {
    this.do(() => this.wake());
  }

  finish(index: number): void {
    this.tasks[index]?.finish();
  }

  kill(): void {
    this.isAlive = false;
    this.tasks = [];
    this.#work.length = 0;
    this.died();
  }

  /** One after the other. */
  do(work: () => void): void {
    if (!this.isAlive) return;
    this.#work.push(work);
    if (this.#isWorking) return;
    this.#isWorking = true;
    let turns = 0;
    try {
      for (let next = this.#work.shift(); next !== undefined; next = this.#work.shift()) {
        if (++turns > turnsMax) throw new Violation("livelock", `${this.name} never comes to rest`);
        next();
      }
    } catch (error) {
      if (error instanceof Violation) throw error;
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Violation("fault", `${this.name} has thrown: ${detail}`, { cause: error });
    } finally {
      this.#isWorking = false;
    }
  }

  /** Does something some time later. */
  later(label: string, run: () => void): Task {
    const task: Task = {
      order: this.surroundings.nextOrder(),
      label: `${this.name}: ${label}`,
      finish: () => {
        this.tasks = this.tasks.filter((other) => other !== task);
        this.do(run);
      },
    };
    this.tasks.push(task);
    this.surroundings.began?.(task);
    return task;
  }

  /** The same for the work of a link stage; null when it is done at once. */
  laterForLink(label: string, run: () => void): Task | null {
    if (!this.surroundings.hasQuickLinks) return this.later(label, run);
    this.do(run);
    return null;
  }

  note(what: string): void {
    this.surroundings.note(this.name, what);
  }
}
