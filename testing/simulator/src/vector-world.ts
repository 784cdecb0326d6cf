// A world as a vector of numbers, for searches that go everywhere: a number for the state of each
// program (memory.ts), each direction of each connection (pipes.ts), what was read off it
// (watches.ts), and what people and faults have done. Whatever does not fit into a vector is kept
// once, however many worlds have it. The order in which things began to wait is not part of it.

import type { Instant } from "@caraway/channel";
import { hashNumbers } from "./fingerprint.ts";
import type { Effect, Memory, Passage, Point, Stimulus } from "./memory.ts";
import { type Side, wireLabel } from "./network.ts";
import { type Pipe, Pipes } from "./pipes.ts";
import type { Action, Plan } from "./plans.ts";
import type { Process } from "./process.ts";
import {
  type ClientView,
  guestsText,
  type HostView,
  type Scene,
  type SeatView,
  Wires,
  type WireView,
} from "./views.ts";
import { Violation } from "./violation.ts";
import { type Watch, Watches } from "./watches.ts";
import { type Check, nameIn, type World } from "./world.ts";
import { type Left, noFaults } from "./world-options.ts";

export type Vector = Int32Array<ArrayBuffer>;

type AnyView = HostView | ClientView;
// biome-ignore lint/suspicious/noExplicitAny: each program is used with its own memory only.
type AnyMemory = Memory<Process<any>, any>;

interface Role {
  readonly name: string;
  readonly isHost: boolean;
  readonly memory: AnyMemory;
}

interface Ends {
  readonly id: number;
  readonly caller: string;
  readonly host: string;
}

/** Time and faults. */
interface Around {
  readonly id: number;
  readonly now: Instant;
  readonly left: Left;
  readonly struck: readonly string[];
  /** The connection that is slow, and until when. */
  readonly stalls: readonly (readonly [number, Instant])[];
}

/** Told of each step that can be taken, and where it leads to. */
export type Visit = (to: Vector, name: string) => void;

const other = { client: "server", server: "client" } as const;
/** Which connection it is, what is on its way to either end, and what was read off it. */
const [lineAt, clientAt, serverAt, watchAt, slotSize] = [0, 1, 2, 3, 4];
/** Connections that a vector has room for. */
const slotsMax = 24;

export class VectorWorld {
  readonly first: Vector;
  readonly endAt: Instant;
  readonly #horizonMs: number;
  readonly #stallMs: number;
  readonly #roles: readonly Role[];
  readonly #roleOf: ReadonlyMap<string, number>;
  readonly #plans: readonly Plan[];
  readonly #checks: readonly Check[];
  readonly #pipes = new Pipes();
  readonly #watches = new Watches();
  readonly #lines = new Map<number, Ends>();
  /** Of each program, by their numbers. */
  readonly #points: Point<AnyView>[][];
  /** Where guests are in the eyes of each host, and whether they run. */
  readonly #guests: string[][];
  readonly #arounds: Around[] = [];
  readonly #aroundIds = new Map<string, Around>();
  /** Places in the vector: programs, plans, the surroundings, and then the connections. */
  readonly #plansAt: number;
  readonly #aroundAt: number;
  readonly #slotsAt: number;
  readonly #isNaming: boolean;

  /** `isNaming`: steps are told by name, which takes its time. */
  constructor(world: World, horizonMs: number, exploredMs: number, isNaming = false) {
    if (world.options.slackMs !== 0) throw new RangeError("here nothing waits but by a fault");
    this.#isNaming = isNaming;
    this.#horizonMs = horizonMs;
    this.endAt = world.now + exploredMs;
    this.#stallMs = world.options.faults.stallMs ?? 1000;
    this.#checks = world.checks;
    const { ghosts, plans } = world;
    this.#roles = ghosts.map(({ name, memory, view }) => {
      return { name, isHost: "seats" in view, memory: memory as unknown as AnyMemory };
    });
    this.#roleOf = new Map(ghosts.map(({ name }, index) => [name, index]));
    this.#plans = plans;
    this.#points = ghosts.map(() => []);
    this.#guests = ghosts.map(() => []);
    this.#plansAt = ghosts.length;
    this.#aroundAt = this.#plansAt + plans.length;
    this.#slotsAt = this.#aroundAt + 1;
    this.first = this.#vectorOf(world);
  }

  #vectorOf(world: World): Vector {
    const { connections } = world.network;
    const vector: Vector = new Int32Array(this.#slotsAt + slotsMax * slotSize);
    for (const [index, { point }] of world.ghosts.entries()) {
      vector[index] = this.#known(index, point as Point<AnyView>);
    }
    const { now, left, struck } = world;
    vector[this.#aroundAt] = this.#around({ now, left, struck, stalls: [] }).id;
    for (const connection of connections) {
      const at = this.#slotsAt + this.#newSlot(vector, connection) * slotSize;
      const { ends, purpose, isLinked, isRestored, id } = connection;
      for (const [index, { ear, isPaused, inbound }] of [ends.client, ends.server].entries()) {
        vector[at + clientAt + index] = ear === null ? 0 : this.#pipes.open(isPaused, inbound).id;
      }
      const checks = this.#wireChecks;
      const facts = { purpose, isLinked, isRestored, tap: world.tapOf(id), checks };
      vector[at + watchAt] = this.#watches.of(facts).id;
    }
    return vector;
  }

  get #wireChecks(): readonly Check[] {
    return this.#checks.filter(({ key }) => key !== undefined);
  }

  /** A short name: two worlds with the same one are taken for the same. */
  static key(vector: Vector): number {
    return hashNumbers(new Uint32Array(vector.buffer));
  }

  isOver(vector: Vector): boolean {
    return this.#arounds[vector[this.#aroundAt]!]!.now >= this.endAt;
  }

  struck(vector: Vector): readonly string[] {
    return this.#aroundOf(vector).struck;
  }

  /**
   * All that can happen next.
   * @throws Violation where a step breaks a rule; the steps before it were told.
   */
  expand(vector: Vector, visit: Visit): void {
    const count = this.#expandPlainly(vector, this.#horizonMs, visit, Number.POSITIVE_INFINITY);
    if (count > 0) this.#strike(vector, visit);
  }

  /** Leaves it alone until it has come to rest, and looks at it; up to what was `seen` before. */
  settle(vector: Vector, settleMs: number, movesEndMs: number, seen: Set<number>): void {
    let at = this.#with(vector, this.#aroundOf(vector), { left: noFaults, stalls: [] });
    const begun = this.#aroundOf(at).now;
    let quietSince = begun;
    for (;;) {
      const { now } = this.#aroundOf(at);
      const isMoving = this.#hosts(at).some(({ isAlive, moving }) => isAlive && moving.isWaiting);
      if (isMoving) quietSince = now;
      const end = begun + movesEndMs;
      const until = isMoving ? end : Math.min(end, quietSince + settleMs);
      const key = VectorWorld.key(at) + (now - quietSince) * 1e-3 + (end - now);
      if (seen.has(key)) return;
      seen.add(key);
      let next: Vector | null = null;
      if (now < until) {
        this.#expandPlainly(at, until - now, (to) => (next ??= to), 1);
      }
      if (next === null) break;
      at = next;
    }
    const scene = this.scene(at);
    for (const check of this.#checks) check.rested?.(scene);
  }

  scene(vector: Vector): Scene {
    const { now, struck } = this.#aroundOf(vector);
    const hosts = this.#hosts(vector);
    const seats: SeatView[] = [];
    for (const { isAlive, seats: own } of hosts) if (isAlive) seats.push(...own);
    return {
      now,
      options: { slackMs: 0 },
      struck,
      hosts,
      seats,
      clients: this.#views(vector, false) as readonly ClientView[],
      network: new Wires(() => this.#wires(vector)),
      snapshots: () => [],
    };
  }

  // What can happen.

  /** But for faults; at most so many. How many there were. */
  #expandPlainly(vector: Vector, horizonMs: number, visit: Visit, most: number): number {
    const { now, stalls } = this.#aroundOf(vector);
    let count = 0;
    const tell = (to: Vector, name: () => string): boolean => {
      visit(to, this.#isNaming ? name() : "");
      return ++count >= most;
    };
    let next = Number.POSITIVE_INFINITY;
    for (const [index, { name }] of this.#roles.entries()) {
      const point = this.#pointOf(vector, index);
      const { deadline, tasks } = point;
      if (deadline !== null && deadline > now) next = Math.min(next, deadline);
      if (deadline !== null && deadline <= now) {
        const to = this.#pass(vector, vector.slice(), index, { kind: "timeout" });
        if (to.every((number, at) => number === vector[at])) {
          throw new Violation("deadline", `${name} wants to be woken at once for ever`);
        }
        if (tell(to, () => `${name} wakes`)) return count;
      }
      for (const [task, label] of tasks.entries()) {
        const to = this.#pass(vector, vector.slice(), index, { kind: "task", index: task });
        if (tell(to, () => label)) return count;
      }
    }
    for (let slot = 0; slot < slotsMax; slot++) {
      const line = this.#lineIn(vector, slot);
      if (line === 0) continue;
      const until = stalls.length === 0 ? 0 : this.#stalledUntil(stalls, line);
      if (until > now) {
        next = Math.min(next, until);
        continue;
      }
      for (const side of ["client", "server"] as const) {
        const to = this.#deliver(vector, slot, side);
        if (to === null) continue;
        if (tell(to, () => `${this.#label(vector, slot)} arrives at ${side}`)) return count;
      }
    }
    const isFree = count === 0;
    for (const [plan, { name, actions }] of this.#plans.entries()) {
      const action = actions[vector[this.#plansAt + plan]!];
      const to = action === undefined ? null : this.#act(vector, plan, action);
      if (to !== null && tell(to, () => `${name}: ${action!.label}`)) return count;
    }
    for (const { index, name, view } of this.#hostRoles(vector)) {
      if (!view.moving.isInDoubt) continue;
      const isAlone = this.#hosts(vector).every((host) => host === view || !host.isAlive);
      if (!view.isAlive || !isAlone) continue;
      const to = this.#pass(vector, vector.slice(), index, {
        kind: "act",
        label: "resolve",
        run: (process) => (process as unknown as Resolver).moving.resolveHere(),
      });
      if (tell(to, () => `operator: the guest is at ${name}`)) return count;
    }
    if (isFree && next - now <= horizonMs) {
      const name = () => `${(next - now).toFixed(0)} ms pass`;
      tell(this.#with(vector, this.#aroundOf(vector), { now: next }), name);
    }
    return count;
  }

  #strike(vector: Vector, visit: Visit): void {
    const around = this.#aroundOf(vector);
    const { now, left, struck, stalls } = around;
    const { resets, stalls: stallsLeft, kills, cancels, delays } = left;
    if (resets + stallsLeft + kills.length + cancels + delays === 0) return;
    const strike = (name: string, changes: Partial<Around>): Vector => {
      return this.#with(vector, around, { ...changes, struck: [...struck, name] });
    };
    for (let slot = 0; slot < slotsMax; slot++) {
      const id = this.#lineIn(vector, slot);
      if (id === 0) continue;
      const [client, server] = this.#ends(vector, slot);
      const label = this.#label(vector, slot);
      if (stallsLeft > 0 && (client.isOpen || server.isOpen) && stalls.every(([of]) => of !== id)) {
        const changes = {
          left: { ...left, stalls: stallsLeft - 1 },
          stalls: [...stalls, [id, now + this.#stallMs] as const],
        };
        visit(strike(`stall ${label}`, changes), `stall ${label}`);
      }
      if (resets > 0 && client.isOpen && server.isOpen) {
        const to = strike(`reset ${label}`, { left: { ...left, resets: resets - 1 } });
        this.#setEnds(to, slot, this.#pipes.reset(client, broke), this.#pipes.reset(server, broke));
        visit(to, `reset ${label}`);
      }
    }
    if (delays > 0) this.#delay(vector, strike, visit);
    for (const { index, name, view } of cancels > 0 ? this.#hostRoles(vector) : []) {
      if (!view.isAlive || !(view.moving.isMoving || view.moving.isExpecting)) continue;
      const from = strike(`cancel at ${name}`, { left: { ...left, cancels: cancels - 1 } });
      const run = (process: unknown): void => (process as Resolver).moving.cancel();
      visit(
        this.#pass(vector, from, index, { kind: "act", label: "cancel", run }),
        `cancel at ${name}`,
      );
    }
    for (const name of kills) {
      const index = this.#roleOf.get(name);
      if (index === undefined || !this.#pointOf(vector, index).view.isAlive) continue;
      const others = kills.filter((one) => one !== name);
      const from = strike(`kill ${name}`, { left: { ...left, kills: others } });
      visit(this.#pass(vector, from, index, { kind: "kill" }), `kill ${name}`);
    }
  }

  #delay(
    vector: Vector,
    strike: (name: string, changes: Partial<Around>) => Vector,
    visit: Visit,
  ): void {
    const { now, left, stalls } = this.#aroundOf(vector);
    let next = Number.POSITIVE_INFINITY;
    let isBusy = false;
    for (let index = 0; index < this.#roles.length; index++) {
      const { deadline, tasks } = this.#pointOf(vector, index);
      if (deadline !== null && deadline > now) next = Math.min(next, deadline);
      isBusy ||= tasks.length > 0 || (deadline !== null && deadline <= now);
    }
    for (const [, until] of stalls) if (until > now) next = Math.min(next, until);
    for (let slot = 0; slot < slotsMax && !isBusy; slot++) {
      const isStalled = this.#stalledUntil(stalls, this.#lineIn(vector, slot)) > now;
      isBusy =
        !isStalled && this.#ends(vector, slot).some((pipe) => this.#pipes.head(pipe) !== null);
    }
    if (!isBusy || next - now > this.#horizonMs) return;
    const name = `late: ${(next - now).toFixed(0)} ms pass`;
    visit(strike(name, { now: next, left: { ...left, delays: left.delays - 1 } }), name);
  }

  #deliver(vector: Vector, slot: number, side: Side): Vector | null {
    const ends = this.#ends(vector, slot);
    const pipe = ends[side === "client" ? 0 : 1];
    const item = this.#pipes.head(pipe);
    if (item === null) return null;
    const { id, caller, host } = this.#lines.get(this.#lineIn(vector, slot))!;
    const to = vector.slice();
    const rest = this.#pipes.shift(pipe);
    this.#setEnds(to, slot, side === "client" ? rest : ends[0], side === "client" ? ends[1] : rest);
    const index = this.#roleOf.get(side === "client" ? caller : nameIn(host))!;
    const line = { line: id, side };
    switch (item.kind) {
      case "connected":
        return this.#pass(vector, to, index, { kind: "connected", ...line });
      case "bytes":
        return this.#pass(vector, to, index, { kind: "received", ...line, bytes: item.bytes });
      case "closed":
        return this.#pass(vector, to, index, { kind: "closed", ...line, failure: item.failure });
    }
  }

  #act(vector: Vector, plan: number, action: Action): Vector | null {
    const index = this.#roleOf.get(action.name)!;
    const { view } = this.#pointOf(vector, index);
    const isReady = action.ready as ((view: AnyView) => boolean) | undefined;
    if (isReady?.(view) === false) return null;
    const to = vector.slice();
    to[this.#plansAt + plan]! += 1;
    const run = action.run as (process: unknown) => void;
    return this.#pass(vector, to, index, { kind: "act", label: action.label, run });
  }

  // What comes of it.

  /** Something befalls a program; `to` is `before` but for what led to it, and becomes the rest. */
  #pass(before: Vector, to: Vector, index: number, stimulus: Stimulus<Process<AnyView>>): Vector {
    const point = this.#pointOf(to, index);
    const { now } = this.#aroundOf(to);
    const passage: Passage<AnyView> = this.#roles[index]!.memory.pass(point, now, stimulus);
    if (passage.violation !== null) throw passage.violation;
    to[index] = this.#known(index, passage.to);
    for (const effect of passage.effects) this.#perform(to, index, effect);
    const isSeen = this.#roles[index]!.isHost && point !== passage.to;
    if (isSeen && this.#guestsIn(index, point) !== this.#guestsIn(index, passage.to)) {
      this.#look(before, to);
    }
    return to;
  }

  #perform(vector: Vector, index: number, effect: Effect): void {
    switch (effect.kind) {
      case "connect":
        this.#connect(vector, index, effect.line, effect.host);
        break;
      case "send":
        this.#send(vector, effect.line, effect.side, effect.bytes);
        break;
      case "pause":
      case "leave":
      case "reset":
        this.#change(vector, effect);
        break;
      default:
        break;
    }
  }

  #connect(to: Vector, index: number, id: number, host: string): void {
    const { name: caller } = this.#roles[index]!;
    const slot = this.#newSlot(to, { id, caller, host });
    const there = this.#roleOf.get(nameIn(host));
    const isThere = there !== undefined && this.#pointOf(to, there).listens.includes(host);
    let isHeard = false;
    if (isThere) {
      const { now } = this.#aroundOf(to);
      const call = { kind: "call", line: id, caller, host } as const;
      const passage = this.#roles[there]!.memory.pass(this.#pointOf(to, there), now, call);
      to[there] = this.#known(there, passage.to as Point<AnyView>);
      ({ isHeard } = passage);
    }
    const connected = { kind: "connected" } as const;
    const failure = { kind: "refused", detail: `${host} refused the connection` } as const;
    const closed = { kind: "closed", failure } as const;
    const client = this.#pipes.open(false, [isHeard ? connected : closed]);
    const server = isHeard ? this.#pipes.open(false, [connected]) : this.#pipes.shut;
    this.#setEnds(to, slot, client, server);
    to[this.#slotsAt + slot * slotSize + watchAt] = this.#watches.first(this.#wireChecks).id;
  }

  #send(vector: Vector, id: number, side: Side, bytes: Uint8Array): void {
    const slot = this.#slotOf(vector, id);
    const at = this.#slotsAt + slot * slotSize;
    if (!this.#lines.get(id)!.host.endsWith(":peer")) {
      const wire = (): WireView => this.#wire(vector, slot);
      vector[at + watchAt] = this.#watches.said(
        this.#watchOf(vector, slot),
        id,
        wire,
        side,
        bytes,
      ).id;
    }
    if (bytes.length === 0) return;
    const to = at + (other[side] === "client" ? clientAt : serverAt);
    vector[to] = this.#pipes.push(this.#pipes.at(vector[to]!), { kind: "bytes", bytes }).id;
  }

  #change(vector: Vector, effect: Extract<Effect, { kind: "pause" | "leave" | "reset" }>): void {
    const slot = this.#slotOf(vector, effect.line);
    const ends = this.#ends(vector, slot);
    const [own, far] = effect.side === "client" ? ends : [ends[1], ends[0]];
    const pipes = this.#pipes;
    const set = (mine: Pipe, its: Pipe): void => {
      if (effect.side === "client") this.#setEnds(vector, slot, mine, its);
      else this.#setEnds(vector, slot, its, mine);
    };
    if (effect.kind === "pause") set(pipes.pause(own, effect.isPaused), far);
    else if (!own.isOpen) return;
    else if (effect.kind === "leave")
      set(pipes.shut, pipes.push(far, { kind: "closed", failure: null }));
    else set(pipes.shut, pipes.reset(far, effect.detail));
  }

  /** Lets the checks look at a step in which something became of a guest. */
  #look(before: Vector, after: Vector): void {
    const [was, is] = [this.scene(before), this.scene(after)];
    for (const check of this.#checks) (check.behind?.(was) ?? check).stepped?.(is);
  }

  #guestsIn(index: number, { id, view }: Point<AnyView>): string {
    const known = this.#guests[index]!;
    known[id] ??= guestsText(view as HostView);
    return known[id];
  }

  // The parts of a vector.

  #known(index: number, point: Point<AnyView>): number {
    this.#points[index]![point.id] ??= point;
    return point.id;
  }

  #pointOf(vector: Vector, index: number): Point<AnyView> {
    return this.#points[index]![vector[index]!]!;
  }

  #aroundOf(vector: Vector): Around {
    return this.#arounds[vector[this.#aroundAt]!]!;
  }

  #around({ now, left, struck, stalls }: Omit<Around, "id">): Around {
    const key = JSON.stringify([now, left, struck, stalls]);
    const known = this.#aroundIds.get(key);
    if (known !== undefined) return known;
    const around = { id: this.#arounds.length, now, left, struck, stalls };
    this.#arounds.push(around);
    this.#aroundIds.set(key, around);
    return around;
  }

  #with(vector: Vector, around: Around, changes: Partial<Around>): Vector {
    const to = vector.slice();
    to[this.#aroundAt] = this.#around({ ...around, ...changes }).id;
    return to;
  }

  #lineIn(vector: Vector, slot: number): number {
    return vector[this.#slotsAt + slot * slotSize + lineAt]!;
  }

  #slotOf(vector: Vector, line: number): number {
    for (let slot = 0; slot < slotsMax; slot++) {
      if (this.#lineIn(vector, slot) === line) return slot;
    }
    throw new RangeError(`there is no connection ${line}, or there are more than ${slotsMax}`);
  }

  #newSlot(vector: Vector, { id, caller, host }: Ends): number {
    const slot = this.#slotOf(vector, 0);
    if (!this.#lines.has(id)) this.#lines.set(id, { id, caller, host });
    vector[this.#slotsAt + slot * slotSize + lineAt] = id;
    return slot;
  }

  #ends(vector: Vector, slot: number): readonly [Pipe, Pipe] {
    const at = this.#slotsAt + slot * slotSize;
    return [this.#pipes.at(vector[at + clientAt]!), this.#pipes.at(vector[at + serverAt]!)];
  }

  /** A connection that is over is as good as one that never was. */
  #setEnds(vector: Vector, slot: number, client: Pipe, server: Pipe): void {
    const at = this.#slotsAt + slot * slotSize;
    vector[at + clientAt] = client.id;
    vector[at + serverAt] = server.id;
    if (client.isOpen || server.isOpen) return;
    vector[at + lineAt] = 0;
    vector[at + watchAt] = 0;
  }

  #watchOf(vector: Vector, slot: number): Watch {
    return this.#watches.at(vector[this.#slotsAt + slot * slotSize + watchAt]!);
  }

  #wire(vector: Vector, slot: number): WireView {
    const line = this.#lines.get(this.#lineIn(vector, slot))!;
    const { purpose, isLinked, isRestored } = this.#watchOf(vector, slot);
    const isWhole = this.#ends(vector, slot).every(({ isOpen }) => isOpen);
    const label = wireLabel({ ...line, purpose });
    return { ...line, purpose, label, isLinked, isRestored, isWhole };
  }

  #wires(vector: Vector): readonly WireView[] {
    const wires: WireView[] = [];
    for (let slot = 0; slot < slotsMax; slot++) {
      if (this.#lineIn(vector, slot) !== 0) wires.push(this.#wire(vector, slot));
    }
    return wires;
  }

  #label(vector: Vector, slot: number): string {
    const { purpose } = this.#watchOf(vector, slot);
    return wireLabel({ ...this.#lines.get(this.#lineIn(vector, slot))!, purpose });
  }

  #stalledUntil(stalls: Around["stalls"], id: number): Instant {
    return stalls.find(([of]) => of === id)?.[1] ?? 0;
  }

  #views(vector: Vector, isHost: boolean): readonly AnyView[] {
    return this.#roles.flatMap((role, index) => {
      return role.isHost === isHost ? [this.#pointOf(vector, index).view] : [];
    });
  }

  #hosts(vector: Vector): readonly HostView[] {
    return this.#views(vector, true) as readonly HostView[];
  }

  *#hostRoles(vector: Vector) {
    for (let index = 0; index < this.#roles.length; index++) {
      const { name, isHost } = this.#roles[index]!;
      if (!isHost) continue;
      yield { index, name, view: this.#pointOf(vector, index).view as HostView };
    }
  }
}

const broke = "the network broke";

interface Resolver {
  readonly moving: { cancel(): void; resolveHere(): void };
}
