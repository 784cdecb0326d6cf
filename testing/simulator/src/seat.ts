// One server and the guest that it serves, at an address of their own: what a host's program drives
// for each of its guests.

import type { ConnectionKey, Instant } from "@caraway/channel";
import {
  type GuestInput,
  type ServerCommand,
  type ServerEvent,
  type ServerInput,
  type ServerOptions,
  type ServerOutput,
  type ServerTask,
  type ServerTaskResult,
  SpiceServer,
} from "@caraway/server";
import type { MiniGuest } from "./mini-guest.ts";
import { type Ear, type Line, type Lines, lineName } from "./network.ts";
import type { Task } from "./process.ts";

/** The border of a server: what is put in its place has it, too. */
export type AnyServer = Pick<SpiceServer, "handle" | "poll" | "deadline" | "snapshot">;
export type MakeServer = (options: Partial<ServerOptions>) => AnyServer;

export const realServer: MakeServer = (options) => new SpiceServer(options);

/** What the process around it does for it. */
export interface SeatOwner {
  readonly now: Instant;
  readonly network: Lines;
  /** In the turn of events of the process. */
  do(work: () => void): void;
  laterForLink(label: string, run: () => void): Task | null;
  forget(tasks: ReadonlySet<Task>): void;
  said(seat: Seat, event: ServerEvent): void;
  saidToPeer(seat: Seat, bytes: Uint8Array): void;
}

export class Seat {
  /** Where clients find it: `source:1`. */
  readonly address: string;
  readonly port: number;
  readonly server: AnyServer;
  guest: MiniGuest | null = null;
  /** When a move gave the guest to it. */
  heldSince: Instant | null = null;
  readonly #owner: SeatOwner;
  readonly #connections = new Map<ConnectionKey, Line>();
  readonly #tasks = new Map<ConnectionKey, Set<Task>>();
  #isGone = false;

  constructor(host: string, port: number, server: AnyServer, owner: SeatOwner) {
    this.address = `${host}:${port}`;
    this.port = port;
    this.server = server;
    this.#owner = owner;
    owner.network.listen(this.address, (connection) => this.#accept(connection));
  }

  /** Gives it a guest that describes itself. */
  adopt(guest: MiniGuest): void {
    this.#owner.do(() => {
      this.guest = guest;
      this.#drainGuest();
    });
  }

  command(command: ServerCommand): void {
    if (command.name === "migrate-hold") this.heldSince = this.#owner.now;
    this.#owner.do(() => this.#turn({ type: "command", command }));
  }

  heardFromPeer(bytes: Uint8Array): void {
    this.#owner.do(() => this.#turn({ type: "peer", bytes }));
  }

  /** The hypervisor's word to the guest. */
  tellGuest(input: GuestInput): void {
    this.#owner.do(() => this.#guestTurn(input));
  }

  /** Server and guest are over. */
  remove(): void {
    this.command({ name: "close" });
    this.#owner.do(() => {
      this.#isGone = true;
      this.guest = null;
      this.#owner.network.deafen(this.address);
    });
  }

  /** The process is dead. */
  vanish(): void {
    this.#isGone = true;
    this.guest = null;
    this.#owner.network.deafen(this.address);
    for (const connection of this.#connections.values()) {
      connection.reset("server", `${this.address} died`);
    }
    this.#connections.clear();
  }

  deadline(): Instant | null {
    const mine = this.server.deadline();
    const guests = this.guest?.deadline() ?? null;
    if (mine === null || guests === null) return mine ?? guests;
    return Math.min(mine, guests);
  }

  wake(): void {
    const { now } = this.#owner;
    const guests = this.guest?.deadline() ?? null;
    if (guests !== null && guests <= now) this.#guestTurn({ type: "timeout" });
    const mine = this.server.deadline();
    if (mine !== null && mine <= now) this.#turn({ type: "timeout" });
  }

  snapshot(now: Instant): unknown {
    const deadline = this.server.deadline();
    return {
      server: this.server.snapshot(now),
      wakes: deadline === null ? null : deadline - now,
      guest: this.guest?.snapshot(now) ?? null,
      heldForMs: this.heldSince === null ? null : now - this.heldSince,
      connections: [...this.#connections.keys()],
    };
  }

  #accept(connection: Line): Ear | null {
    if (this.#isGone) return null;
    const key = connection.id;
    const tell = (input: ServerInput): void => {
      this.#owner.do(() => {
        if (!this.#connections.has(key)) return;
        if (input.type === "closed") this.#drop(key);
        this.#turn(input);
      });
    };
    return {
      connected: () => {
        this.#connections.set(key, connection);
        const arrival = { tls: false, local: true, peer: connection.caller };
        // The machine makes it another number where it is taken.
        tell({ type: "accepted", connection: key, arrival, random: 7 });
      },
      received: (bytes) => tell({ type: "received", connection: key, bytes }),
      backlog: (bytes) => tell({ type: "backlog", connection: key, bytes }),
      closed: (failure) => tell({ type: "closed", connection: key, failure }),
    };
  }

  #turn(input: ServerInput): void {
    this.server.handle(input, this.#owner.now);
    for (let output = this.server.poll(); output !== null; output = this.server.poll()) {
      this.#perform(output);
    }
  }

  #guestTurn(input: GuestInput): void {
    this.guest?.handle(input, this.#owner.now);
    this.#drainGuest();
  }

  #drainGuest(): void {
    const { guest } = this;
    for (let output = guest?.poll() ?? null; output !== null; output = guest?.poll() ?? null) {
      this.#turn({ type: "guest", output });
    }
  }

  #perform(output: ServerOutput): void {
    switch (output.type) {
      case "transmit":
        this.#connections.get(output.connection)?.send("server", output.bytes);
        break;
      case "pause":
      case "resume":
        this.#connections.get(output.connection)?.setPaused("server", output.type === "pause");
        break;
      case "disconnect": {
        const connection = this.#connections.get(output.connection);
        this.#drop(output.connection);
        connection?.leave("server");
        break;
      }
      case "task":
        this.#begin(output.task, output.work);
        break;
      case "guest":
        this.#owner.do(() => this.#guestTurn(output.input));
        break;
      case "peer":
        this.#owner.saidToPeer(this, output.bytes);
        break;
      case "event":
        this.#owner.said(this, output.event);
        break;
    }
  }

  #begin(task: number, work: ServerTask): void {
    const result = resultOf(work);
    const line = "connection" in work ? this.#connections.get(work.connection) : undefined;
    const label = line === undefined ? work.kind : `${work.kind} for ${lineName(line)}`;
    const made = this.#owner.laterForLink(label, () => {
      // The connection may have ended before an answer that comes at once.
      this.#turn({ type: "done", task, result });
    });
    if (made === null || !("connection" in work)) return;
    const tasks = this.#tasks.get(work.connection) ?? new Set();
    this.#tasks.set(work.connection, tasks.add(made));
  }

  #drop(key: ConnectionKey): void {
    this.#connections.delete(key);
    const over = this.#tasks.get(key);
    this.#tasks.delete(key);
    if (over !== undefined) this.#owner.forget(over);
  }
}

/** No secret is worth keeping here: a ticket is sent as it is. */
function resultOf(work: ServerTask): ServerTaskResult {
  switch (work.kind) {
    case "key":
      return { kind: "key", publicKey: new Uint8Array(162).fill(1) };
    case "decrypt":
      return { kind: "decrypt", plain: work.ticket };
    case "sasl-mechanisms":
      return { kind: "failed", detail: "there is no SASL here" };
    default:
      return { kind: "failed", detail: `there is no ${work.kind} here` };
  }
}
