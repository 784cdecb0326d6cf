// What a machine of many connections has in common, whichever end it is: who owns which connection
// and which task, where outputs go, and what time it is. Routing only; it decides nothing.

import type { ConnectionKey, Instant, TaskKey, TransportOutput } from "./machine.ts";

/** Who waits for the answer to a task. */
export interface TaskOwner<Result> {
  done(result: Result): void;
}

interface Asked<Result> {
  readonly owner: TaskOwner<Result>;
  readonly connection: ConnectionKey | null;
}

/** What every such machine says; `Extra` is what only one kind does. */
type RoutedOutput<Work, Extra> =
  | Exclude<TransportOutput, { readonly type: "connect" }>
  | { readonly type: "task"; readonly task: TaskKey; readonly work: Work }
  | Extra;

export class Routing<Owner, Work, Result, Extra> {
  /** Of the input that is being handled. */
  now: Instant = 0;
  readonly #outputs: RoutedOutput<Work, Extra>[] = [];
  #taken = 0;
  readonly #owners = new Map<ConnectionKey, Owner>();
  readonly #tasks = new Map<TaskKey, Asked<Result>>();
  #nextTask: TaskKey = 1;

  poll(): RoutedOutput<Work, Extra> | null {
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
  handOver(connection: ConnectionKey, owner: Owner): void {
    this.#owners.set(connection, owner);
  }

  owner(connection: ConnectionKey): Owner | null {
    return this.#owners.get(connection) ?? null;
  }

  /** One for each connection. */
  get owners(): Iterable<Owner> {
    return this.#owners.values();
  }

  /** The transport said `closed`: returns who is to hear of it. */
  forget(connection: ConnectionKey): Owner | null {
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
  task(owner: TaskOwner<Result>, connection: ConnectionKey | null, work: Work): void {
    const task = this.#nextTask++;
    this.#tasks.set(task, { owner, connection });
    this.#outputs.push({ type: "task", task, work });
  }

  takeTask(task: TaskKey): TaskOwner<Result> | null {
    const owner = this.#tasks.get(task)?.owner ?? null;
    this.#tasks.delete(task);
    return owner;
  }

  /** Says what only this kind of machine does. */
  say(output: Extra): void {
    this.#outputs.push(output);
  }

  /** Connections that are open or opening. */
  get connectionCount(): number {
    return this.#owners.size;
  }

  #dropTasks(connection: ConnectionKey): void {
    for (const [task, { connection: of }] of this.#tasks) {
      if (of === connection) this.#tasks.delete(task);
    }
  }
}
