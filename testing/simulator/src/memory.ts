// What a program has done once in a state, and does again whenever it is in that state: the program
// itself is asked once for each of its states and each thing that can befall it there. A world whose
// programs are played from memory is a few numbers, and can be copied at any moment.

import type { Instant, TransportFailure } from "@caraway/channel";
import { lookAtQueues } from "./checks.ts";
import { Digest, hashText, markOf, plainText } from "./fingerprint.ts";
import type { Accept, Ear, Line, Lines, Side } from "./network.ts";
import type { Process, Surroundings, Task } from "./process.ts";
import { Violation } from "./violation.ts";

/** What befalls a program. */
export type Stimulus<P> =
  | { readonly kind: "call"; readonly line: number; readonly caller: string; readonly host: string }
  | { readonly kind: "connected"; readonly line: number; readonly side: Side }
  | {
      readonly kind: "received";
      readonly line: number;
      readonly side: Side;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "closed";
      readonly line: number;
      readonly side: Side;
      readonly failure: TransportFailure | null;
    }
  | { readonly kind: "task"; readonly index: number }
  | { readonly kind: "timeout" }
  | { readonly kind: "kill" }
  | { readonly kind: "act"; readonly label: string; readonly run: (process: P) => void };

/** What comes of it on the network, in order. */
export type Effect =
  | { readonly kind: "connect"; readonly line: number; readonly host: string }
  | {
      readonly kind: "send";
      readonly line: number;
      readonly side: Side;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "pause";
      readonly line: number;
      readonly side: Side;
      readonly isPaused: boolean;
    }
  | { readonly kind: "leave"; readonly line: number; readonly side: Side }
  | {
      readonly kind: "reset";
      readonly line: number;
      readonly side: Side;
      readonly detail: string;
    }
  | { readonly kind: "listen"; readonly host: string }
  | { readonly kind: "deafen"; readonly host: string }
  /** A task begins; it may be over by the end of the turn. */
  | { readonly kind: "task"; readonly label: string; readonly isLeft: boolean };

/** A state of a program; the same one whenever its snapshot, what is seen of it, and the time are. */
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

/** How a state came about the first time. */
interface Origin<P, V> {
  readonly point: KnownPoint<P, V>;
  readonly moment: Moment<P>;
}

interface KnownPoint<P, V> extends Point<V> {
  readonly origin: Origin<P, V> | null;
  readonly passages: Map<string, Passage<V>>;
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
const liveMax = 2000;

export class Memory<P extends Process<V>, V> {
  /** The program as it is made; what it does then, it does once. */
  readonly first: Point<V>;
  readonly firstEffects: readonly Effect[];
  readonly #recipe: Recipe<P, V>;
  readonly #points = new Map<number, KnownPoint<P, V>>();
  readonly #live = new Map<KnownPoint<P, V>, Live<P>>();
  /** Passages that were asked of the program itself. */
  asked = 0;
  /** Turns that it took to bring it where it was asked. */
  replayed = 0;

  constructor(recipe: Recipe<P, V>, now: Instant) {
    this.#recipe = recipe;
    const live = this.#make(now);
    const { lines } = live;
    this.firstEffects = lines.takeEffects();
    this.first = this.#pointOf(live, null);
  }

  /** Different states so far. */
  get size(): number {
    return this.#points.size;
  }

  pass(from: Point<V>, now: Instant, stimulus: Stimulus<P>): Passage<V> {
    const point = from as KnownPoint<P, V>;
    const key = `${now} ${stimulusKey(stimulus)}`;
    const known = point.passages.get(key);
    if (known !== undefined) return known;
    const passage = this.#ask(point, { now, stimulus });
    point.passages.set(key, passage);
    return passage;
  }

  #ask(from: KnownPoint<P, V>, moment: Moment<P>): Passage<V> {
    this.asked += 1;
    const live = this.#liveAt(from);
    this.#live.delete(from);
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
    if (violation !== null) return { to: from, ...rest };
    return { to: this.#pointOf(live, { point: from, moment }), ...rest };
  }

  #pointOf(live: Live<P>, origin: Origin<P, V> | null): KnownPoint<P, V> {
    const { process, lines, clock } = live;
    const snapshot = process.snapshot(clock.now);
    const view = this.#recipe.copy(process.view);
    const tasks = process.tasks.map(({ label }) => label);
    const deadline = process.deadline();
    const key = hashText(plainText([snapshot, view, tasks, lines.snapshot(), clock.now, deadline]));
    const known = this.#points.get(key);
    if (known !== undefined) return known;
    lookAtQueues(process.name, snapshot);
    const id = this.#points.size;
    const passages = new Map<string, Passage<V>>();
    const point = { id, view, deadline, tasks, listens: lines.listens, origin, passages };
    this.#points.set(key, point);
    this.#keep(point, live);
    return point;
  }

  #keep(point: KnownPoint<P, V>, live: Live<P>): void {
    this.#live.set(point, live);
    if (this.#live.size <= liveMax) return;
    for (const oldest of this.#live.keys()) {
      this.#live.delete(oldest);
      return;
    }
  }

  #liveAt(point: KnownPoint<P, V>): Live<P> {
    const kept = this.#live.get(point);
    if (kept !== undefined) return kept;
    const moments: Moment<P>[] = [];
    for (let at = point.origin; at !== null; at = at.point.origin) moments.push(at.moment);
    moments.reverse();
    const live = this.#make(moments[0]?.now ?? 0);
    for (const moment of moments) befall(live, moment);
    this.replayed += moments.length;
    live.lines.takeEffects();
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

function stimulusKey(stimulus: Stimulus<never>): string {
  switch (stimulus.kind) {
    case "call":
      return `call ${stimulus.line} ${stimulus.host}`;
    case "connected":
      return `connected ${stimulus.line} ${stimulus.side}`;
    case "received":
      return `received ${stimulus.line} ${stimulus.side} ${markOf(stimulus.bytes)}`;
    case "closed":
      return `closed ${stimulus.line} ${stimulus.side} ${stimulus.failure?.detail ?? ""}`;
    case "task":
      return `task ${stimulus.index}`;
    case "act":
      return `act ${stimulus.label}`;
    default:
      return stimulus.kind;
  }
}

/** What a program has said and heard at its end of a connection. */
interface NotedEnd {
  readonly ear: Ear;
  isConnected: boolean;
  readonly heard: Digest;
  readonly said: Digest;
}

function newEnd(ear: Ear): NotedEnd {
  return { ear, isConnected: false, heard: new Digest(), said: new Digest() };
}

/** The network of a program that is being remembered. */
class NotedLines implements Lines {
  readonly #name: string;
  readonly #idBase: number;
  readonly #ends = new Map<string, NotedEnd>();
  readonly #accepts = new Map<string, Accept>();
  #effects: (Effect | Task)[] = [];
  #calls = 0;

  constructor(name: string, idBase: number) {
    this.#name = name;
    this.#idBase = idBase;
  }

  takeEffects(left: ReadonlySet<Task> = new Set()): readonly Effect[] {
    const effects = this.#effects.map((effect): Effect => {
      if (!("finish" in effect)) return effect;
      return { kind: "task", label: effect.label, isLeft: left.has(effect) };
    });
    this.#effects = [];
    return effects;
  }

  get listens(): readonly string[] {
    return [...this.#accepts.keys()];
  }

  snapshot(): unknown {
    const ends = [...this.#ends].map(([name, { isConnected, heard, said }]) => {
      return [name, isConnected, heard.value, said.value];
    });
    return [this.#calls, ends.sort(), this.listens];
  }

  began(task: Task): void {
    this.#effects.push(task);
  }

  /** Somebody has called here. */
  call(id: number, caller: string, host: string): void {
    const line = new NotedLine(this, id, caller, host);
    const ear = this.#accepts.get(host)?.(line) ?? null;
    if (ear !== null) this.#ends.set(`${id} server`, newEnd(ear));
  }

  end(line: number, side: Side): NotedEnd | null {
    return this.#ends.get(`${line} ${side}`) ?? null;
  }

  forget(line: number, side: Side): void {
    this.#ends.delete(`${line} ${side}`);
  }

  connect(caller: string, host: string, ear: Ear): Line {
    const id = this.#idBase + ++this.#calls;
    this.#ends.set(`${id} client`, newEnd(ear));
    this.#effects.push({ kind: "connect", line: id, host });
    return new NotedLine(this, id, caller, host);
  }

  listen(host: string, accept: Accept): void {
    this.#accepts.set(host, accept);
    this.#effects.push({ kind: "listen", host });
  }

  deafen(host: string): void {
    this.#accepts.delete(host);
    this.#effects.push({ kind: "deafen", host });
  }

  note(effect: Exclude<Effect, { kind: "task" }> & { line: number; side: Side }): void {
    const end = this.end(effect.line, effect.side);
    if (effect.kind === "send" && end === null) {
      throw new Violation("fault", `${this.#name}: sent behind the end of #${effect.line}`);
    }
    if (end === null) return;
    if (effect.kind === "send") end.said.push(effect.bytes);
    if (effect.kind === "leave" || effect.kind === "reset") this.forget(effect.line, effect.side);
    this.#effects.push(effect);
  }
}

class NotedLine implements Line {
  readonly id: number;
  readonly caller: string;
  readonly host: string;
  readonly #lines: NotedLines;

  constructor(lines: NotedLines, id: number, caller: string, host: string) {
    this.#lines = lines;
    this.id = id;
    this.caller = caller;
    this.host = host;
  }

  send(side: Side, bytes: Uint8Array): void {
    this.#lines.note({ kind: "send", line: this.id, side, bytes });
  }

  setPaused(side: Side, isPaused: boolean): void {
    this.#lines.note({ kind: "pause", line: this.id, side, isPaused });
  }

  leave(side: Side): void {
    this.#lines.note({ kind: "leave", line: this.id, side });
  }

  reset(side: Side, detail: string): void {
    this.#lines.note({ kind: "reset", line: this.id, side, detail });
  }
}
