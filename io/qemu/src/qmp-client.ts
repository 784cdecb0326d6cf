// A client of QEMU's machine protocol (QMP) over a unix socket: commands, their answers in order,
// and events.

import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { CarawayError } from "@caraway/wire";
import type { SocketHanding } from "./socket-handing.ts";

export class QmpError extends CarawayError {
  readonly code = "QMP_ERROR";
}

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's clock, milliseconds since 1970. */
  readonly at: number;
}

export interface QmpListener {
  event(event: QmpEvent): void;
  /** QEMU is gone, or closed the monitor. */
  closed(): void;
}

type Arguments = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: QmpError) => void;
}

interface Timestamp {
  readonly seconds?: number;
  readonly microseconds?: number;
}

/** Longest line that QEMU may send. */
const lineMax = 16 << 20;

export class QmpClient {
  readonly #socket: Socket;
  readonly #listener: QmpListener;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isClosed = false;

  private constructor(socket: Socket, listener: QmpListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on("close", () => this.#closed());
    socket.on("error", () => this.#closed());
  }

  /** @throws QmpError when nobody answers there as QEMU does. */
  static async connect(path: string, listener: QmpListener): Promise<QmpClient> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (error) => {
        reject(new QmpError(`QEMU does not answer on ${path}: ${error.message}`));
      });
    });
    return await QmpClient.over(socket, listener);
  }

  /**
   * Over a socket that is connected to a monitor nobody else has talked to.
   * @throws QmpError when nobody answers there as QEMU does.
   */
  static async over(socket: Socket, listener: QmpListener): Promise<QmpClient> {
    const client = new QmpClient(socket, listener);
    const lines = createInterface({ input: socket });
    // It passes the socket's errors on; those have been handled.
    lines.on("error", () => undefined);
    const greeting = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new QmpError("QEMU sent no greeting")));
    });
    lines.on("line", (line) => client.#line(line));
    const { QMP } = (parse(greeting) ?? {}) as { QMP?: { readonly capabilities?: unknown } };
    const offered = Array.isArray(QMP?.capabilities) ? QMP.capabilities : [];
    const enable = offered.filter((one) => one === "oob");
    await client.execute("qmp_capabilities", enable.length > 0 ? { enable } : undefined);
    return client;
  }

  /** @throws QmpError with QEMU's words when it refuses. */
  execute(command: string, parameters?: Arguments): Promise<unknown> {
    return this.#send(command, parameters, (bytes) => this.#socket.write(bytes));
  }

  /**
   * Runs one of the few commands that QEMU takes while it stands still, and before all others.
   * @throws QmpError with QEMU's words when it refuses.
   */
  executeNow(command: string, parameters?: Arguments): Promise<unknown> {
    return this.#send(command, parameters, (bytes) => this.#socket.write(bytes), "exec-oob");
  }

  /** Runs a command that takes a file descriptor with it, which stays open here. */
  async executeWith(
    handing: SocketHanding,
    fd: number,
    command: string,
    parameters: Arguments,
  ): Promise<unknown> {
    while (this.#socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    return await this.#send(command, parameters, (bytes) => handing.send(this.#socket, bytes, fd));
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(
    command: string,
    parameters: Arguments | undefined,
    write: (bytes: Uint8Array) => void,
    verb: "execute" | "exec-oob" = "execute",
  ): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new QmpError(`${command}: QEMU is gone`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
      const message = { [verb]: command, ...(parameters && { arguments: parameters }), id };
      write(Buffer.from(`${JSON.stringify(message)}\n`));
    });
  }

  #line(line: string): void {
    const message = parse(line);
    if (message === null || line.length > lineMax) {
      this.#socket.destroy();
      return;
    }
    if (typeof message["event"] === "string") {
      const data = (message["data"] ?? {}) as QmpEvent["data"];
      const { seconds = 0, microseconds = 0 } = (message["timestamp"] ?? {}) as Timestamp;
      const at = seconds * 1000 + microseconds / 1000;
      this.#listener.event({ name: message["event"], data, at });
      return;
    }
    const id = message["id"];
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) return;
    this.#waiting.delete(id as number);
    const error = message["error"] as { readonly desc?: string } | undefined;
    if (error === undefined) waiting.resolve(message["return"]);
    else waiting.reject(new QmpError(`${waiting.command}: ${error.desc ?? "refused"}`));
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { command, reject } of this.#waiting.values()) {
      reject(new QmpError(`${command}: QEMU ended before it answered`));
    }
    this.#waiting.clear();
    this.#listener.closed();
  }
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
