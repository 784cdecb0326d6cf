// The world around one client session: connections in memory, virtual time, and a choice of what
// happens next. Nothing happens by itself: `run` takes the steps that are possible, first come
// first served or as `choose` says, and `advance` lets time pass.

import type { ConnectionKey, LinkTask, TaskKey, TransportFailure } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import {
  ClientSession,
  defaultSessionOptions,
  type Endpoint,
  type RenderCommand,
  type SessionCommand,
  type SessionEvent,
  type SessionInput,
  type SessionOptions,
  type SessionOutput,
} from "../src/index.ts";

/** What a server does with one connection. */
export interface ServerEnd {
  received(bytes: Uint8Array): void;
  /** The client closed it. */
  closed(): void;
}

/** Something that listens on a port. */
export interface Listener {
  /** Null: the connection is neither taken nor refused. */
  accept(connection: Connection): ServerEnd | null;
}

type ToClient =
  | { readonly type: "connected" }
  | { readonly type: "received"; readonly bytes: Uint8Array }
  | { readonly type: "closed"; readonly failure: TransportFailure | null };

type ToServer = { readonly type: "received"; readonly bytes: Uint8Array } | { type: "closed" };

export class Connection {
  readonly key: ConnectionKey;
  readonly port: number;
  readonly tls: boolean;
  server: ServerEnd | null = null;
  readonly toClient: ToClient[] = [];
  readonly toServer: ToServer[] = [];
  paused = false;
  /** The client has not left it and was not told that it is closed. */
  open = true;

  constructor(key: ConnectionKey, port: number, tls: boolean) {
    this.key = key;
    this.port = port;
    this.tls = tls;
  }

  send(bytes: Uint8Array): void {
    this.toClient.push({ type: "received", bytes });
  }

  /** Ends it from the server's side, behind what was sent. */
  close(failure: TransportFailure | null = null): void {
    if (this.server === null) return;
    this.server = null;
    this.toClient.push({ type: "closed", failure });
  }

  /** Breaks it: what was sent and not delivered is lost. */
  reset(): void {
    if (this.server === null) return;
    this.server = null;
    this.toClient.length = 0;
    this.toClient.push({ type: "closed", failure: { kind: "reset", detail: "reset" } });
  }
}

export interface Step {
  readonly label: string;
  readonly take: () => void;
}

export interface WorldOptions {
  readonly session?: Partial<SessionOptions>;
  readonly endpoint?: Partial<Endpoint>;
  /** What the driver encrypts into tickets. */
  readonly password?: string;
  /** Renders as soon as it can (default), or when `rendered` is called. */
  readonly render?: "auto" | "manual";
  /** The next step among those that are possible; the oldest when absent. */
  readonly choose?: (steps: readonly Step[]) => Step;
  /** How many bytes of a delivery come at once; all when absent. */
  readonly cut?: (size: number) => number;
}

export class World {
  now = 1000;
  readonly session: ClientSession;
  readonly events: SessionEvent[] = [];
  readonly renders: RenderCommand[] = [];
  /** Where servers listen; a port without one refuses. */
  readonly listeners = new Map<number, Listener>();
  readonly connections = new Map<ConnectionKey, Connection>();
  readonly #options: WorldOptions;
  #tasks: { task: TaskKey; work: LinkTask }[] = [];
  /** `apply` commands that the renderer has, by display, oldest first. */
  readonly #rendering: number[] = [];

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.session = new ClientSession({
      ...defaultSessionOptions,
      ...options.session,
      endpoint: {
        host: "source",
        port: 1,
        tlsPort: null,
        unixPath: null,
        url: null,
        identity: null,
        ...options.endpoint,
      },
    });
  }

  command(command: SessionCommand): void {
    this.feed({ type: "command", command });
  }

  /** Types a key: down and up. */
  type(...scancodes: number[]): void {
    for (const scancode of scancodes) {
      this.command({ name: "input", input: { kind: "key-down", scancode } });
      this.command({ name: "input", input: { kind: "key-up", scancode } });
    }
  }

  feed(input: SessionInput): void {
    this.session.handle(input, this.now);
    for (let output = this.session.poll(); output !== null; output = this.session.poll()) {
      this.#perform(output);
    }
  }

  /** Everything that may happen next, oldest connection first. */
  get steps(): Step[] {
    const steps: Step[] = [];
    for (const connection of this.connections.values()) {
      const { key } = connection;
      if (connection.toServer.length > 0) {
        steps.push({ label: `${key} to server`, take: () => this.#deliverToServer(connection) });
      }
      const head = connection.toClient[0];
      if (head !== undefined && (!connection.paused || head.type === "connected")) {
        steps.push({ label: `${key} ${head.type}`, take: () => this.#deliverToClient(connection) });
      }
    }
    for (const { task, work } of this.#tasks) {
      steps.push({ label: `task ${task}`, take: () => this.#finish(task, work) });
    }
    if (this.#options.render !== "manual") {
      for (const display of new Set(this.#rendering)) {
        steps.push({ label: `render ${display}`, take: () => this.rendered(display) });
      }
    }
    return steps;
  }

  /** Takes steps until none is possible, or `until` holds. Time stands. */
  run(until: () => boolean = () => false): void {
    for (let count = 0; !until(); count++) {
      const { steps } = this;
      const step = this.#options.choose?.(steps) ?? steps[0];
      if (step === undefined || steps.length === 0) return;
      if (count > 100_000) throw new Error(`the world does not settle: ${step.label}`);
      step.take();
    }
  }

  /** Lets time pass: each deadline on the way is met, and everything possible happens between. */
  advance(ms: number): void {
    const end = this.now + ms;
    this.run();
    for (let count = 0; ; count++) {
      const deadline = this.session.deadline();
      if (deadline === null || deadline > end) break;
      if (count > 10_000) throw new Error("a deadline does not pass");
      this.now = Math.max(this.now, deadline);
      this.feed({ type: "timeout" });
      this.run();
    }
    this.now = end;
  }

  /** The renderer is done with the oldest command of a display. */
  rendered(display: number): void {
    const index = this.#rendering.indexOf(display);
    if (index < 0) return;
    this.#rendering.splice(index, 1);
    this.feed({ type: "rendered", display });
  }

  renderFailed(display: number, error: CarawayError): void {
    this.feed({ type: "render-failed", display, error });
  }

  named<N extends SessionEvent["name"]>(name: N): Extract<SessionEvent, { name: N }>[] {
    return this.events.filter((event) => event.name === name) as never;
  }

  /** `begin ready switching …`: the phases of migrations without channels and inputs. */
  get phases(): string {
    const minor = ["channel", "input-window", "link-failed"];
    return this.named("migration")
      .filter(({ phase }) => !minor.includes(phase))
      .map(({ phase, ...event }) => ("mode" in event ? `${phase}:${event.mode}` : phase))
      .join(" ");
  }

  /** `display 0: kept`, in order. */
  get outcomes(): string[] {
    return this.named("migration").flatMap((event) => {
      return event.phase === "channel" ? [`${event.channel} ${event.id}: ${event.outcome}`] : [];
    });
  }

  /** Code of the error that ended the session; null: by `close`; undefined: it goes on. */
  get endCode(): string | null | undefined {
    const [ended] = this.named("ended");
    return ended === undefined ? undefined : (ended.error?.code ?? null);
  }

  get openConnections(): Connection[] {
    return [...this.connections.values()].filter(({ open }) => open);
  }

  #perform(output: SessionOutput): void {
    switch (output.type) {
      case "connect":
        this.#connect(output);
        break;
      case "transmit":
        this.#open(output.connection).toServer.push({ type: "received", bytes: output.bytes });
        break;
      case "pause":
        this.#open(output.connection).paused = true;
        break;
      case "resume":
        this.#open(output.connection).paused = false;
        break;
      case "disconnect": {
        const connection = this.#open(output.connection);
        connection.open = false;
        connection.toClient.length = 0;
        connection.toServer.push({ type: "closed" });
        this.#forgetTasks(connection.key);
        break;
      }
      case "task":
        this.#tasks.push(output);
        break;
      case "render":
        this.renders.push(output.command);
        if (output.command.type === "apply") this.#rendering.push(output.command.display);
        break;
      case "event":
        this.events.push(output.event);
        break;
    }
  }

  #connect({ connection: key, address, tls }: SessionOutput & { type: "connect" }): void {
    if (address.kind !== "tcp") throw new Error("this world has TCP only");
    const connection = new Connection(key, address.port, tls !== null);
    this.connections.set(key, connection);
    const listener = this.listeners.get(address.port);
    if (listener === undefined) {
      const failure = { kind: "refused", detail: `port ${address.port} refused` } as const;
      connection.toClient.push({ type: "closed", failure });
      return;
    }
    connection.server = listener.accept(connection);
    if (connection.server !== null) connection.toClient.push({ type: "connected" });
  }

  #open(key: ConnectionKey): Connection {
    const connection = this.connections.get(key);
    if (connection?.open !== true) throw new Error(`connection ${key} is not open`);
    return connection;
  }

  #deliverToServer(connection: Connection): void {
    const item = connection.toServer.shift()!;
    const { server } = connection;
    if (item.type === "closed") {
      connection.server = null;
      server?.closed();
    } else server?.received(item.bytes);
  }

  #deliverToClient(connection: Connection): void {
    const item = connection.toClient.shift()!;
    const { key } = connection;
    if (item.type === "received") {
      const size = Math.max(1, this.#options.cut?.(item.bytes.length) ?? item.bytes.length);
      const rest = item.bytes.subarray(size);
      if (rest.length > 0) connection.toClient.unshift({ type: "received", bytes: rest });
      const bytes = item.bytes.subarray(0, size);
      this.feed({ type: "received", connection: key, bytes });
    } else if (item.type === "connected") {
      this.feed({ type: "connected", connection: key });
    } else {
      connection.open = false;
      this.#forgetTasks(key);
      this.feed({ type: "closed", connection: key, failure: item.failure });
    }
  }

  #finish(task: TaskKey, work: LinkTask): void {
    this.#tasks = this.#tasks.filter((other) => other.task !== task);
    if (work.kind !== "ticket") throw new Error("this world has tickets only");
    const ticket = new Uint8Array(128);
    ticket.set(new TextEncoder().encode(this.#options.password ?? ""));
    this.feed({ type: "done", task, result: { kind: "ticket", ticket } });
  }

  #forgetTasks(key: ConnectionKey): void {
    this.#tasks = this.#tasks.filter(({ work }) => work.connection !== key);
  }
}
