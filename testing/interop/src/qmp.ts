// QEMU's machine protocol (QMP) as tests use it: commands with typed answers, and events as a log
// that can be awaited or iterated.

import { QmpClient, QmpError, type QmpEvent, type QmpListener } from "@caraway/qemu";
import { connectUnix } from "./unix-socket.ts";

export type RunState =
  | "running"
  | "paused"
  | "inmigrate"
  | "postmigrate"
  | "finish-migrate"
  | "prelaunch"
  | "shutdown"
  | (string & {});

export interface MigrationInfo {
  readonly status?: string;
  readonly downtime?: number;
  readonly "total-time"?: number;
  readonly "error-desc"?: string;
}

export interface SpiceChannelInfo {
  readonly "connection-id": number;
  readonly "channel-type": number;
  readonly "channel-id": number;
  readonly tls: boolean;
}

export interface SpiceInfo {
  readonly enabled: boolean;
  readonly migrated: boolean;
  readonly "mouse-mode": "client" | "server" | "unknown";
  readonly channels?: readonly SpiceChannelInfo[];
}

type None = Record<string, never>;

/** The commands that the harness uses, with their arguments and answers. Others go through `executeAny`. */
export interface QmpCommands {
  "query-status": { arguments: None; result: { status: RunState; running: boolean } };
  "query-spice": { arguments: None; result: SpiceInfo };
  "query-migrate": { arguments: None; result: MigrationInfo };
  "query-version": { arguments: None; result: { package: string } };
  "migrate-set-capabilities": {
    arguments: { capabilities: { capability: string; state: boolean }[] };
    result: None;
  };
  "migrate-set-parameters": { arguments: Record<string, number | string>; result: None };
  migrate: { arguments: { uri: string }; result: None };
  migrate_cancel: { arguments: None; result: None };
  client_migrate_info: {
    arguments: {
      protocol: "spice";
      hostname: string;
      port: number;
      "tls-port": number;
      "cert-subject"?: string;
    };
    result: None;
  };
  set_password: {
    arguments: { protocol: "spice"; password: string; connected?: "fail" | "disconnect" | "keep" };
    result: None;
  };
  expire_password: { arguments: { protocol: "spice"; time: string }; result: None };
  screendump: { arguments: { filename: string; device?: string; head?: number }; result: None };
  stop: { arguments: None; result: None };
  cont: { arguments: None; result: None };
  quit: { arguments: None; result: None };
}

/** What QEMU said by itself, oldest first, and whoever waits for more. */
class EventLog implements QmpListener {
  readonly events: QmpEvent[] = [];
  isClosed = false;
  readonly #watchers = new Set<() => void>();

  event(event: QmpEvent): void {
    this.events.push(event);
    this.#changed();
  }

  closed(): void {
    this.isClosed = true;
    this.#changed();
  }

  change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#watchers.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      this.#watchers.add(done);
      signal?.addEventListener("abort", done);
    });
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export class Qmp {
  readonly #client: QmpClient;
  readonly #log: EventLog;

  private constructor(client: QmpClient, log: EventLog) {
    this.#client = client;
    this.#log = log;
  }

  /** Connects to QEMU's socket and negotiates; waits for the socket to appear. */
  static async connect(path: string, isAlive: () => boolean): Promise<Qmp> {
    const socket = await connectUnix(path, isAlive);
    const log = new EventLog();
    return new Qmp(await QmpClient.over(socket, log), log);
  }

  /** Every event since the connection began, oldest first. */
  get events(): readonly QmpEvent[] {
    return this.#log.events;
  }

  /** Runs a command. Throws `QmpError` when QEMU refuses it. */
  execute<Name extends keyof QmpCommands>(
    name: Name,
    ...parameters: QmpCommands[Name]["arguments"] extends None
      ? []
      : [QmpCommands[Name]["arguments"]]
  ): Promise<QmpCommands[Name]["result"]> {
    return this.executeAny(name, parameters[0]) as Promise<QmpCommands[Name]["result"]>;
  }

  /** Runs a command that `QmpCommands` does not name. */
  executeAny(name: string, parameters?: Record<string, unknown>): Promise<unknown> {
    return this.#client.execute(name, parameters);
  }

  /**
   * The first event of that name (and for which `where` holds) at or after position `since` of the log; waits for it. Without `since` only
   * events that come from now on count.
   */
  async waitForEvent(
    name: string,
    options: {
      since?: number;
      where?: (data: QmpEvent["data"]) => boolean;
      timeoutMs?: number;
    } = {},
  ): Promise<QmpEvent> {
    const { since = this.events.length, where = () => true, timeoutMs = 30_000 } = options;
    const deadline = AbortSignal.timeout(timeoutMs);
    for await (const event of this.eventsFrom(since, deadline)) {
      if (event.name === name && where(event.data)) return event;
    }
    const why = this.#log.isClosed ? "QEMU ended before" : `it did not come within ${timeoutMs} ms`;
    throw new QmpError(`${name}: ${why}`);
  }

  /** Events from a position of the log on, past and future, until QEMU ends or the signal aborts. */
  async *eventsFrom(position: number, signal?: AbortSignal): AsyncGenerator<QmpEvent, void> {
    for (let index = position; ; index++) {
      while (index >= this.events.length) {
        if (this.#log.isClosed || signal?.aborted) return;
        await this.#log.change(signal);
      }
      yield this.events[index]!;
    }
  }

  close(): void {
    this.#client.close();
  }
}
