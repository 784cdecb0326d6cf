// Two servers, the clients that go from one to the other, and a guest that is where the test says,
// all in one virtual time. The guest draws, types back nothing, and has an agent if it is wanted.

import { Renderer, readColors, runDecodeJob } from "@caraway/canvas";
import {
  ClientSession,
  defaultSessionOptions,
  type SessionEvent,
  type SessionInput,
  type SessionOptions,
  type SessionOutput,
} from "@caraway/client";
import { SurfaceFormat } from "@caraway/protocol";
import {
  type Drawing,
  defaultSourceMove,
  defaultTargetMove,
  type GuestOutput,
  type ServerOptions,
  type SourceMove,
  type TargetMove,
} from "../src/index.ts";
import { box, draw, fill, Truth } from "./drawings.ts";
import { testDecoders } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

export type Place = "source" | "target";

/** Where servers are found: `host-0` is the first one. */
const hostPrefix = "host-";

export interface MoveWorldOptions {
  readonly source?: Partial<ServerOptions>;
  readonly target?: Partial<ServerOptions>;
  readonly hasAgent?: boolean;
  /** Bytes that the agent takes at the first server; far more than needed when absent. */
  readonly agentCredit?: number;
  /** Whether the guest takes the clients' monitors itself. */
  readonly takesMonitors?: boolean;
  readonly size?: { readonly width: number; readonly height: number };
}

const usualSize = { width: 96, height: 64 } as const;

function endpointAt(host: string) {
  return { host, port: 5900, tlsPort: null, unixPath: null, url: null, identity: null };
}

export class MoveWorld {
  readonly hosts: ServerWorld[] = [];
  /** Where the guest is, in `hosts`; it goes to the one behind. */
  at = 0;
  readonly truth = new Truth();
  readonly clients: MovingClient[] = [];
  /** Peer bytes are lost: the link between the servers is cut. */
  isPeerCut = false;
  /** Connections to the target fail. */
  isTargetAway = false;
  readonly #options: MoveWorldOptions;
  readonly #actions: (() => void)[] = [];
  readonly #hasAgent: boolean;
  #round = 0;

  constructor(options: MoveWorldOptions = {}) {
    this.#options = options;
    this.#hasAgent = options.hasAgent === true;
    this.#addHost(options.source);
    this.#addHost(options.target);
    const { size } = this;
    this.truth.create(0, size.width, size.height, SurfaceFormat["32_xRGB"]);
    this.describe(this.source);
    this.source.guest({ type: "running", running: true });
  }

  get size(): { readonly width: number; readonly height: number } {
    return this.#options.size ?? usualSize;
  }

  get source(): ServerWorld {
    return this.hosts[this.at]!;
  }

  get target(): ServerWorld {
    return this.hosts[this.at + 1]!;
  }

  /** The target becomes the source of the next move, to a server that is new. */
  turn(): void {
    this.at += 1;
    this.#addHost(this.#options.target);
  }

  #addHost(options: Partial<ServerOptions> | undefined): void {
    const host = new ServerWorld(options, this.#actions);
    host.now = this.hosts[0]?.now ?? host.now;
    host.onPeer = (bytes) => {
      if (this.isPeerCut) return;
      const other = this.source === host ? this.target : this.source;
      host.later(() => other.peer(bytes));
    };
    this.hosts.push(host);
  }

  world(place: Place): ServerWorld {
    return place === "source" ? this.source : this.target;
  }

  get now(): number {
    return this.hosts[0]!.now;
  }

  /** The guest says all that it has. */
  describe(world: ServerWorld, hasAgent = this.#hasAgent, isAgentOpen = true): void {
    const colors = this.truth.colors(0).map((color) => color & 0xffffff);
    const content = new Uint8Array(colors.buffer);
    // What it has taken at the first server it does not take again.
    const credit = this.#options.agentCredit ?? 1 << 20;
    const agent = { kind: "stream", id: 0, use: "agent", name: "com.redhat.spice.0" } as const;
    const outputs: GuestOutput[] = [
      { type: "identity", name: "vm", uuid: new Uint8Array(16).fill(7) },
      { type: "attach", device: { kind: "display", id: 0 } },
      { type: "attach", device: { kind: "keyboard" } },
      { type: "attach", device: { kind: "mouse" } },
      { type: "attach", device: { kind: "tablet" } },
      ...(hasAgent ? [{ type: "attach", device: agent } as const] : []),
      ...(this.#options.takesMonitors === true
        ? [{ type: "attach", device: { kind: "monitors" } } as const]
        : []),
      {
        type: "surface-create",
        display: 0,
        surface: 0,
        ...this.size,
        format: SurfaceFormat["32_xRGB"],
        content: { stride: this.size.width * 4, data: content },
      },
      { type: "leds", modifiers: 0 },
      ...(hasAgent && isAgentOpen
        ? ([
            { type: "stream-open", stream: { use: "agent", id: 0 }, open: true },
            { type: "stream-credit", stream: { use: "agent", id: 0 }, bytes: credit },
          ] as const)
        : []),
      { type: "ready" },
    ];
    world.guest(...outputs);
  }

  draw(place: Place, drawing: Drawing): void {
    this.truth.draw(drawing);
    this.world(place).guest(draw(drawing));
  }

  /** Something that was not there before. */
  paint(place: Place): void {
    this.#round += 1;
    const left = (this.#round * 7) % 64;
    this.draw(place, fill(box(left, 8, left + 20, 40), 0x102030 * this.#round));
  }

  join(options: Partial<SessionOptions> = {}, password = ""): MovingClient {
    const client = new MovingClient(this, options, password);
    this.clients.push(client);
    this.settle();
    return client;
  }

  /** The target expects, the source begins. */
  begin(move: Partial<SourceMove> = {}, expect: Partial<TargetMove> = {}): void {
    const peer = move.peer ?? true;
    this.target.command({
      name: "migrate-expect",
      move: { ...defaultTargetMove, peer, strangers: peer ? "refuse" : "accept", ...expect },
    });
    this.source.command({ name: "migrate-begin", move: this.sourceMove({ peer, ...move }) });
    this.settle();
  }

  sourceMove(move: Partial<SourceMove> = {}): SourceMove {
    const host = `${hostPrefix}${this.at + 1}`;
    const target = { host, port: 5900, tlsPort: null, certSubject: null };
    return { ...defaultSourceMove, target, peer: true, ...move };
  }

  stop(): void {
    this.source.guest({ type: "running", running: false });
    this.settle();
  }

  /** The guest is loaded at the target, which is its owner now. */
  hand(): void {
    this.describe(this.target);
    this.target.command({ name: "migrate-hold" });
    this.settle();
  }

  switch(): void {
    this.source.command({ name: "migrate-switch" });
    this.settle();
  }

  /** All of it, without a fault. */
  move(move: Partial<SourceMove> = {}, expect: Partial<TargetMove> = {}): void {
    this.begin(move, expect);
    this.stop();
    this.hand();
    this.switch();
    this.runWhenTold();
  }

  /** The guest runs if it was told to. */
  runWhenTold(place: Place = "target"): void {
    const world = this.world(place);
    if (world.guestInputs("run").length === 0) return;
    world.guest({ type: "running", running: true });
    this.settle();
  }

  settle(): void {
    for (let turns = 0; turns < 100; turns++) {
      for (const host of this.hosts) host.settle();
      const due = this.clients.filter((client) => (client.deadline() ?? Infinity) <= this.now);
      if (due.length === 0) return;
      for (const client of due) client.feed({ type: "timeout" });
    }
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (let turns = 0; turns < 100_000; turns++) {
      const deadlines = [
        ...this.hosts.map(({ server }) => server.deadline()),
        ...this.clients.map((client) => client.deadline()),
      ].filter((deadline) => deadline !== null);
      const next = Math.min(...deadlines, until);
      const now = Math.max(this.now, next);
      for (const host of this.hosts) host.now = now;
      for (const host of this.hosts) {
        if ((host.server.deadline() ?? Infinity) <= now) host.timeout();
      }
      this.settle();
      if (next >= until) return;
    }
    throw new Error("time does not pass");
  }
}

export class MovingClient {
  readonly session: ClientSession;
  readonly renderer = new Renderer();
  readonly events: SessionEvent[] = [];
  readonly #world: MoveWorld;
  readonly #password: string;
  /** The servers' names of the session's connections. */
  readonly #connections = new Map<number, { world: ServerWorld; there: number }>();
  /** What servers say is lost to it. */
  isDeaf = false;
  readonly #waiting: (() => void)[] = [];
  #isSlow = false;
  /** The session is gone. */
  isDead = false;

  constructor(world: MoveWorld, options: Partial<SessionOptions>, password: string) {
    this.#world = world;
    this.#password = password;
    const endpoint = endpointAt(`${hostPrefix}${world.at}`);
    this.session = new ClientSession({ ...defaultSessionOptions, endpoint, ...options });
    this.feed({ type: "command", command: { name: "open" } });
  }

  /** What servers say arrives only when it is not slow any more. */
  set isSlow(isSlow: boolean) {
    this.#isSlow = isSlow;
    if (isSlow) return;
    for (const arrive of this.#waiting.splice(0)) this.#later(arrive);
  }

  deadline(): number | null {
    return this.isDead ? null : this.session.deadline();
  }

  feed(input: SessionInput): void {
    if (this.isDead) return;
    this.session.handle(input, this.#world.now);
    for (let output = this.session.poll(); output !== null; output = this.session.poll()) {
      this.#perform(output);
    }
  }

  /** Ends as a killed process does. */
  die(): void {
    this.isDead = true;
    for (const { world, there } of this.#connections.values()) world.hangUp(there);
    this.#world.settle();
  }

  key(scancode: number, down: boolean): void {
    const input = { kind: down ? "key-down" : "key-up", scancode } as const;
    this.feed({ type: "command", command: { name: "input", input } });
    this.#world.settle();
  }

  shows(): Uint32Array {
    const shown = this.renderer.primary(0);
    if (shown === null) return new Uint32Array(0);
    const { width: right, height: bottom } = this.#world.size;
    return readColors(shown, { left: 0, top: 0, right, bottom }, true);
  }

  get phases(): string[] {
    return this.events
      .filter((event) => event.name === "migration")
      .map((event) => ("mode" in event ? `${event.phase} ${event.mode}` : event.phase));
  }

  #perform(output: SessionOutput): void {
    switch (output.type) {
      case "connect":
        this.#connect(output.connection, output.address.kind === "tcp" ? output.address.host : "");
        break;
      case "transmit": {
        const found = this.#connections.get(output.connection);
        found?.world.toServer(found.there, output.bytes);
        break;
      }
      case "disconnect": {
        const found = this.#connections.get(output.connection);
        this.#connections.delete(output.connection);
        found?.world.later(() => found.world.hangUp(found.there));
        break;
      }
      case "task": {
        const { task } = output;
        const ticket = new Uint8Array(128);
        ticket.set(Buffer.from(`${this.#password}\0`));
        this.#later(() => this.feed({ type: "done", task, result: { kind: "ticket", ticket } }));
        break;
      }
      case "render":
        this.#render(output.command as Parameters<Renderer["handle"]>[0]);
        break;
      case "event":
        this.events.push(output.event);
        break;
      default:
        break;
    }
  }

  #later(action: () => void): void {
    this.#world.source.later(action);
  }

  #connect(connection: number, host: string): void {
    const found = this.#world.hosts[Number(host.slice(hostPrefix.length))];
    const isAway = found === this.#world.target && this.#world.isTargetAway;
    if (found === undefined || isAway) {
      const failure = { kind: "refused", detail: "nobody is there" } as const;
      this.#later(() => this.feed({ type: "closed", connection, failure }));
      return;
    }
    const world = found;
    const arrival = { tls: false, local: true, peer: "ours" };
    const there = world.accept(arrival, {
      received: (bytes) => this.#arrive({ type: "received", connection, bytes }),
      closed: () => {
        this.#connections.delete(connection);
        this.#arrive({ type: "closed", connection, failure: null });
      },
    });
    this.#connections.set(connection, { world, there });
    this.#later(() => this.feed({ type: "connected", connection }));
  }

  /** Servers that it is connected to. */
  get hosts(): number[] {
    const open = [...this.#connections.values()].map(({ world }) => {
      return this.#world.hosts.indexOf(world);
    });
    return [...new Set(open)].sort();
  }

  #arrive(input: SessionInput): void {
    if (this.isDeaf) return;
    if (this.#isSlow) this.#waiting.push(() => this.feed(input));
    else this.feed(input);
  }

  #render(command: Parameters<Renderer["handle"]>[0]): void {
    const inputs = [command];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      this.renderer.handle(next);
      for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
        if (output.type === "failed") throw output.error;
        if (output.type === "applied") {
          const { display } = output;
          this.#later(() => this.feed({ type: "rendered", display }));
        } else if (output.type === "decode") {
          const { task, job } = output;
          runDecodeJob(job, testDecoders, (outcome) =>
            inputs.push({ type: "decoded", task, outcome }),
          );
        }
      }
    }
  }
}
