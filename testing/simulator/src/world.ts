// The world of one run: processes, the network between them, people with something to do, time, and
// what may go wrong. It knows what may happen next; which of it does is chosen from outside.

import type { Finding, Instant } from "@caraway/channel";
import type { MoveTiming } from "@caraway/migration";
import type { Check } from "./check.ts";
import type { Choices } from "./choices.ts";
import { type ClientChoices, ClientProcess } from "./client-process.ts";
import { hashText } from "./fingerprint.ts";
import { Ghost, type Stage } from "./ghost.ts";
import { type HostChoices, HostProcess } from "./host-process.ts";
import { type Memories, startMs } from "./memories.ts";
import type { Recipe } from "./memory.ts";
import { messageName } from "./message-name.ts";
import {
  type Connection,
  type Lines,
  Network,
  type NetworkOwner,
  nameIn,
  type Side,
} from "./network.ts";
import type { Action, ClientAction, HostAction, Plan } from "./plans.ts";
import type { Surroundings } from "./process.ts";
import { realServer } from "./seat.ts";
import { type Client, faultSteps, type Host, namesOf, type Step } from "./steps.ts";
import { learned, newTapPoint, readOn, type TapPoint } from "./tap-memory.ts";
import {
  type ClientView,
  copyClient,
  copyHost,
  type HostView,
  type Scene,
  type SeatView,
} from "./views.ts";
import { Violation } from "./violation.ts";
import { type Left, noFaults, plainWorld, type WorldOptions } from "./world-options.ts";

interface Actor extends Plan {
  /** How many of them he has done. */
  done: number;
}

/** So that a run ends soon: what waits for hours in life waits for minutes here. */
const quickMoves: Partial<MoveTiming> = { keepMs: 60_000, rememberMs: 120_000 };
/** Wakings in a row that bring nothing about, from which on a deadline counts as stuck. */
const idleWakingsMax = 1000;

export type HostGhost = Ghost<HostProcess, HostView>;
export type ClientGhost = Ghost<ClientProcess, ClientView>;

export class World implements NetworkOwner, Surroundings, Stage, Scene {
  now: Instant = startMs;
  readonly options: WorldOptions;
  readonly network: Network;
  readonly checks: Check[] = [];
  /** Faults that struck. */
  readonly struck: string[] = [];
  /** Told of everything that happens. */
  onLine: ((line: string) => void) | null = null;
  readonly #memories: Memories | null;
  readonly #firstTap: TapPoint;
  readonly #players: (Host | Client)[] = [];
  readonly #clients: Client[] = [];
  readonly #hosts: Host[] = [];
  readonly #actors: Actor[] = [];
  readonly #taps = new Map<number, TapPoint>();
  /** Connections by their ids. */
  readonly #stalledUntil = new Map<number, Instant>();
  /** At which order of events each moment of time began. */
  readonly #moments: { readonly order: number; readonly at: Instant }[] = [
    { order: 0, at: startMs },
  ];
  #wakings = 0;
  #left: Left;

  /** With `memories` its programs are played from them, and it can be forked. */
  constructor(
    options: WorldOptions = plainWorld,
    memories: Memories | null = null,
    origin: World | null = null,
  ) {
    this.options = options;
    this.#memories = memories;
    this.#firstTap = memories?.firstTap ?? newTapPoint();
    const { resets = 0, stalls = 0, kills = [], cancels = 0, delays = 0 } = options.faults;
    this.#left = { resets, stalls, kills: [...kills], cancels, delays };
    if (origin === null) this.network = new Network(this, options.capacityBytes);
    else this.network = this.#copyOf(origin);
  }

  // Making it.

  addHost(name: string, choices: Partial<HostChoices> = {}): Host {
    const defaults = { server: {}, makeServer: realServer, timing: quickMoves };
    const idBase = this.network.join(name);
    const make = (around: Surroundings, lines: Lines): HostProcess =>
      new HostProcess(name, around, lines, { ...defaults, ...choices });
    const host =
      this.#memories === null
        ? make(this, this.network)
        : new Ghost(name, this.#memories.host(this.#recipe(name, idBase, make, copyHost)), this);
    this.#hosts.push(host);
    this.#players.push(host);
    if (host instanceof Ghost) host.begin();
    return host;
  }

  addClient(name: string, address: string, choices: ClientChoices): Client {
    const idBase = this.network.join(name);
    const make = (around: Surroundings, lines: Lines): ClientProcess =>
      new ClientProcess(name, address, around, lines, choices);
    const client =
      this.#memories === null
        ? make(this, this.network)
        : new Ghost(
            name,
            this.#memories.client(this.#recipe(name, idBase, make, copyClient)),
            this,
          );
    this.#clients.push(client);
    this.#players.push(client);
    if (client instanceof Ghost) client.begin();
    return client;
  }

  #recipe<P, V>(
    name: string,
    idBase: number,
    make: Recipe<P, V>["make"],
    copy: Recipe<P, V>["copy"],
  ): Recipe<P, V> {
    return { name, idBase, hasQuickLinks: this.options.hasQuickLinks, make, copy };
  }

  addActor(name: string, actions: readonly Action[]): void {
    this.#actors.push({ name, actions, done: 0 });
  }

  /** The same world once more, which goes on by itself. */
  fork(): World {
    return new World(this.options, this.#memories, this);
  }

  #copyOf(origin: World): Network {
    this.now = origin.now;
    this.struck.push(...origin.struck);
    if (!origin.players.every((player) => player instanceof Ghost)) {
      throw new RangeError("only a world that is played from memory can be forked");
    }
    for (const host of origin.#hosts) this.#hosts.push((host as HostGhost).fork(this));
    for (const client of origin.#clients) this.#clients.push((client as ClientGhost).fork(this));
    this.#players.push(...this.#hosts, ...this.#clients);
    for (const { name, actions, done } of origin.#actors)
      this.#actors.push({ name, actions, done });
    for (const [id, tap] of origin.#taps) this.#taps.set(id, tap);
    for (const [id, until] of origin.#stalledUntil) this.#stalledUntil.set(id, until);
    this.#moments.length = 0;
    this.#moments.push(...origin.#moments);
    this.#wakings = origin.#wakings;
    this.#left = origin.#left;
    this.checks.push(...origin.checks.map((check) => check.fork()));
    const ghosts = new Map<string, HostGhost | ClientGhost>();
    for (const player of this.players) ghosts.set(player.name, player as HostGhost);
    return origin.network.fork(
      this,
      ({ id, caller, host }, side) =>
        ghosts.get(side === "client" ? caller : nameIn(host))!.ear(id, side),
      (host) => (line) => ghosts.get(nameIn(host))!.called(line),
    );
  }

  /** How far a wire has been read. */
  tapOf(connection: number): TapPoint {
    return this.#taps.get(connection) ?? this.#firstTap;
  }

  /** Faults that may still strike. */
  get left(): Left {
    return this.#left;
  }

  /** What people do, in order. */
  get plans(): readonly Plan[] {
    return this.#actors;
  }

  get clients(): readonly ClientView[] {
    return this.#clients.map(({ view }) => view);
  }

  get hosts(): readonly HostView[] {
    return this.#hosts.map(({ view }) => view);
  }

  /** Every server with its guest, on hosts that live. */
  get seats(): readonly SeatView[] {
    const found: SeatView[] = [];
    for (const { view } of this.#hosts) if (view.isAlive) found.push(...view.seats);
    return found;
  }

  /** Whether a mover waits for something. */
  get isMoving(): boolean {
    return this.hosts.some(({ isAlive, moving }) => isAlive && moving.isWaiting);
  }

  /** Its programs, where they are played from memory. */
  get ghosts(): readonly (HostGhost | ClientGhost)[] {
    return this.players.filter((player): player is HostGhost | ClientGhost => {
      return player instanceof Ghost;
    });
  }

  get players(): readonly (Host | Client)[] {
    return this.#players;
  }

  /** Whether everybody has done what he wanted to. */
  get isDone(): boolean {
    return this.#actors.every(({ actions, done }) => actions.length === done);
  }

  // What processes ask of it.

  get hasQuickLinks(): boolean {
    return this.options.hasQuickLinks;
  }

  note(who: string, what: string): void {
    this.onLine?.(`${this.#time()} ${who.padEnd(8)} ${what}`);
  }

  nextOrder(): number {
    return this.network.nextOrder();
  }

  sent(connection: Connection, from: Side, bytes: Uint8Array): void {
    // The movers speak a language of their own.
    if (connection.host.endsWith(":peer")) return;
    const { to, findings } = readOn(this.#taps.get(connection.id) ?? this.#firstTap, from, bytes);
    this.#taps.set(connection.id, to);
    for (const finding of findings) this.#found(connection, finding);
  }

  changed(connection: Connection): void {
    if (!connection.isOver) return;
    this.#taps.delete(connection.id);
    this.#stalledUntil.delete(connection.id);
  }

  // What may happen.

  /** Lets one thing happen. False when nothing can but time passing for longer than `horizonMs`. */
  step(choices: Choices, horizonMs: number): boolean {
    const steps = this.steps(horizonMs);
    if (steps.length === 0) return false;
    const choice =
      steps.length === 1
        ? 0
        : choices.choose(
            steps.length,
            steps.map(({ weight }) => weight),
            () => namesOf(steps),
          );
    this.take(steps[choice]!, choices, choice);
    return true;
  }

  /** Takes one of `steps`; `number` is told where somebody listens. */
  take(step: Step, choices: Choices, number = 0): void {
    this.onLine?.(`${this.#time()} ${number === 0 ? " " : `*${number}`} ${step.label()}`);
    step.take(choices);
    for (const check of this.checks) check.stepped?.(this);
  }

  /** Nothing goes wrong any more, and what was broken works again. */
  heal(): void {
    this.#left = noFaults;
    this.#stalledUntil.clear();
  }

  /** What programs that are not played from memory say of themselves. */
  snapshots(): readonly { readonly name: string; readonly snapshot: unknown }[] {
    if (this.#memories !== null) return [];
    return this.players.map((player) => {
      return { name: player.name, snapshot: player.snapshot(this.now) };
    });
  }

  /**
   * Tells states of a world apart that is played from memory. With `isOrdered` they differ also in what came before what,
   * which nothing but the plain choice goes by.
   */
  key(isOrdered: boolean): number {
    const orders = isOrdered ? this.#ranks() : null;
    const place = (order: number): string => {
      const waited = this.now - this.#momentOf(order);
      // Where nothing may wait, it matters no more how long something has.
      const age = waited === 0 || this.options.slackMs === 0 ? "" : `+${waited}`;
      return `${orders?.get(order) ?? ""}${age}`;
    };
    const players = this.players.map((player) => {
      const tasks = player.tasks.map(({ order }) => place(order));
      return `${player.snapshot(this.now)} ${tasks.join()}`;
    });
    const stalls = [...this.#stalledUntil].map(([id, until]) => `${id}:${until}`);
    const done = this.#actors.map((actor) => actor.done);
    const { resets, stalls: stallsLeft, kills, cancels, delays } = this.#left;
    return hashText(
      [
        ...[this.now, players.join("|"), this.network.key(place), stalls.join(), done.join()],
        ...[resets, stallsLeft, kills.join(), cancels, delays, this.struck.join()],
      ].join(";"),
    );
  }

  /** What waits, numbered from the oldest. */
  #ranks(): ReadonlyMap<number, number> {
    const orders = this.network.orders;
    for (const { tasks } of this.players) orders.push(...tasks.map(({ order }) => order));
    return new Map(orders.sort((a, b) => a - b).map((order, rank) => [order, rank]));
  }

  /** What can happen next, but for time that passes for longer than `horizonMs`. */
  steps(horizonMs: number): Step[] {
    const pending: (Step & { readonly order: number })[] = [];
    for (const connection of this.network.connections) {
      if ((this.#stalledUntil.get(connection.id) ?? 0) > this.now) continue;
      for (const side of ["client", "server"] as const) {
        const order = connection.arrives(side);
        if (order === null) continue;
        const label = () => `${connection.label} arrives at ${side}`;
        const take = (choices: Choices) => this.#deliver(connection, side, choices);
        pending.push({ order, label, weight: 4, take });
      }
    }
    for (const player of this.players) {
      for (const [index, task] of player.tasks.entries()) {
        const take = () => {
          this.#wakings = 0;
          player.finish(index);
        };
        pending.push({ order: task.order, label: () => task.label, weight: 4, take });
      }
    }
    pending.sort((a, b) => a.order - b.order);
    const steps: Step[] = [
      ...this.#wakeSteps(),
      ...pending,
      ...this.#actionSteps(),
      ...this.#operatorSteps(),
    ];
    const oldest = pending[0];
    const since = oldest === undefined ? null : this.#momentOf(oldest.order);
    const left = [horizonMs];
    if (since !== null) left.push(since + this.options.slackMs - this.now);
    for (const player of this.players) {
      const deadline = player.deadline();
      if (deadline !== null && deadline <= this.now) {
        left.push(deadline + this.options.slackMs - this.now);
      }
    }
    const time = this.#timeStep(Math.min(...left));
    if (time !== null) steps.push(time);
    // Where nothing is left to be disturbed, nothing strikes.
    if (steps.length > 0) steps.push(...this.#faultSteps(time === null ? horizonMs : null));
    return steps;
  }

  #momentOf(order: number): Instant {
    return this.#moments.findLast((moment) => moment.order <= order)?.at ?? startMs;
  }

  #deliver(connection: Connection, side: Side, choices: Choices): void {
    this.#wakings = 0;
    const cuts = this.options.cuts ? connection.cuts(side) : 1;
    const cut = cuts === 1 ? 0 : choices.choose(cuts, [6, 2, 1]);
    connection.deliver(side, cut);
  }

  /** Timers that are due. */
  #wakeSteps(): Step[] {
    return this.players.flatMap((player): Step[] => {
      const deadline = player.deadline();
      if (deadline === null || deadline > this.now) return [];
      const label = () => `${player.name} wakes`;
      return [{ label, weight: 4, take: () => this.#wake(player) }];
    });
  }

  #wake(player: Host | Client): void {
    if (++this.#wakings > idleWakingsMax) {
      throw new Violation("deadline", `${player.name} wants to be woken at once for ever`);
    }
    player.timeout();
  }

  #actionSteps(): Step[] {
    return this.#actors.flatMap((actor): Step[] => {
      const action = actor.actions[actor.done];
      if (action === undefined) return [];
      const act = action.who === "client" ? this.#clientAct(action) : this.#hostAct(action);
      if (act === null) return [];
      const label = `${actor.name}: ${action.label}`;
      const take = (): void => {
        this.#wakings = 0;
        actor.done += 1;
        act();
      };
      return [{ label: () => label, weight: 2, take }];
    });
  }

  #clientAct({ name, label, ready, run }: ClientAction): (() => void) | null {
    const client = this.#clients.find((other) => other.name === name)!;
    return ready?.(client.view) === false ? null : () => client.act(label, run);
  }

  #hostAct({ name, label, ready, run }: HostAction): (() => void) | null {
    const host = this.#hosts.find((other) => other.name === name)!;
    return ready?.(host.view) === false ? null : () => host.act(label, run);
  }

  /** Where one of the hosts is dead for sure, an operator says so to the other. */
  #operatorSteps(): Step[] {
    return this.#hosts.flatMap((host): Step[] => {
      const { isAlive, moving, name } = host.view;
      const isAlone = this.#hosts.every((other) => other === host || !other.view.isAlive);
      if (!isAlive || !isAlone || !moving.isInDoubt) return [];
      const take = (): void => host.act("resolve", (process) => process.moving.resolveHere());
      return [{ label: () => `operator: the guest is at ${name}`, weight: 2, take }];
    });
  }

  #timeStep(horizonMs: number): Step | null {
    let next = Number.POSITIVE_INFINITY;
    for (const player of this.players) {
      const deadline = player.deadline();
      // What is due already is no reason to let time pass.
      if (deadline !== null && deadline > this.now) next = Math.min(next, deadline);
    }
    for (const until of this.#stalledUntil.values()) {
      if (until > this.now) next = Math.min(next, until);
    }
    if (next - this.now > horizonMs) return null;
    const take = (): void => {
      this.now = next;
      this.#moments.push({ order: this.nextOrder(), at: next });
      this.#wakings = 0;
    };
    const label = `${(next - this.now).toFixed(0)} ms pass`;
    return { label: () => label, weight: 1, take };
  }

  /** `delayMs`: for how long at most time may pass by a fault; null: it may without. */
  #faultSteps(delayMs: number | null): Step[] {
    const isStalled = (id: number): boolean => this.#stalledUntil.has(id);
    const delay = delayMs === null ? null : this.#timeStep(delayMs);
    return faultSteps({
      connections: this.network.connections.map((connection) => {
        return { connection, isStalled: isStalled(connection.id) };
      }),
      hosts: this.#hosts,
      players: this.players,
      left: this.#left,
      delay,
      struck: (label, left) => {
        this.struck.push(label);
        this.#left = left;
      },
      stall: (id) => {
        this.#stalledUntil.set(id, this.now + (this.options.faults.stallMs ?? 1000));
      },
    });
  }

  #found(connection: Connection, finding: Finding): void {
    Object.assign(connection, learned(finding));
    for (const check of this.checks) check.found?.(connection, finding);
    if (this.onLine !== null) this.#noteFinding(connection, finding);
  }

  #noteFinding(connection: Connection, finding: Finding): void {
    if (finding.type !== "message") return;
    const who = finding.from === "client" ? connection.caller : connection.host;
    const { id, body } = finding.frame;
    const name = messageName(connection.purpose, finding.from, id, body);
    this.note(who, `  ${finding.from === "client" ? ">" : "<"} ${connection.label}: ${name}`);
  }

  #time(): string {
    return (this.now - startMs).toFixed(0).padStart(6);
  }
}
