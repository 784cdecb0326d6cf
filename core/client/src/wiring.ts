// What the parts of a session share: who owns which connection and which task, where outputs go,
// and what time it is. Routing only; it decides nothing.

import type { FileRead } from "@caraway/agent";
import type {
  ConnectionKey,
  Instant,
  LinkTask,
  LinkTaskResult,
  TaskKey,
  TransportFailure,
} from "@caraway/channel";
import type { SessionEvent } from "./events.ts";
import type { ConnectChoice } from "./options.ts";
import type { RenderCommand, SessionOutput } from "./session-output.ts";

/** Whoever hears what happens on a connection. */
export interface ConnectionOwner {
  connected(): void;
  received(bytes: Uint8Array): void;
  /** Bytes that the network has not taken yet. */
  backlog?(bytes: number): void;
  /** The peer ended it (null) or it broke. The connection is gone when this is called. */
  closed(failure: TransportFailure | null): void;
}

export interface TaskOwner {
  done(result: LinkTaskResult): void;
}

export class Wiring {
  /** Of the input that is being handled. */
  now: Instant = 0;
  readonly #outputs: SessionOutput[] = [];
  #taken = 0;
  readonly #owners = new Map<ConnectionKey, ConnectionOwner>();
  readonly #tasks = new Map<TaskKey, { owner: TaskOwner; connection: ConnectionKey }>();
  #nextConnection: ConnectionKey = 1;
  #nextTask: TaskKey = 1;

  poll(): SessionOutput | null {
    const output = this.#outputs[this.#taken];
    if (output === undefined) {
      this.#outputs.length = 0;
      this.#taken = 0;
      return null;
    }
    this.#taken += 1;
    return output;
  }

  connect(owner: ConnectionOwner, choice: ConnectChoice): ConnectionKey {
    const connection = this.#nextConnection++;
    this.#owners.set(connection, owner);
    this.#outputs.push({ type: "connect", connection, ...choice });
    return connection;
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

  task(owner: TaskOwner, work: LinkTask): void {
    const task = this.#nextTask++;
    this.#tasks.set(task, { owner, connection: work.connection });
    this.#outputs.push({ type: "task", task, work });
  }

  takeTask(task: TaskKey): TaskOwner | null {
    const owner = this.#tasks.get(task)?.owner ?? null;
    this.#tasks.delete(task);
    return owner;
  }

  /** The answer to a task is of no use without its connection. */
  #dropTasks(connection: ConnectionKey): void {
    for (const [task, { connection: of }] of this.#tasks) {
      if (of === connection) this.#tasks.delete(task);
    }
  }

  readFile({ read, transfer, offset, size }: FileRead): void {
    this.#outputs.push({ type: "read", read, transfer, offset, size });
  }

  render(command: RenderCommand): void {
    this.#outputs.push({ type: "render", command });
  }

  event(event: SessionEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  /** Connections that are open or opening. */
  get connectionCount(): number {
    return this.#owners.size;
  }
}
