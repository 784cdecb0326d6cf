// A host as a process: its guests with their servers, and the movers.

import type { Instant } from "@caraway/channel";
import type { MoveTiming } from "@caraway/migration";
import type { ServerEvent, ServerOptions } from "@caraway/server";
import { eventText } from "./event-text.ts";
import { Moving, type MovingOwner } from "./moving.ts";
import type { Lines } from "./network.ts";
import { type Player, Process, type Surroundings, type Task } from "./process.ts";
import { type MakeServer, Seat, type SeatOwner } from "./seat.ts";
import type { HostView } from "./views.ts";

export interface HostChoices {
  readonly server: Partial<ServerOptions>;
  readonly makeServer: MakeServer;
  readonly timing: Partial<MoveTiming>;
}

export class HostProcess
  extends Process<HostView>
  implements SeatOwner, MovingOwner, HostView, Player<HostView, HostProcess>
{
  readonly network: Lines;
  readonly seats: Seat[] = [];
  readonly moving: Moving;
  readonly faults: string[] = [];
  readonly #choices: HostChoices;
  #nextPort = 1;

  constructor(name: string, surroundings: Surroundings, network: Lines, choices: HostChoices) {
    super(name, surroundings);
    this.network = network;
    this.#choices = choices;
    this.moving = new Moving(this);
  }

  get now(): Instant {
    return this.surroundings.now;
  }

  get timing(): Partial<MoveTiming> {
    return this.#choices.timing;
  }

  get view(): HostView {
    return this;
  }

  act(_label: string, run: (process: HostProcess) => void): void {
    run(this);
  }

  get hasRunningGuest(): boolean {
    return this.runningSeat !== null;
  }

  /** Where a guest runs; null for none. */
  get runningSeat(): Seat | null {
    return this.seats.find(({ guest }) => guest?.isRunning) ?? null;
  }

  newSeat(): Seat {
    const { makeServer, server } = this.#choices;
    const seat = new Seat(this.name, this.#nextPort++, makeServer(server), this);
    this.seats.push(seat);
    return seat;
  }

  removeSeat(seat: Seat): void {
    seat.remove();
    this.do(() => {
      const index = this.seats.indexOf(seat);
      if (index >= 0) this.seats.splice(index, 1);
    });
  }

  said(seat: Seat, event: ServerEvent): void {
    if (event.name === "guest-fault") this.faults.push(`${event.what}: ${event.error.message}`);
    this.note(eventText(event));
    this.moving.heard(seat, event);
  }

  saidToPeer(seat: Seat, bytes: Uint8Array): void {
    this.moving.heardForPeer(seat, bytes);
  }

  forget(tasks: ReadonlySet<Task>): void {
    this.tasks = this.tasks.filter((task) => !tasks.has(task));
  }

  deadline(): Instant | null {
    if (!this.isAlive) return null;
    let earliest = this.moving.deadline();
    for (const seat of this.seats) {
      const deadline = seat.deadline();
      if (deadline !== null) earliest = Math.min(earliest ?? deadline, deadline);
    }
    return earliest;
  }

  snapshot(now: Instant): unknown {
    if (!this.isAlive) return null;
    const seats = this.seats.map((seat) => seat.snapshot(now));
    return { seats, nextPort: this.#nextPort, moving: this.moving.snapshot(now) };
  }

  protected wake(): void {
    for (const seat of [...this.seats]) seat.wake();
    this.moving.wake();
  }

  protected died(): void {
    for (const seat of this.seats) seat.vanish();
    this.seats.length = 0;
    this.moving.vanish();
  }
}
