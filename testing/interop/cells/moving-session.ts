// A session of our client with a real guest that moves from QEMU to QEMU, watched from all sides:
// what the client says, what the guest reports, what QEMU's clock says, and what is on the screen.

import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint, MigrationMode, SessionEvent, SessionOptions } from "@caraway/client";
import {
  CarawayClient,
  comparePictures,
  type DisplayDevice,
  endpointOf,
  type MigrationOptions,
  type MigrationReport,
  type SpiceOptions,
  startMigrationTarget,
  startSavedVm,
  type Vm,
  type VmDevices,
} from "@caraway/interop";
import type { ClientStream, TransportOptions } from "@caraway/node";
import { clock, startReports, Typist } from "./guest-keys.ts";

export const ticket = "secret";

export type MigrationEvent = Extract<SessionEvent, { name: "migration" }>;

export interface MovingSessionOptions {
  readonly machine?: DisplayDevice | VmDevices;
  readonly spice?: SpiceOptions;
  readonly session?: Partial<SessionOptions>;
  readonly transport?: TransportOptions;
  readonly password?: string;
  /** A device of the guest is there for the client. */
  readonly onStream?: (stream: ClientStream) => void;
  /** Where the client finds the machine; at the machine's own address when absent. */
  readonly endpoint?: (vm: Vm) => Promise<Endpoint>;
}

interface TimedEvent {
  readonly event: SessionEvent;
  readonly at: number;
}

export interface Move {
  readonly report: MigrationReport;
  /** What the client told since the targets was announced. */
  readonly events: readonly MigrationEvent[];
  /** From QEMU's STOP to the client's first sign of the switch, milliseconds. */
  readonly stopToSwitchMs: number;
  /** From STOP to SPICE_MIGRATE_COMPLETED; null: it did not come. */
  readonly stopToCompletedMs: number | null;
}

export class MovingSession implements AsyncDisposable {
  /** Every machine, the newest last. */
  readonly machines: Vm[] = [];
  readonly client: CarawayClient;
  readonly typist: Typist;
  readonly timed: TimedEvent[] = [];
  /** Hears each event in the moment in which it is told. */
  onEvent: (event: SessionEvent) => void = () => undefined;
  #here: Vm;

  private constructor(vm: Vm, endpoint: Endpoint, options: MovingSessionOptions) {
    this.machines.push(vm);
    this.#here = vm;
    this.client = new CarawayClient(endpoint, {
      credentials: { password: options.password ?? ticket },
      ...(options.transport && { transport: options.transport }),
      ...(options.onStream && { onStream: options.onStream }),
      session: options.session ?? {},
      onEvent: (event) => {
        this.timed.push({ event, at: clock() });
        this.onEvent(event);
      },
    });
    this.typist = new Typist(this.client);
  }

  /** A client that shows the desktop of a running guest, which reports what it gets. */
  static async open(options: MovingSessionOptions = {}): Promise<MovingSession> {
    const { machine = "qxl-vga", spice = {} } = options;
    const vm = await startSavedVm(machine, { spice: { password: ticket, ...spice } });
    const endpoint = (await options.endpoint?.(vm)) ?? endpointOf(vm.spice);
    const session = new MovingSession(vm, endpoint, options);
    try {
      await startReports(vm);
      await session.client.settle();
      await session.client.waitFor(
        (event): event is SessionEvent => event.name === "agent" && event.connected,
      );
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Where the guest is. */
  get here(): Vm {
    return this.#here;
  }

  get migrationEvents(): MigrationEvent[] {
    return this.client.events.filter((event) => event.name === "migration");
  }

  /** The error that ended the session, as its code; null: it goes on. */
  get endCode(): string | null {
    const ended = this.client.events.find((event) => event.name === "ended");
    return ended === undefined ? null : (ended.error?.code ?? "closed");
  }

  /** Another machine, waiting for the guest. */
  async target(spice: SpiceOptions = {}): Promise<Vm> {
    const target = await startMigrationTarget(this.#here, { ...this.#here.spiceOptions, ...spice });
    this.machines.push(target);
    return target;
  }

  /** Moves the guest and waits until the session is with it. */
  async move(target: Vm, options: MigrationOptions = {}): Promise<Move> {
    const since = this.timed.length;
    const report = await this.#here.migrateTo(target, options);
    this.#here = target;
    await this.waitForPhase("done", since);
    return this.describe(report, since);
  }

  describe(report: MigrationReport, since: number): Move {
    const timed = this.timed.slice(since).filter(({ event }) => event.name === "migration");
    const events = timed.map(({ event }) => event as MigrationEvent);
    const switching = timed.find(({ event }) => (event as MigrationEvent).phase === "switching");
    const { stoppedAt, spiceCompletedAt } = report;
    return {
      report,
      events,
      stopToSwitchMs: switching === undefined ? Number.NaN : switching.at - stoppedAt,
      stopToCompletedMs: spiceCompletedAt === null ? null : spiceCompletedAt - stoppedAt,
    };
  }

  /** The guest is there now, without our having moved it by `move`. */
  arriveAt(target: Vm): void {
    this.#here = target;
  }

  async waitForPhase(
    phase: MigrationEvent["phase"],
    since = 0,
    timeoutMs = 20_000,
  ): Promise<MigrationEvent> {
    const isIt = (event: SessionEvent): event is MigrationEvent => {
      return event.name === "migration" && event.phase === phase;
    };
    return await this.client.waitFor(isIt, { since, timeoutMs });
  }

  /** Waits until the session has ended, and gives the code of its error. */
  async waitForEnd(timeoutMs = 40_000): Promise<string | null> {
    const deadline = clock() + timeoutMs;
    while (this.endCode === null && clock() < deadline) await delay(20);
    return this.endCode;
  }

  /** Pixels in which the client's picture differs from the guest's, once it has come to rest. */
  async pictureDifference(): Promise<number> {
    await this.client.settle();
    const { pixels } = await comparePictures(this.#here, this.client);
    return pixels;
  }

  async close(): Promise<void> {
    this.client.close();
    for (const vm of this.machines) await vm.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export function modeOf(events: readonly MigrationEvent[]): MigrationMode | null {
  const done = events.find((event) => event.phase === "done");
  return done?.phase === "done" ? done.mode : null;
}

/** `display 0: kept` of every channel, sorted. */
export function outcomesOf(events: readonly MigrationEvent[]): string[] {
  return events
    .flatMap((event) => {
      return event.phase === "channel" ? [`${event.channel} ${event.id}: ${event.outcome}`] : [];
    })
    .sort();
}

/** A path through the phases, for people. */
export function phasesOf(events: readonly MigrationEvent[]): string {
  const minor = ["channel", "input-window", "link-failed"];
  return events
    .filter(({ phase }) => !minor.includes(phase))
    .map((event) => ("mode" in event ? `${event.phase}:${event.mode}` : event.phase))
    .join(" ");
}
