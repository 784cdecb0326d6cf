// Drives a machine: gives it connections, a clock and the link stage's tasks, and hands everything
// else it says to the embedder.

import type {
  Address,
  ConnectionKey,
  LinkTask,
  LinkTaskResult,
  Machine,
  TaskKey,
  TransportInput,
  TransportOutput,
} from "@caraway/channel";
import { type CredentialsSource, LinkTasks } from "./link-tasks.ts";
import type { Platform, Transport } from "./platform.ts";
import { Turns } from "./turns.ts";

/** What the driver itself tells a machine. */
export type DriverInput =
  | TransportInput
  | { readonly type: "timeout" }
  | { readonly type: "done"; readonly task: TaskKey; readonly result: LinkTaskResult };

/** What the driver itself does for a machine. */
export type DriverOutput =
  | TransportOutput
  | { readonly type: "task"; readonly task: TaskKey; readonly work: LinkTask };

export interface DriveOptions<Extra> {
  /** For tickets and SASL; an empty password when absent. */
  readonly credentials?: CredentialsSource;
  /** Where an address is really reached: behind NAT, a gateway or a tunnel. */
  readonly mapAddress?: (address: Address) => Address;
  /** Sees the bytes of every connection, as the machine sends and hears them. */
  readonly onBytes?: (
    connection: ConnectionKey,
    from: "client" | "server",
    bytes: Uint8Array,
  ) => void;
  /** Takes every output that is not the driver's. It may call `feed`: that input waits its turn. */
  readonly onOutput: (output: Extra) => void;
  /**
   * The machine or `onOutput` has thrown, which is a fault in the program: everything is closed
   * by then. Thrown on when absent.
   */
  readonly onFault?: (error: unknown) => void;
}

export interface Driver<Command> {
  /** Hands the machine an input, at once or after those that wait. Ignored after `close`. */
  feed(input: Command): void;
  /** Closes every connection and the timer; the machine hears no more. */
  close(): void;
}

interface OpenConnection {
  readonly transport: Transport;
  readonly address: Address;
  readonly isPrivate: boolean;
}

/**
 * `Extra` are the outputs that the driver does not know, other tasks among them; `Command` are
 * the inputs beside the driver's own.
 */
export function drive<Command, Extra extends { readonly type: string }>(
  machine: Machine<DriverInput | Command, DriverOutput | Extra>,
  platform: Platform,
  options: DriveOptions<Extra>,
): Driver<Command> {
  return new MachineDriver(machine, platform, options);
}

class MachineDriver<Command, Extra extends { readonly type: string }> implements Driver<Command> {
  readonly #machine: Machine<DriverInput | Command, DriverOutput | Extra>;
  readonly #platform: Platform;
  readonly #options: DriveOptions<Extra>;
  readonly #tasks: LinkTasks;
  readonly #connections = new Map<ConnectionKey, OpenConnection>();
  readonly #turns: Turns;

  constructor(
    machine: Machine<DriverInput | Command, DriverOutput | Extra>,
    platform: Platform,
    options: DriveOptions<Extra>,
  ) {
    this.#machine = machine;
    this.#platform = platform;
    this.#options = options;
    this.#tasks = new LinkTasks(options.credentials ?? { password: "" }, platform.crypto);
    this.#turns = new Turns({
      clock: platform,
      deadline: () => machine.deadline(),
      wake: () => this.#turn({ type: "timeout" }),
      fault: (error) => {
        this.close();
        if (options.onFault === undefined) throw error;
        options.onFault(error);
      },
    });
  }

  feed(input: Command): void {
    this.#enqueue(input);
  }

  close(): void {
    this.#turns.stop();
    for (const { transport } of this.#connections.values()) transport.close();
    this.#connections.clear();
  }

  /** `matters` says at its turn whether it still does. */
  #enqueue(input: DriverInput | Command, matters = always): void {
    this.#turns.take(() => {
      if (matters()) this.#turn(input);
    });
  }

  #turn(input: DriverInput | Command): void {
    this.#machine.handle(input, this.#platform.now());
    // `close` may be called by the embedder between two outputs.
    while (!this.#turns.isStopped) {
      const output = this.#machine.poll();
      if (output === null) return;
      this.#perform(output);
    }
  }

  #perform(output: DriverOutput | Extra): void {
    if (!isOwn(output)) {
      this.#options.onOutput(output);
      return;
    }
    switch (output.type) {
      case "connect":
        this.#connect(output);
        return;
      case "transmit":
        this.#options.onBytes?.(output.connection, "client", output.bytes);
        this.#connections.get(output.connection)?.transport.write(output.bytes);
        return;
      case "pause":
        this.#connections.get(output.connection)?.transport.pause();
        return;
      case "resume":
        this.#connections.get(output.connection)?.transport.resume();
        return;
      case "disconnect":
        this.#connections.get(output.connection)?.transport.close();
        this.#drop(output.connection);
        return;
      case "task":
        this.#runTask(output.task, output.work);
        return;
    }
  }

  #connect({ connection, address, tls }: TransportOutput & { type: "connect" }): void {
    if (this.#connections.has(connection)) {
      throw new Error(`connection ${connection} is asked for twice`);
    }
    const reached = this.#options.mapAddress?.(address) ?? address;
    const transport = this.#platform.open(reached, tls, {
      connected: () => tell({ type: "connected", connection }),
      received: (bytes) => tell({ type: "received", connection, bytes }),
      backlog: (bytes) => tell({ type: "backlog", connection, bytes }),
      closed: (failure) => tell({ type: "closed", connection, failure }),
    });
    const isPrivate =
      tls !== null ||
      reached.kind === "unix" ||
      (reached.kind === "websocket" && /^wss:/i.test(reached.url));
    const opened: OpenConnection = { transport, address, isPrivate };
    this.#connections.set(connection, opened);
    const isCurrent = (): boolean => this.#connections.get(connection) === opened;
    const tell = (input: TransportInput): void => {
      this.#enqueue(input, () => {
        if (!isCurrent()) return false;
        if (input.type === "received") this.#options.onBytes?.(connection, "server", input.bytes);
        // After `closed` the key is free, so it goes before the machine hears of it.
        if (input.type === "closed") this.#drop(connection);
        return true;
      });
    };
  }

  #drop(connection: ConnectionKey): void {
    this.#connections.delete(connection);
    this.#tasks.forget(connection);
  }

  #runTask(task: TaskKey, work: LinkTask): void {
    const connection = this.#connections.get(work.connection);
    // The connection ended in this very drain; the machine is about to hear of it.
    if (connection === undefined) return;
    void this.#tasks.run(work, connection).then((result) => {
      const isCurrent = (): boolean => this.#connections.get(work.connection) === connection;
      this.#enqueue({ type: "done", task, result }, isCurrent);
    });
  }
}

function always(): boolean {
  return true;
}

function isOwn<Extra extends { readonly type: string }>(
  output: DriverOutput | Extra,
): output is DriverOutput {
  switch (output.type) {
    case "connect":
    case "transmit":
    case "pause":
    case "resume":
    case "disconnect":
      return true;
    case "task": {
      const kind = (output as { work?: { kind?: unknown } }).work?.kind;
      return kind === "ticket" || kind === "sasl-start" || kind === "sasl-step";
    }
    default:
      return false;
  }
}
