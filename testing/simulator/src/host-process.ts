// A server and its guest as a process: what a host's program drives.

import type { ConnectionKey, Instant } from "@caraway/channel";
import {
  type GuestInput,
  type SavableGuest,
  type ServerCommand,
  type ServerEvent,
  type ServerInput,
  type ServerOptions,
  type ServerOutput,
  type ServerTask,
  type ServerTaskResult,
  SpiceServer,
} from "@caraway/server";
import { eventText } from "./event-text.ts";
import type { Connection, Network } from "./network.ts";
import { Process, type Surroundings, type Task } from "./process.ts";

/** What a host may have in place of the server itself: the same border, with something wrong. */
export type MakeServer = (
  options: Partial<ServerOptions>,
) => Pick<SpiceServer, "handle" | "poll" | "deadline" | "snapshot">;

export const realServer: MakeServer = (options) => new SpiceServer(options);

export class HostProcess<Guest extends SavableGuest> extends Process {
  readonly server: ReturnType<MakeServer>;
  readonly events: ServerEvent[] = [];
  /** What the server told the guest. */
  guest: Guest | null = null;
  readonly #network: Network;
  readonly #connections = new Map<ConnectionKey, Connection>();
  readonly #tasks = new Map<ConnectionKey, Set<Task>>();

  constructor(
    name: string,
    surroundings: Surroundings,
    network: Network,
    options: Partial<ServerOptions>,
    makeServer: MakeServer,
  ) {
    super(name, surroundings);
    this.#network = network;
    this.server = makeServer(options);
    network.listen(name, (connection) => this.#accept(connection));
  }

  /** Gives it a guest that describes itself. */
  adopt(guest: Guest): void {
    this.do(() => {
      this.guest = guest;
      this.#drainGuest();
    });
  }

  command(command: ServerCommand): void {
    this.do(() => this.#turn({ type: "command", command }));
  }

  /** The hypervisor's word to the guest. */
  tellGuest(input: GuestInput): void {
    this.do(() => this.#guestTurn(input));
  }

  deadline(): Instant | null {
    if (!this.isAlive) return null;
    const mine = this.server.deadline();
    const guests = this.guest?.deadline() ?? null;
    if (mine === null || guests === null) return mine ?? guests;
    return Math.min(mine, guests);
  }

  snapshot(now: Instant): unknown {
    if (!this.isAlive) return null;
    const deadline = this.server.deadline();
    return {
      server: this.server.snapshot(now),
      wakes: deadline === null ? null : deadline - now,
      guest: this.guest?.snapshot(now) ?? null,
    };
  }

  protected wake(): void {
    const { now } = this.surroundings;
    const guests = this.guest?.deadline() ?? null;
    if (guests !== null && guests <= now) this.#guestTurn({ type: "timeout" });
    const mine = this.server.deadline();
    if (mine !== null && mine <= now) this.#turn({ type: "timeout" });
  }

  protected died(): void {
    this.#network.deafen(this.name);
    for (const connection of this.#connections.values()) {
      connection.reset("server", `${this.name} died`);
    }
    this.#connections.clear();
    this.guest = null;
  }

  #accept(connection: Connection): ReturnType<Parameters<Network["listen"]>[1]> {
    if (!this.isAlive) return null;
    const key = connection.id;
    const tell = (input: ServerInput): void => {
      this.do(() => {
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
    this.server.handle(input, this.surroundings.now);
    for (let output = this.server.poll(); output !== null; output = this.server.poll()) {
      this.#perform(output);
    }
  }

  #guestTurn(input: GuestInput): void {
    this.guest?.handle(input, this.surroundings.now);
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
        this.do(() => this.#guestTurn(output.input));
        break;
      case "event":
        this.events.push(output.event);
        this.note(eventText(output.event));
        break;
    }
  }

  #begin(task: number, work: ServerTask): void {
    const result = resultOf(work);
    const made = this.later(work.kind, () => this.#turn({ type: "done", task, result }));
    if (!("connection" in work)) return;
    const tasks = this.#tasks.get(work.connection) ?? new Set();
    this.#tasks.set(work.connection, tasks.add(made));
  }

  #drop(key: ConnectionKey): void {
    this.#connections.delete(key);
    const over = this.#tasks.get(key);
    this.#tasks.delete(key);
    if (over !== undefined) this.tasks = this.tasks.filter((task) => !over.has(task));
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
