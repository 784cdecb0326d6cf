// The world of one run: processes, the network between them, people with something to do, time, and
// what may go wrong. It knows what may happen next; which of it does is chosen from outside.

import { ConversationTap, type Finding, type Instant } from "@caraway/channel";
import { type ChannelName, channelLabel, channelNameOf } from "@caraway/client";
import type { MoveTiming } from "@caraway/migration";
import type { Choices } from "./choices.ts";
import { type ClientChoices, ClientProcess } from "./client-process.ts";
import { type HostChoices, HostProcess } from "./host-process.ts";
import { messageName } from "./message-name.ts";
import { type Connection, Network, type NetworkOwner, type Side } from "./network.ts";
import type { Process, Surroundings } from "./process.ts";
import { realServer, type Seat } from "./seat.ts";
import { Violation } from "./violation.ts";

/** Something that a person, a hypervisor or management does. */
export interface Action {
  readonly label: string;
  /** Whether it can be done yet; at any time when absent. */
  readonly ready?: () => boolean;
  readonly run: () => void;
}

interface Actor {
  readonly name: string;
  readonly actions: Action[];
}

/** How often what may strike. */
export interface Faults {
  /** A connection breaks. */
  resets?: number;
  /** A connection is slow for a while: `stallMs`. */
  stalls?: number;
  stallMs?: number;
  /** One of these processes is killed. */
  kills?: readonly string[];
  /** Somebody on one of the hosts calls a move off. */
  cancels?: number;
}

export interface WorldOptions {
  readonly faults: Faults;
  /** Whether deliveries may be cut anywhere. */
  readonly cuts: boolean;
  /** Bytes that a connection takes before its sender has a backlog. */
  readonly capacityBytes: number;
  /** How long what can happen is left lying, where no fault keeps it from happening. */
  readonly slackMs: number;
  /** Whether the work of link stages is done at once. */
  readonly hasQuickLinks: boolean;
}

export const plainWorld: WorldOptions = {
  faults: {},
  cuts: false,
  capacityBytes: Number.POSITIVE_INFINITY,
  slackMs: 1000,
  hasQuickLinks: false,
};

/** Watches the world and throws a Violation when something is not as it must be. */
export interface Check {
  /** Something was read off a wire, on the side that sent it. */
  found?(connection: Connection, finding: Finding): void;
  /** Behind each step. */
  stepped?(world: World): void;
  /** When all has come to rest. */
  rested?(world: World): void;
}

interface Step {
  readonly label: string;
  readonly weight: number;
  readonly take: (choices: Choices) => void;
}

const startMs = 1000;
/** So that a run ends soon: what waits for hours in life waits for minutes here. */
const quickMoves: Partial<MoveTiming> = { keepMs: 60_000, rememberMs: 120_000 };
/** Wakings in a row that bring nothing about, from which on a deadline counts as stuck. */
const idleWakingsMax = 1000;

/** Faults that may still strike. */
interface Left {
  resets: number;
  stalls: number;
  kills: string[];
  cancels: number;
}

export class World implements NetworkOwner, Surroundings {
  now: Instant = startMs;
  readonly options: WorldOptions;
  readonly network: Network;
  readonly clients: ClientProcess[] = [];
  readonly hosts: HostProcess[] = [];
  readonly checks: Check[] = [];
  /** Faults that struck. */
  readonly struck: string[] = [];
  /** Told of everything that happens. */
  onLine: ((line: string) => void) | null = null;
  readonly #actors: Actor[] = [];
  readonly #taps = new Map<number, ConversationTap>();
  readonly #stalledUntil = new Map<Connection, Instant>();
  /** At which order of events each moment of time began. */
  readonly #moments: { readonly order: number; readonly at: Instant }[] = [
    { order: 0, at: startMs },
  ];
  #wakings = 0;
  #left: Left;

  constructor(options: WorldOptions = plainWorld) {
    this.options = options;
    this.network = new Network(this, options.capacityBytes);
    const { resets = 0, stalls = 0, kills = [], cancels = 0 } = options.faults;
    this.#left = { resets, stalls, kills: [...kills], cancels };
  }

  // Making it.

  addHost(name: string, choices: Partial<HostChoices> = {}): HostProcess {
    const defaults = { server: {}, makeServer: realServer, timing: quickMoves };
    const host = new HostProcess(name, this, this.network, { ...defaults, ...choices });
    this.hosts.push(host);
    return host;
  }

  addClient(name: string, address: string, choices: ClientChoices): ClientProcess {
    const client = new ClientProcess(name, address, this, this.network, choices);
    this.clients.push(client);
    return client;
  }

  addActor(name: string, actions: readonly Action[]): void {
    this.#actors.push({ name, actions: [...actions] });
  }

  /** Every server with its guest, on hosts that live. */
  get seats(): readonly Seat[] {
    return this.hosts.flatMap(({ isAlive, seats }) => (isAlive ? seats : []));
  }

  /** Whether a mover waits for something. */
  get isMoving(): boolean {
    return this.hosts.some(({ isAlive, moving }) => isAlive && moving.deadline() !== null);
  }

  get processes(): readonly Process[] {
    return [...this.hosts, ...this.clients];
  }

  /** Whether everybody has done what he wanted to. */
  get isDone(): boolean {
    return this.#actors.every(({ actions }) => actions.length === 0);
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
    let tap = this.#taps.get(connection.id);
    if (tap === undefined) {
      tap = new ConversationTap();
      this.#taps.set(connection.id, tap);
    }
    tap.push(from, bytes);
    for (let finding = tap.poll(); finding !== null; finding = tap.poll()) {
      this.#found(connection, finding);
    }
  }

  changed(connection: Connection): void {
    if (!connection.isOver) return;
    this.#taps.delete(connection.id);
    this.#stalledUntil.delete(connection);
  }

  // What may happen.

  /**
   * Lets one thing happen. False when nothing can but time passing for longer than `horizonMs`,
   * or when `isWanted` says so in front of a choice.
   */
  step(choices: Choices, horizonMs: number, isWanted?: (count: number) => boolean): boolean {
    const steps = this.#steps(horizonMs);
    if (steps.length === 0) return false;
    if (steps.length > 1 && isWanted?.(steps.length) === false) return false;
    const choice =
      steps.length === 1
        ? 0
        : choices.choose(
            steps.length,
            steps.map(({ weight }) => weight),
          );
    const step = steps[choice]!;
    this.onLine?.(`${this.#time()} ${choice === 0 ? " " : `*${choice}`} ${step.label}`);
    step.take(choices);
    for (const check of this.checks) check.stepped?.(this);
    return true;
  }

  /** Nothing goes wrong any more, and what was broken works again. */
  heal(): void {
    this.#left = { resets: 0, stalls: 0, kills: [], cancels: 0 };
    this.#stalledUntil.clear();
  }

  /** Plain data that tells states of the world apart, relative to now. */
  snapshot(): unknown {
    return {
      processes: this.processes.map((process) => ({
        machine: process.snapshot(this.now),
        tasks: process.tasks.map(({ label }) => label),
      })),
      network: this.network.snapshot(),
      stalls: [...this.#stalledUntil].map(([{ id }, until]) => [id, until - this.now]),
      actors: this.#actors.map(({ actions }) => actions.length),
      left: this.#left,
    };
  }

  #steps(horizonMs: number): Step[] {
    const pending: (Step & { readonly order: number })[] = [];
    for (const connection of this.network.connections) {
      if ((this.#stalledUntil.get(connection) ?? 0) > this.now) continue;
      for (const side of ["client", "server"] as const) {
        const order = connection.arrives(side);
        if (order === null) continue;
        const label = `${connection.label} arrives at ${side}`;
        const take = (choices: Choices) => this.#deliver(connection, side, choices);
        pending.push({ order, label, weight: 4, take });
      }
    }
    for (const process of this.processes) {
      for (const { order, label, finish } of process.tasks) {
        const take = () => {
          this.#wakings = 0;
          finish();
        };
        pending.push({ order, label, weight: 4, take });
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
    for (const process of this.processes) {
      const deadline = process.deadline();
      if (deadline !== null && deadline <= this.now) {
        left.push(deadline + this.options.slackMs - this.now);
      }
    }
    const time = this.#timeStep(Math.min(...left));
    if (time !== null) steps.push(time);
    // Where nothing is left to be disturbed, nothing strikes.
    if (steps.length > 0) steps.push(...this.#faultSteps());
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
    return this.processes.flatMap((process): Step[] => {
      const deadline = process.deadline();
      if (deadline === null || deadline > this.now) return [];
      return [{ label: `${process.name} wakes`, weight: 4, take: () => this.#wake(process) }];
    });
  }

  #wake(process: Process): void {
    if (++this.#wakings > idleWakingsMax) {
      throw new Violation("deadline", `${process.name} wants to be woken at once for ever`);
    }
    process.timeout();
  }

  #actionSteps(): Step[] {
    return this.#actors.flatMap(({ name, actions }): Step[] => {
      const [action] = actions;
      if (action === undefined || action.ready?.() === false) return [];
      const take = (): void => {
        this.#wakings = 0;
        actions.shift();
        action.run();
      };
      return [{ label: `${name}: ${action.label}`, weight: 2, take }];
    });
  }

  /** Where one of the hosts is dead for sure, an operator says so to the other. */
  #operatorSteps(): Step[] {
    return this.hosts.flatMap((host): Step[] => {
      const { isAlive, moving, name } = host;
      const isAlone = this.hosts.every((other) => other === host || !other.isAlive);
      if (!isAlive || !isAlone || !moving.isInDoubt) return [];
      const take = (): void => moving.resolveHere();
      return [{ label: `operator: the guest is at ${name}`, weight: 2, take }];
    });
  }

  #timeStep(horizonMs: number): Step | null {
    let next = Number.POSITIVE_INFINITY;
    for (const process of this.processes) {
      const deadline = process.deadline();
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
    return { label: `${(next - this.now).toFixed(0)} ms pass`, weight: 1, take };
  }

  #faultSteps(): Step[] {
    const { resets, stalls, kills, cancels } = this.#left;
    const steps: Step[] = [];
    const strike = (label: string, take: () => void): void => {
      const weight = 0.05;
      steps.push({
        label,
        weight,
        take: () => {
          this.struck.push(label);
          take();
        },
      });
    };
    for (const connection of [...this.network.connections]) {
      if (stalls > 0 && !this.#stalledUntil.has(connection)) {
        strike(`stall ${connection.label}`, () => {
          this.#left.stalls -= 1;
          this.#stalledUntil.set(connection, this.now + (this.options.faults.stallMs ?? 1000));
        });
      }
      if (resets > 0 && connection.isWhole) {
        strike(`reset ${connection.label}`, () => {
          this.#left.resets -= 1;
          connection.reset(null, "the network broke");
        });
      }
    }
    for (const { name, isAlive, moving } of cancels > 0 ? this.hosts : []) {
      if (!isAlive || !(moving.isMoving || moving.isExpecting)) continue;
      strike(`cancel at ${name}`, () => {
        this.#left.cancels -= 1;
        moving.cancel();
      });
    }
    for (const name of kills) {
      const process = this.processes.find((other) => other.name === name && other.isAlive);
      if (process === undefined) continue;
      strike(`kill ${name}`, () => {
        this.#left.kills = kills.filter((other) => other !== name);
        process.kill();
      });
    }
    return steps;
  }

  #found(connection: Connection, finding: Finding): void {
    if (finding.type === "link-message") {
      const { channelType, channelId } = finding.value;
      const name: ChannelName | null = channelNameOf(channelType);
      connection.purpose = name === null ? "?" : channelLabel({ name, id: channelId });
    }
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
