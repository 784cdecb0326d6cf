// A client of QEMU's machine protocol (QMP): commands with typed answers, and events as a log that can be awaited or iterated.

import type { Socket } from "node:net";
import { createInterface } from "node:readline";
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

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's clock, milliseconds since 1970. */
  readonly at: number;
}

export class QmpError extends Error {
  readonly command: string;
  constructor(command: string, description: string) {
    super(`${command}: ${description}`);
    this.name = "QmpError";
    this.command = command;
  }
}

interface QmpMessage {
  QMP?: object;
  id?: number;
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: Record<string, unknown>;
  timestamp?: { seconds: number; microseconds: number };
}

export class Qmp {
  /** Every event since the connection began, oldest first. */
  readonly events: QmpEvent[] = [];
  readonly #socket: Socket;
  readonly #pending = new Map<
    number,
    { command: string; resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #watchers = new Set<() => void>();
  #nextId = 1;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => this.#close());
    socket.on("close", () => this.#close());
  }

  /** Connects to QEMU's socket and negotiates; waits for the socket to appear. */
  static async connect(path: string, isAlive: () => boolean): Promise<Qmp> {
    const socket = await connectUnix(path, isAlive);
    const qmp = new Qmp(socket);
    const lines = createInterface({ input: socket });
    // It passes the socket's errors on; those have been handled.
    lines.on("error", () => undefined);
    await new Promise<void>((resolve, reject) => {
      lines.once("line", () => resolve());
      lines.once("close", () => reject(new QmpError("connect", "QEMU ended before its greeting")));
    });
    lines.on("line", (line) => qmp.#receive(JSON.parse(line) as QmpMessage));
    await qmp.executeAny("qmp_capabilities");
    return qmp;
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
    if (this.#closed) return Promise.reject(new QmpError(name, "QEMU is gone"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { command: name, resolve, reject });
      this.#socket.write(
        `${JSON.stringify({ execute: name, ...(parameters && { arguments: parameters }), id })}\n`,
      );
    });
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
    throw new QmpError(
      name,
      this.#closed ? "QEMU ended before the event came" : `no such event within ${timeoutMs} ms`,
    );
  }

  /** Events from a position of the log on, past and future, until QEMU ends or the signal aborts. */
  async *eventsFrom(position: number, signal?: AbortSignal): AsyncGenerator<QmpEvent, void> {
    for (let index = position; ; index++) {
      while (index >= this.events.length) {
        if (this.#closed || signal?.aborted) return;
        await this.#change(signal);
      }
      yield this.events[index]!;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(signal?: AbortSignal): Promise<void> {
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

  #receive(message: QmpMessage): void {
    if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      this.events.push({
        name: message.event,
        data: message.data ?? {},
        at: seconds * 1000 + microseconds / 1000,
      });
      for (const watcher of [...this.#watchers]) watcher();
    } else if (message.id !== undefined) {
      const request = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if (message.error) request?.reject(new QmpError(request.command, message.error.desc));
      else request?.resolve(message.return);
    }
  }

  #close(): void {
    this.#closed = true;
    for (const { command, reject } of this.#pending.values()) {
      reject(new QmpError(command, "QEMU ended before it answered"));
    }
    this.#pending.clear();
    for (const watcher of [...this.#watchers]) watcher();
  }
}
