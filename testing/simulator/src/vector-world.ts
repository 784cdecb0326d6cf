// A world as a vector of numbers, for searches that go everywhere: a number for the state of each
// program (memory.ts), each direction of each connection (pipes.ts), what was read off it
// (watches.ts), and what people and faults have done (vector-parts.ts). The order in which things
// began to wait is not part of it. Here is what can happen next, but for faults (vector-faults.ts).

import type { Instant } from "@caraway/channel";
import type { Side } from "./network.ts";
import { strike } from "./vector-faults.ts";
import { type LineEnds, type Vector, VectorParts } from "./vector-parts.ts";
import { type Event, VectorTurns } from "./vector-turns.ts";
import type { HostView, Scene } from "./views.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";
import { noFaults } from "./world-options.ts";

export type { Vector } from "./vector-parts.ts";

/** Told of each step that can be taken, and where it leads to: in a vector that is used again. */
export type Visit = (to: Vector, name: () => string) => void;

/** The same; true: that is enough. */
type Tell = (to: Vector, name: () => string) => boolean;

/** What can be done to a program from outside. */
export interface Resolver {
  readonly moving: { cancel(): void; resolveHere(): void };
}

export class VectorWorld {
  readonly parts: VectorParts;
  readonly turns: VectorTurns;
  readonly stallMs: number;
  readonly horizonMs: number;
  readonly #endAt: Instant;
  readonly #timeout: Event;
  readonly #resolve: Event;
  readonly #to: Vector;

  constructor(world: World, horizonMs: number, exploredMs: number) {
    if (world.options.slackMs !== 0) throw new RangeError("here nothing waits but by a fault");
    this.parts = new VectorParts(world);
    this.turns = new VectorTurns(this.parts);
    this.horizonMs = horizonMs;
    this.stallMs = world.options.faults.stallMs ?? 1000;
    this.#endAt = world.now + exploredMs;
    this.#timeout = this.turns.event({ kind: "timeout" });
    const run = (process: unknown): void => (process as Resolver).moving.resolveHere();
    this.#resolve = this.turns.event({ kind: "act", label: "resolve", run });
    this.#to = this.first.slice();
  }

  get first(): Vector {
    return this.parts.first;
  }

  isOver(vector: Vector): boolean {
    return this.parts.aroundOf(vector).now >= this.#endAt;
  }

  scene(vector: Vector): Scene {
    return this.parts.scene(vector);
  }

  /**
   * All that can happen next.
   * @throws Violation where a step breaks a rule; the steps before it were told.
   */
  expand(vector: Vector, visit: Visit): void {
    const count = this.#expandPlainly(vector, this.horizonMs, visit, Number.POSITIVE_INFINITY);
    if (count > 0) strike(this, vector, this.#to, visit);
  }

  /** Leaves it alone until it has come to rest, and looks at it; up to what was `seen` before. */
  settle(vector: Vector, settleMs: number, movesEndMs: number, isSeen: IsSeen): void {
    let at = vector.slice();
    this.parts.change(at, { left: noFaults, stalls: [] });
    const begun = this.parts.aroundOf(at).now;
    let quietSince = begun;
    for (;;) {
      const { now } = this.parts.aroundOf(at);
      const isMoving = this.parts
        .hosts(at)
        .some(({ isAlive, moving }) => isAlive && moving.isWaiting);
      if (isMoving) quietSince = now;
      const end = begun + movesEndMs;
      const until = isMoving ? end : Math.min(end, quietSince + settleMs);
      if (isSeen(at, now - quietSince, end - now)) return;
      let next: Vector | null = null;
      if (now < until) {
        const take = (to: Vector): void => {
          next = to.slice();
        };
        this.#expandPlainly(at, until - now, take, 1);
      }
      if (next === null) break;
      at = next;
    }
    const scene = this.scene(at);
    for (const check of this.parts.checks) check.rested?.(scene);
  }

  /** But for faults; at most so many. How many there were. */
  #expandPlainly(vector: Vector, horizonMs: number, visit: Visit, most: number): number {
    let count = 0;
    const tell: Tell = (to, name) => {
      visit(to, name);
      count += 1;
      return count >= most;
    };
    if (this.#wakeAndFinish(vector, tell) || this.#deliverAll(vector, tell)) return count;
    const isFree = count === 0;
    if (this.#act(vector, tell) || this.#resolveDoubt(vector, tell) || !isFree) return count;
    const { now } = this.parts.aroundOf(vector);
    const next = this.nextMoment(vector);
    if (next - now > horizonMs) return count;
    const to = this.#begin(vector);
    this.parts.change(to, { now: next });
    tell(to, () => `${(next - now).toFixed(0)} ms pass`);
    return count;
  }

  /** When something happens next by itself, if nothing else does. */
  nextMoment(vector: Vector): Instant {
    const { now, stalls } = this.parts.aroundOf(vector);
    let next = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.parts.roles.length; index++) {
      const { deadline } = this.parts.pointOf(vector, index);
      if (deadline !== null && deadline > now) next = Math.min(next, deadline);
    }
    for (const [line, until] of stalls) {
      const isThere = this.parts.isThere(vector, this.parts.lineOf(line).place);
      if (until > now && isThere) next = Math.min(next, until);
    }
    return next;
  }

  /** Timers that are due, and tasks. */
  #wakeAndFinish(vector: Vector, tell: Tell): boolean {
    const { now } = this.parts.aroundOf(vector);
    for (let index = 0; index < this.parts.roles.length; index++) {
      const { deadline, tasks } = this.parts.pointOf(vector, index);
      const { name } = this.parts.roles[index]!;
      if (deadline !== null && deadline <= now) {
        const to = this.#befall(vector, index, this.#timeout);
        if (to.every((number, at) => number === vector[at])) {
          throw new Violation("deadline", `${name} wants to be woken at once for ever`);
        }
        if (tell(to, () => `${name} wakes`)) return true;
      }
      for (const [task, label] of tasks.entries()) {
        const event = this.turns.event({ kind: "task", index: task });
        if (tell(this.#befall(vector, index, event), () => label)) return true;
      }
    }
    return false;
  }

  #deliverAll(vector: Vector, tell: Tell): boolean {
    const { lines } = this.parts;
    // Connections that come to be on the way are not there yet.
    const count = lines.length;
    for (let number = 0; number < count; number++) {
      const line = lines[number]!;
      if (!this.parts.isThere(vector, line.place) || this.isStalled(vector, line.id)) continue;
      for (const side of ["client", "server"] as const) {
        const to = this.#deliver(vector, line, side);
        if (to === null) continue;
        const name = (): string => `${this.parts.wire(vector, line).label} arrives at ${side}`;
        if (tell(to, name)) return true;
      }
    }
    return false;
  }

  #deliver(vector: Vector, line: LineEnds, side: Side): Vector | null {
    const { parts } = this;
    const client = parts.client(vector, line.place);
    const server = parts.server(vector, line.place);
    const item = parts.pipes.head(side === "client" ? client : server);
    if (item === null) return null;
    const to = this.#begin(vector);
    if (side === "client") parts.setEnds(to, line.place, parts.pipes.shift(client), server);
    else parts.setEnds(to, line.place, client, parts.pipes.shift(server));
    const index = side === "client" ? line.client : line.server;
    this.turns.befall(vector, to, index, this.turns.delivery(line, side, item));
    return to;
  }

  isStalled(vector: Vector, line: number): boolean {
    const { now, stalls } = this.parts.aroundOf(vector);
    return stalls.length > 0 && stalls.some(([of, until]) => of === line && until > now);
  }

  #act(vector: Vector, tell: Tell): boolean {
    for (const [plan, { name, actions }] of this.parts.plans.entries()) {
      const done = this.parts.done(vector, plan);
      const action = actions[done];
      if (action === undefined) continue;
      const index = this.parts.roleOf.get(action.name)!;
      const isReady = action.ready as ((view: unknown) => boolean) | undefined;
      if (isReady?.(this.parts.pointOf(vector, index).view) === false) continue;
      const to = this.#begin(vector);
      this.parts.setDone(to, plan, done + 1);
      const run = action.run as (process: unknown) => void;
      const event = this.turns.event({ kind: "act", label: action.label, run });
      this.turns.befall(vector, to, index, event);
      if (tell(to, () => `${name}: ${action.label}`)) return true;
    }
    return false;
  }

  /** Where one of the hosts is dead for sure, an operator says so to the other. */
  #resolveDoubt(vector: Vector, tell: Tell): boolean {
    let host: HostView | null = null;
    for (const { index, isHost } of this.parts.roles) {
      const { view } = this.parts.pointOf(vector, index);
      if (!isHost || !view.isAlive) continue;
      if (host !== null) return false;
      host = view as HostView;
    }
    if (!host?.moving.isInDoubt) return false;
    const { name } = host;
    const to = this.#befall(vector, this.parts.roleOf.get(name)!, this.#resolve);
    return tell(to, () => `operator: the guest is at ${name}`);
  }

  #befall(vector: Vector, index: number, event: Event): Vector {
    const to = this.#begin(vector);
    this.turns.befall(vector, to, index, event);
    return to;
  }

  /** The vector to change. */
  #begin(vector: Vector): Vector {
    this.#to.set(vector);
    return this.#to;
  }
}

/** Whether it was left alone so before. */
export type IsSeen = (vector: Vector, quietMs: number, leftMs: number) => boolean;
