// What the numbers of a vector stand for (vector-world.ts). Whatever does not fit into a number is
// kept here once, however many worlds have it.

import type { Instant } from "@caraway/channel";
import type { Check } from "./check.ts";
import type { Memory, Point } from "./memory.ts";
import { nameIn, wireLabel } from "./network.ts";
import { type Pipe, Pipes } from "./pipes.ts";
import type { Plan } from "./plans.ts";
import type { Process } from "./process.ts";
import {
  type ClientView,
  type HostView,
  type Scene,
  type SeatView,
  Wires,
  type WireView,
} from "./views.ts";
import { type Watch, Watches } from "./watches.ts";
import type { World } from "./world.ts";
import type { Left } from "./world-options.ts";

export type Vector = Int32Array<ArrayBuffer>;

export type AnyView = HostView | ClientView;
// biome-ignore lint/suspicious/noExplicitAny: each program is used with its own memory only.
export type AnyMemory = Memory<Process<any>, any>;

/** A program. */
export interface Role {
  readonly index: number;
  readonly name: string;
  readonly isHost: boolean;
  readonly memory: AnyMemory;
}

/** A connection. Each has a place of its own in all vectors. */
export interface LineEnds {
  readonly id: number;
  readonly place: number;
  readonly caller: string;
  readonly host: string;
  /** Programs at its ends; -1: nobody is found there. */
  readonly client: number;
  readonly server: number;
}

/** Time and faults. */
export interface Around {
  readonly id: number;
  readonly now: Instant;
  /** Number of this moment. */
  readonly moment: number;
  readonly left: Left;
  readonly struck: readonly string[];
  /** The connection that is slow, and until when. */
  readonly stalls: readonly (readonly [line: number, until: Instant])[];
}

/** Numbers of each connection: what is on its way to either end, and what was read off it. */
const [clientAt, serverAt, watchAt, lineSize] = [0, 1, 2, 3];
/** Connections that a vector has room for: over all orders, as few differ. */
const linesMax = 48;

export class VectorParts {
  readonly roles: readonly Role[];
  readonly roleOf: ReadonlyMap<string, number>;
  readonly plans: readonly Plan[];
  readonly checks: readonly Check[];
  readonly pipes = new Pipes();
  readonly watches = new Watches();
  /** All connections that were ever seen. */
  readonly lines: LineEnds[] = [];
  readonly first: Vector;
  readonly #wireChecks: readonly Check[];
  readonly #lineOf = new Map<number, LineEnds>();
  /** Of each program, by their numbers. */
  readonly #points: Point<AnyView>[][];
  readonly #arounds: Around[] = [];
  readonly #aroundIds = new Map<string, Around>();
  readonly #moments = new Map<Instant, number>();
  /** Places in the vector: programs, plans, the surroundings, and then the connections. */
  readonly #plansAt: number;
  readonly #aroundAt: number;
  readonly #linesAt: number;

  constructor(world: World) {
    const { ghosts } = world;
    this.roles = ghosts.map(({ name, memory, view }, index) => {
      return { index, name, isHost: "seats" in view, memory: memory as unknown as AnyMemory };
    });
    this.roleOf = new Map(this.roles.map(({ name, index }) => [name, index]));
    this.plans = world.plans;
    this.checks = world.checks;
    this.#wireChecks = world.checks.filter(({ key }) => key !== undefined);
    this.#points = ghosts.map(() => []);
    this.#plansAt = ghosts.length;
    this.#aroundAt = this.#plansAt + this.plans.length;
    this.#linesAt = this.#aroundAt + 1;
    this.first = new Int32Array(this.#linesAt + linesMax * lineSize);
    this.#read(world);
  }

  #read(world: World): void {
    const vector = this.first;
    for (const [index, { point }] of world.ghosts.entries()) {
      this.setPoint(vector, index, point as Point<AnyView>);
    }
    const { now, left, struck } = world;
    vector[this.#aroundAt] = this.#around({ now, left, struck, stalls: [] }).id;
    for (const connection of world.network.connections) {
      const { ends, purpose, isLinked, isRestored, id } = connection;
      const { place } = this.line(connection);
      const [client, server] = [ends.client, ends.server].map(({ ear, isPaused, inbound }) => {
        return ear === null ? this.pipes.shut : this.pipes.open(isPaused, inbound);
      });
      const facts = { purpose, isLinked, isRestored, tap: world.tapOf(id) };
      this.setWatch(vector, place, this.watches.of({ ...facts, checks: this.#wireChecks }));
      this.setEnds(vector, place, client!, server!);
    }
  }

  // Programs and plans.

  pointOf(vector: Vector, index: number): Point<AnyView> {
    return this.#points[index]![vector[index]!]!;
  }

  setPoint(vector: Vector, index: number, point: Point<AnyView>): void {
    this.#points[index]![point.id] ??= point;
    vector[index] = point.id;
  }

  /** How much of a plan is done. */
  done(vector: Vector, plan: number): number {
    return vector[this.#plansAt + plan]!;
  }

  setDone(vector: Vector, plan: number, done: number): void {
    vector[this.#plansAt + plan] = done;
  }

  hosts(vector: Vector): readonly HostView[] {
    return this.#views(vector, true) as readonly HostView[];
  }

  #views(vector: Vector, isHost: boolean): readonly AnyView[] {
    const roles = this.roles.filter((role) => role.isHost === isHost);
    return roles.map(({ index }) => this.pointOf(vector, index).view);
  }

  // Time and faults.

  aroundOf(vector: Vector): Around {
    return this.#arounds[vector[this.#aroundAt]!]!;
  }

  change(vector: Vector, changes: Partial<Around>): void {
    vector[this.#aroundAt] = this.#around({ ...this.aroundOf(vector), ...changes }).id;
  }

  #around({ now, left, struck, ...rest }: Omit<Around, "id" | "moment">): Around {
    // What is over is as good as what never was.
    const stalls = rest.stalls.filter(([, until]) => until > now);
    const key = JSON.stringify([now, left, struck, stalls]);
    const known = this.#aroundIds.get(key);
    if (known !== undefined) return known;
    const moment = this.#moments.get(now) ?? this.#moments.size;
    this.#moments.set(now, moment);
    const around = { id: this.#arounds.length, now, moment, left, struck, stalls };
    this.#arounds.push(around);
    this.#aroundIds.set(key, around);
    return around;
  }

  // Connections.

  /** A connection, which may be new. */
  line({ id, caller, host }: Pick<LineEnds, "id" | "caller" | "host">): LineEnds {
    const known = this.#lineOf.get(id);
    if (known !== undefined) return known;
    if (this.lines.length === linesMax) throw new RangeError(`more than ${linesMax} connections`);
    const place = this.#linesAt + this.lines.length * lineSize;
    const [client, server] = [caller, nameIn(host)].map((name) => this.roleOf.get(name) ?? -1);
    const line = { id, place, caller, host, client: client!, server: server! };
    this.#lineOf.set(id, line);
    this.lines.push(line);
    return line;
  }

  /** A connection that was seen before. */
  lineOf(id: number): LineEnds {
    const line = this.#lineOf.get(id);
    if (line === undefined) throw new RangeError(`there is no connection ${id}`);
    return line;
  }

  /** Whether anybody has it still. */
  isThere(vector: Vector, place: number): boolean {
    return vector[place + clientAt] !== 0 || vector[place + serverAt] !== 0;
  }

  client(vector: Vector, place: number): Pipe {
    return this.pipes.at(vector[place + clientAt]!);
  }

  server(vector: Vector, place: number): Pipe {
    return this.pipes.at(vector[place + serverAt]!);
  }

  /** A connection that is over is as good as one that never was. */
  setEnds(vector: Vector, place: number, client: Pipe, server: Pipe): void {
    vector[place + clientAt] = client.id;
    vector[place + serverAt] = server.id;
    if (!client.isOpen && !server.isOpen) vector[place + watchAt] = 0;
  }

  watch(vector: Vector, place: number): Watch {
    return this.watches.at(vector[place + watchAt]!);
  }

  setWatch(vector: Vector, place: number, watch: Watch): void {
    vector[place + watchAt] = watch.id;
  }

  newWatch(): Watch {
    return this.watches.first(this.#wireChecks);
  }

  wire(vector: Vector, { id, caller, host, place }: LineEnds): WireView {
    const { purpose, isLinked, isRestored } = this.watch(vector, place);
    const isWhole = this.client(vector, place).isOpen && this.server(vector, place).isOpen;
    const label = wireLabel({ id, caller, host, purpose });
    return { id, caller, host, purpose, label, isLinked, isRestored, isWhole };
  }

  /** A world as it is seen from outside. */
  scene(vector: Vector): Scene {
    const { now, struck } = this.aroundOf(vector);
    const hosts = this.hosts(vector);
    const seats: SeatView[] = [];
    for (const { isAlive, seats: own } of hosts) if (isAlive) seats.push(...own);
    const wires = (): readonly WireView[] => {
      const lines = this.lines.filter(({ place }) => this.isThere(vector, place));
      return lines.map((line) => this.wire(vector, line));
    };
    return {
      now,
      options: { slackMs: 0 },
      struck,
      hosts,
      seats,
      clients: this.#views(vector, false) as readonly ClientView[],
      network: new Wires(wires),
      snapshots: () => [],
    };
  }
}
