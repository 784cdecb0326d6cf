// Drives the gateway's machine: clients that were let in, connections to servers, the tasks of the
// link stage, and one timer, in turns.

import type { Address, ConnectionKey } from "@caraway/channel";
import { LinkTasks, type Transport, Turns } from "@caraway/driver";
import type {
  Arrival,
  Gateway,
  GatewayCommand,
  GatewayEvent,
  GatewayInput,
  GatewayOutput,
  Grant,
  Refusal,
} from "@caraway/gateway";
import { type ByteStream, nodePlatform, type TlsOptions } from "@caraway/node";

export interface DriverOptions {
  /** For connections to servers. */
  readonly tls: TlsOptions;
  readonly connectTimeoutMs: number;
  readonly onEvent: (event: GatewayEvent) => void;
  /** A fault in the program: nothing is known of the connections any more. */
  readonly onFault: (error: unknown) => void;
}

interface Open {
  readonly end: Pick<Transport, "write" | "pause" | "resume" | "close">;
  /** Bytes that wait for the peer. */
  backlog: number;
  /** Of a server. */
  readonly link: {
    readonly tasks: LinkTasks;
    readonly address: Address;
    readonly isPrivate: boolean;
  } | null;
}

/** Large reads are worth their memory as long as little waits for slow clients. */
const readSizeMax = 1 << 20;
const readSizeWhenFull = 64 << 10;
const backlogOfAllHigh = 256 << 20;

export class GatewayDriver {
  readonly #gateway: Gateway;
  readonly #options: DriverOptions;
  readonly #platform;
  readonly #connections = new Map<ConnectionKey, Open>();
  readonly #turns: Turns;
  #nextClient: ConnectionKey = 1;
  #backlogOfAll = 0;

  constructor(gateway: Gateway, options: DriverOptions) {
    this.#gateway = gateway;
    this.#options = options;
    const sizeMax = () => (this.#backlogOfAll > backlogOfAllHigh ? readSizeWhenFull : readSizeMax);
    const { tls, connectTimeoutMs } = options;
    this.#platform = nodePlatform({ tls, connectTimeoutMs, bulkReads: { sizeMax } });
    this.#turns = new Turns({
      clock: this.#platform,
      deadline: () => gateway.deadline(),
      wake: () => this.#turn({ type: "timeout" }),
      fault: options.onFault,
    });
  }

  get backlogOfAll(): number {
    return this.#backlogOfAll;
  }

  refusal(grant: Grant, arrival: Arrival): Refusal | null {
    return this.#turns.isStopped ? "draining" : this.#gateway.refusal(grant, arrival);
  }

  /** Takes over the stream of a client against whom `refusal` had nothing. */
  accept(stream: ByteStream, grant: Grant, arrival: Arrival): void {
    const connection = this.#nextClient++;
    const open: Open = {
      end: {
        write: (bytes) => stream.write(bytes),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        close: () => stream.end(),
      },
      backlog: 0,
      link: null,
    };
    this.#connections.set(connection, open);
    this.#feed({ type: "accepted", connection, grant, arrival });
    stream.listen({
      received: (bytes) => this.#tell(open, { type: "received", connection, bytes }),
      backlog: (bytes) => this.#tellBacklog(open, connection, bytes),
      closed: (failure) => this.#tell(open, { type: "closed", connection, failure }),
    });
  }

  command(command: GatewayCommand): void {
    this.#feed({ type: "command", command });
  }

  #tell(open: Open, input: Extract<GatewayInput, { readonly connection: ConnectionKey }>): void {
    const { connection } = input;
    // What a connection says after its end is of no interest.
    if (this.#connections.get(connection) !== open) return;
    if (input.type === "closed") this.#forget(connection);
    this.#feed(input);
  }

  #tellBacklog(open: Open, connection: ConnectionKey, bytes: number): void {
    if (this.#connections.get(connection) !== open) return;
    this.#backlogOfAll += bytes - open.backlog;
    open.backlog = bytes;
    this.#feed({ type: "backlog", connection, bytes });
  }

  #forget(connection: ConnectionKey): void {
    const open = this.#connections.get(connection);
    if (open === undefined) return;
    this.#backlogOfAll -= open.backlog;
    this.#connections.delete(connection);
  }

  #feed(input: GatewayInput): void {
    this.#turns.take(() => this.#turn(input));
  }

  #turn(input: GatewayInput): void {
    this.#gateway.handle(input, this.#platform.now());
    for (let out = this.#gateway.poll(); out !== null; out = this.#gateway.poll()) {
      this.#perform(out);
    }
  }

  #perform(output: GatewayOutput): void {
    switch (output.type) {
      case "transmit":
        this.#connections.get(output.connection)?.end.write(output.bytes);
        break;
      case "pause":
        this.#connections.get(output.connection)?.end.pause();
        break;
      case "resume":
        this.#connections.get(output.connection)?.end.resume();
        break;
      case "disconnect": {
        const open = this.#connections.get(output.connection);
        this.#forget(output.connection);
        open?.end.close();
        break;
      }
      case "connect":
        this.#connect(output);
        break;
      case "task":
        this.#runTask(output);
        break;
      case "event":
        this.#options.onEvent(output.event);
        break;
    }
  }

  #connect(output: Extract<GatewayOutput, { type: "connect" }>): void {
    const { connection, address, tls, grant } = output;
    const transport = this.#platform.open(address, tls, {
      connected: () => this.#tell(open, { type: "connected", connection }),
      received: (bytes) => this.#tell(open, { type: "received", connection, bytes }),
      backlog: (bytes) => this.#tellBacklog(open, connection, bytes),
      closed: (failure) => this.#tell(open, { type: "closed", connection, failure }),
    });
    const { username, password } = grant;
    const source = { password: password ?? "", ...(username !== null && { username }) };
    const isPrivate =
      tls !== null ||
      address.kind === "unix" ||
      (address.kind === "websocket" && /^wss:/i.test(address.url));
    const tasks = new LinkTasks(source, this.#platform.crypto);
    const open: Open = { end: transport, backlog: 0, link: { tasks, address, isPrivate } };
    this.#connections.set(connection, open);
  }

  #runTask({ task, work }: Extract<GatewayOutput, { type: "task" }>): void {
    const open = this.#connections.get(work.connection);
    // The connection ended in this very drain; the machine is about to hear of it.
    if (open === undefined || open.link === null) return;
    void open.link.tasks.run(work, open.link).then((result) => {
      if (this.#connections.get(work.connection) !== open) return;
      this.#feed({ type: "done", task, result });
    });
  }
}
