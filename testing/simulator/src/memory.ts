// What a program has done once in a state, and does again whenever it is in that state: the program
// itself is asked once for each of its states and each thing that can befall it there. A world whose
// programs are played from memory is a few numbers, and can be copied at any moment.
//
// Two states of a program are one *variant* when all that is known of them is the same, and with it
// every byte that was said and heard on the connections that are open. A *point* is what variants
// have in common that look the same now, whatever led to them (likeness.ts). Variants of a point must
// do the same for ever: each thing that befalls the point befalls its variants as well, and has to
// come to the same.

import type { Instant } from "@caraway/channel";
import { lookAtQueues } from "./checks.ts";
import { Fingerprint } from "./fingerprint.ts";
import { isUnordered } from "./likeness.ts";
import type { Lines } from "./network.ts";
import { NotedLines } from "./noted-lines.ts";
import type { Process, Surroundings } from "./process.ts";
import { type Effect, effectsText, type Stimulus, stimulusKey } from "./stimulus.ts";
import { Violation } from "./violation.ts";

/** A state of a program. */
export interface Point<V> {
  readonly id: number;
  readonly view: V;
  readonly deadline: Instant | null;
  /** Labels of what it waits for. */
  readonly tasks: readonly string[];
  /** Addresses at which it listens. */
  readonly listens: readonly string[];
}

export interface Passage<V> {
  readonly to: Point<V>;
  readonly effects: readonly Effect[];
  /** Which of the tasks that were there are there still, by their places. */
  readonly kept: readonly number[];
  /** Where somebody has called: whether he is heard. */
  readonly isHeard: boolean;
  readonly violation: Violation | null;
}

interface Moment<P> {
  readonly now: Instant;
  readonly stimulus: Stimulus<P>;
}

interface KnownPoint<P, V> extends Point<V> {
  /** Those that are compared. */
  readonly variants: Variant<P, V>[];
  readonly moments: Moment<P>[];
  readonly passages: Map<string, Passage<V>>;
}

interface Variant<P, V> {
  readonly point: KnownPoint<P, V>;
  /** How it came about the first time; null at the beginning. */
  readonly origin: { readonly variant: Variant<P, V>; readonly moment: Moment<P> } | null;
  /** The program at work in this state, as often as there is one at hand. */
  readonly live: Live<P>[];
}

/** A program at work, with a network that only takes notes. */
interface Live<P> {
  readonly process: P;
  readonly lines: NotedLines;
  readonly clock: { now: Instant };
}

export interface Recipe<P, V> {
  readonly name: string;
  /** Number of the first of its connections, less one. */
  readonly idBase: number;
  readonly hasQuickLinks: boolean;
  readonly make: (surroundings: Surroundings, lines: Lines) => P;
  readonly copy: (view: V) => V;
}

/** Programs at work that are kept for their states. */
const liveMax = 3000;

export class Memory<P extends Process<V>, V> {
  /** The program as it is made; what it does then, it does once. */
  readonly first: Point<V>;
  readonly firstEffects: readonly Effect[];
  readonly #recipe: Recipe<P, V>;
  /** Null: each variant is a point of its own. Otherwise so many of each point are compared. */
  readonly #compared: number | null;
  readonly #points = new Map<number, KnownPoint<P, V>>();
  readonly #variants = new Map<number, Variant<P, V>>();
  /** Variants that have not done yet what others of their points did. */
  readonly #fresh: Variant<P, V>[] = [];
  /** Variants with programs at hand, those that were longest not asked for first. */
  readonly #kept = new Set<Variant<P, V>>();
  #liveCount = 0;
  /** Passages that were asked of the program itself. */
  asked = 0;
  /** Turns that it took to bring it where it was asked. */
  replayed = 0;

  constructor(recipe: Recipe<P, V>, now: Instant, compared: number | null = null) {
    this.#recipe = recipe;
    this.#compared = compared;
    const live = this.#make(now);
    this.firstEffects = live.lines.takeEffects();
    this.first = this.#arrive(live, null);
  }

  /** Different states so far. */
  get size(): number {
    return this.#points.size;
  }

  /** Variants that were compared. */
  get variants(): number {
    return this.#variants.size;
  }

  pass(from: Point<V>, now: Instant, stimulus: Stimulus<P>): Passage<V> {
    const point = from as KnownPoint<P, V>;
    const key = `${now} ${stimulusKey(stimulus)}`;
    const known = point.passages.get(key);
    if (known !== undefined) return known;
    const moment = { now, stimulus };
    const [first, ...others] = point.variants;
    const passage = this.#ask(first!, moment);
    point.passages.set(key, passage);
    if (this.#compared !== null) {
      point.moments.push(moment);
      for (const variant of others) this.#compare(variant, moment);
      this.#compareFresh();
    }
    return passage;
  }

  #compareFresh(): void {
    for (let variant = this.#fresh.pop(); variant !== undefined; variant = this.#fresh.pop()) {
      for (const moment of variant.point.moments) this.#compare(variant, moment);
    }
  }

  /** Whether it does what the others of its point did. */
  #compare(variant: Variant<P, V>, moment: Moment<P>): void {
    const { passages, view } = variant.point;
    const key = `${moment.now} ${stimulusKey(moment.stimulus)}`;
    const [one, other] = [passages.get(key)!, this.#ask(variant, moment)];
    const [wanted, got] = [one, other].map(({ to, effects, kept, isHeard, violation }) => {
      return `${to.id} ${kept} ${isHeard} ${violation?.message} ${effectsText(effects)}`;
    });
    if (wanted === got) return;
    const who = (view as { readonly name: string }).name;
    const detail = `states of ${who} that look the same differ when "${key}" befalls them`;
    throw new Violation("likeness", `${detail}: ${wanted} | ${got}`);
  }

  #ask(from: Variant<P, V>, moment: Moment<P>): Passage<V> {
    this.asked += 1;
    const live = this.#take(from);
    const before = [...live.process.tasks];
    let violation: Violation | null = null;
    try {
      befall(live, moment);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = error;
    }
    const left = new Set(live.process.tasks);
    const kept = before.flatMap((task, index) => (left.has(task) ? [index] : []));
    const effects = live.lines.takeEffects(left);
    const { stimulus } = moment;
    const isHeard = stimulus.kind === "call" && live.lines.end(stimulus.line, "server") !== null;
    const rest = { effects, kept, isHeard, violation };
    if (violation !== null) return { to: from.point, ...rest };
    return { to: this.#arrive(live, { variant: from, moment }), ...rest };
  }

  /** The point that a program at work is at. */
  #arrive(live: Live<P>, origin: Variant<P, V>["origin"]): KnownPoint<P, V> {
    const { process, lines, clock } = live;
    const snapshot = process.snapshot(clock.now);
    const view = this.#recipe.copy(process.view);
    const tasks = process.tasks.map(({ label }) => label);
    const deadline = process.deadline();
    const looks = [view, tasks, lines.snapshot(), clock.now, deadline];
    const isLike = this.#compared !== null;
    const likeness = isLike ? new Fingerprint(isUnordered).add([looks, snapshot]).value : null;
    const whole = (): number => new Fingerprint().add([looks, snapshot, lines.history()]).value;
    const all = isLike && this.#compared === 1 ? likeness! : whole();
    const key = likeness ?? all;
    let point = this.#points.get(key);
    if (point === undefined) {
      lookAtQueues(process.name, snapshot);
      const id = this.#points.size;
      const known = { variants: [], moments: [], passages: new Map<string, Passage<V>>() };
      point = { id, view, deadline, tasks, listens: lines.listens, ...known };
      this.#points.set(key, point);
    }
    let variant = this.#variants.get(all);
    if (variant === undefined && point.variants.length < (this.#compared ?? 1)) {
      variant = { point, origin, live: [] };
      this.#variants.set(all, variant);
      point.variants.push(variant);
      if (point.variants.length > 1) this.#fresh.push(variant);
    }
    this.#keep(variant ?? point.variants[0]!, live);
    return point;
  }

  // Programs at work: one is at hand wherever some turn has led to, and is used up by the next one.

  #keep(variant: Variant<P, V>, live: Live<P>): void {
    variant.live.push(live);
    this.#kept.delete(variant);
    this.#kept.add(variant);
    this.#liveCount += 1;
    if (this.#liveCount <= liveMax) return;
    for (const oldest of this.#kept) {
      this.#liveCount -= oldest.live.length;
      oldest.live.length = 0;
      this.#kept.delete(oldest);
      return;
    }
  }

  /** From one at hand, there or on the way there. */
  #take(variant: Variant<P, V>): Live<P> {
    const moments: Moment<P>[] = [];
    let from = variant;
    while (from.live.length === 0 && from.origin !== null) {
      moments.push(from.origin.moment);
      from = from.origin.variant;
    }
    const live = this.#pop(from) ?? this.#make(moments.at(-1)?.now ?? 0);
    if (moments.length === 0) return live;
    for (const moment of moments.reverse()) befall(live, moment);
    this.replayed += moments.length;
    live.lines.takeEffects();
    return live;
  }

  #pop(variant: Variant<P, V>): Live<P> | null {
    const live = variant.live.pop();
    if (live === undefined) return null;
    this.#liveCount -= 1;
    if (variant.live.length === 0) this.#kept.delete(variant);
    return live;
  }

  #make(now: Instant): Live<P> {
    const { name, idBase, hasQuickLinks, make } = this.#recipe;
    const lines = new NotedLines(name, idBase);
    const clock = { now };
    let order = 0;
    const surroundings: Surroundings = {
      get now() {
        return clock.now;
      },
      hasQuickLinks,
      note: () => {},
      nextOrder: () => order++,
      began: (task) => lines.began(task),
    };
    return { process: make(surroundings, lines), lines, clock };
  }
}

function befall<P extends Process<unknown>>(live: Live<P>, { now, stimulus }: Moment<P>): void {
  const { process, lines, clock } = live;
  clock.now = now;
  switch (stimulus.kind) {
    case "call":
      lines.call(stimulus.line, stimulus.caller, stimulus.host);
      break;
    case "connected": {
      const end = lines.end(stimulus.line, stimulus.side);
      if (end !== null) end.isConnected = true;
      end?.ear.connected();
      break;
    }
    case "received": {
      const end = lines.end(stimulus.line, stimulus.side);
      end?.heard.push(stimulus.bytes);
      end?.ear.received(stimulus.bytes);
      break;
    }
    case "closed": {
      const end = lines.end(stimulus.line, stimulus.side);
      lines.forget(stimulus.line, stimulus.side);
      end?.ear.closed(stimulus.failure);
      break;
    }
    case "task":
      process.finish(stimulus.index);
      break;
    case "timeout":
      process.timeout();
      break;
    case "kill":
      process.kill();
      break;
    case "act":
      stimulus.run(process);
      break;
  }
}
