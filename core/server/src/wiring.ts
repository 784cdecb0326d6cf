// What the parts of a server share: who owns which connection and which task, where outputs go, and
// what time it is. Routing only; it decides nothing.

import type { ConnectionKey, Instant, TaskKey, TransportFailure } from "@caraway/channel";
import type { ServerEvent } from "./events.ts";
import type { GuestInput } from "./guest.ts";
import { type GateInput, GuestGate } from "./guest-gate.ts";
import type { ServerOutput, ServerTask, ServerTaskResult } from "./server-border.ts";

/** Whoever hears what happens on a connection. */
export interface ConnectionOwner {
  received(bytes: Uint8Array): void;
  /** Bytes that the network has not taken yet. */
  backlog(bytes: number): void;
  /** The peer ended it (null) or it broke. The connection is gone when this is called. */
  closed(failure: TransportFailure | null): void;
}

export interface TaskOwner {
  done(result: ServerTaskResult): void;
}

export class Wiring {
  /** Of the input that is being handled. */
  now: Instant = 0;
  /** Inputs that were handled, this one included. */
  inputCount = 0;
  readonly #outputs: ServerOutput[] = [];
  #taken = 0;
  readonly #owners = new Map<ConnectionKey, ConnectionOwner>();
  readonly #tasks = new Map<TaskKey, { owner: TaskOwner; connection: ConnectionKey | null }>();
  #nextTask: TaskKey = 1;
  #detour: (input: GateInput) => boolean = () => false;
  /** The way to the guest for what clients do: keys, pointer, wishes. */
  readonly gate = new GuestGate((input) => {
    if (!this.#detour(input)) this.guest(input);
  });

  poll(): ServerOutput | null {
    const output = this.#outputs[this.#taken];
    if (output === undefined) {
      this.#outputs.length = 0;
      this.#taken = 0;
      return null;
    }
    this.#taken += 1;
    return output;
  }

  /** From now on `owner` hears of the connection. */
  handOver(connection: ConnectionKey, owner: ConnectionOwner): void {
    this.#owners.set(connection, owner);
  }

  owner(connection: ConnectionKey): ConnectionOwner | null {
    return this.#owners.get(connection) ?? null;
  }

  /** The transport said `closed`: returns who is to hear of it. */
  forget(connection: ConnectionKey): ConnectionOwner | null {
    const owner = this.owner(connection);
    this.#owners.delete(connection);
    this.#dropTasks(connection);
    return owner;
  }

  transmit(connection: ConnectionKey, bytes: Uint8Array): void {
    this.#outputs.push({ type: "transmit", connection, bytes });
  }

  pause(connection: ConnectionKey): void {
    this.#outputs.push({ type: "pause", connection });
  }

  resume(connection: ConnectionKey): void {
    this.#outputs.push({ type: "resume", connection });
  }

  disconnect(connection: ConnectionKey): void {
    if (!this.#owners.delete(connection)) return;
    this.#dropTasks(connection);
    this.#outputs.push({ type: "disconnect", connection });
  }

  /** The answer is of no use when `connection`, if any, has ended. */
  task(owner: TaskOwner, connection: ConnectionKey | null, work: ServerTask): void {
    const task = this.#nextTask++;
    this.#tasks.set(task, { owner, connection });
    this.#outputs.push({ type: "task", task, work });
  }

  takeTask(task: TaskKey): TaskOwner | null {
    const owner = this.#tasks.get(task)?.owner ?? null;
    this.#tasks.delete(task);
    return owner;
  }

  #dropTasks(connection: ConnectionKey): void {
    for (const [task, { connection: of }] of this.#tasks) {
      if (of === connection) this.#tasks.delete(task);
    }
  }

  guest(input: GuestInput): void {
    this.#outputs.push({ type: "guest", input });
  }

  /** Who leads what passes the gate another way than to the guest's own devices, if it says so. */
  leadBy(detour: (input: GateInput) => boolean): void {
    this.#detour = detour;
  }

  peer(bytes: Uint8Array): void {
    this.#outputs.push({ type: "peer", bytes });
  }

  event(event: ServerEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.#owners.size;
  }
}
