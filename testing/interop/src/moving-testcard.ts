// The testcard at two of our servers in one process, and on its way between them: saved at one,
// loaded at the other, with or without the link between the servers.

import { GuestServer } from "@caraway/node";
import {
  type ClientLeft,
  defaultSourceMove,
  defaultTargetMove,
  type GuestInput,
  type GuestOutput,
  type MoveMode,
  type SavableGuest,
  type ServerEvent,
  type ServerOptions,
} from "@caraway/server";
import {
  createTestcard,
  loadTestcard,
  type Testcard,
  type TestcardOptions,
} from "@caraway/testcard";
import type { RgbImage } from "./rgb-image.ts";
import { pictureOf } from "./served-testcard.ts";
import type { SpiceAddress } from "./vm.ts";

export interface MovingTestcardOptions {
  readonly testcard?: TestcardOptions;
  readonly server?: Partial<ServerOptions>;
  /** Pages from anywhere may connect. */
  readonly anyOrigin?: boolean;
  /** Hears what the guest says, on its way to its server. */
  readonly onGuestOutput?: (output: GuestOutput) => void;
}

export interface MoveReport {
  /** As clients were ready for it. */
  readonly modes: readonly MoveMode[];
  readonly left: readonly ClientLeft[];
  /** `1 display 0 kept`, sorted. */
  readonly outcomes: readonly string[];
  readonly holdMs: number;
}

interface Host {
  readonly server: GuestServer;
  readonly events: ServerEvent[];
}

const waitMs = 30_000;

export class MovingTestcard implements AsyncDisposable {
  readonly hosts: Host[] = [];
  testcard: Testcard;
  readonly #options: MovingTestcardOptions;
  readonly #faults: unknown[] = [];
  readonly #watchers = new Set<() => void>();
  /** Host that the guest is at. */
  #at = 0;

  private constructor(options: MovingTestcardOptions) {
    this.#options = options;
    this.testcard = createTestcard({ width: 640, height: 480, ...options.testcard });
  }

  static async start(options: MovingTestcardOptions = {}): Promise<MovingTestcard> {
    const moving = new MovingTestcard(options);
    await moving.#addHost(moving.testcard);
    return moving;
  }

  get here(): Host {
    return this.hosts[this.#at]!;
  }

  get address(): SpiceAddress {
    const { port } = this;
    return { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
  }

  get port(): number {
    return portOf(this.here);
  }

  picture(): RgbImage {
    if (this.#faults.length > 0) throw this.#faults[0];
    return pictureOf(this.testcard, 0);
  }

  /** Begins a move and calls it off when clients are ready and the guest is stopped. */
  async callOff(): Promise<readonly MoveMode[]> {
    const source = this.here;
    const target = await this.#addHost(null);
    const place = { host: "127.0.0.1", port: portOf(target), tlsPort: null, certSubject: null };
    target.server.command({ name: "migrate-expect", move: { ...defaultTargetMove, peer: true } });
    source.server.command({
      name: "migrate-begin",
      move: { ...defaultSourceMove, target: place, peer: true },
    });
    const { clients } = await this.#event(source, "move-ready");
    source.server.input({ type: "stop" });
    await this.#event(source, "guest-running", ({ running }) => !running);
    source.server.command({ name: "migrate-cancel" });
    target.server.command({ name: "migrate-abandon" });
    await target.server.close();
    this.hosts.pop();
    source.events.length = 0;
    source.server.input({ type: "run" });
    return clients.map(({ mode }) => mode);
  }

  /** Moves the guest to a server that is new, and returns when every client is there. */
  async move(mode: MoveMode, peer: boolean): Promise<MoveReport> {
    const source = this.here;
    const target = await this.#addHost(null);
    const strangers = peer ? "refuse" : "accept";
    target.server.command({
      name: "migrate-expect",
      move: { ...defaultTargetMove, peer, strangers },
    });
    const place = { host: "127.0.0.1", port: portOf(target), tlsPort: null, certSubject: null };
    source.server.command({
      name: "migrate-begin",
      move: { ...defaultSourceMove, target: place, mode, peer },
    });
    const { clients } = await this.#event(source, "move-ready");
    source.server.input({ type: "stop" });
    await this.#event(source, "guest-running", ({ running }) => !running);
    this.testcard = loadTestcard(this.testcard.save(performance.now()), performance.now());
    target.server.attachGuest(this.#heard(this.testcard));
    target.server.command({ name: "migrate-hold" });
    source.server.command({ name: "migrate-switch" });
    this.#at = this.hosts.indexOf(target);
    const { ms: holdMs } = await this.#event(target, "hold-ended");
    const { clients: left } = await this.#event(source, "move-left");
    await this.#event(target, "move-settled");
    const outcomes = target.events
      .filter((event) => event.name === "move-channel")
      .map(({ client, channel, outcome }) => `${client} ${channel} ${outcome}`)
      .sort();
    return { modes: clients.map((client) => client.mode), left, outcomes, holdMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { server } of this.hosts) await server.close();
  }

  async #addHost(guest: Testcard | null): Promise<Host> {
    const events: ServerEvent[] = [];
    const number = this.hosts.length;
    const server = await GuestServer.start({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
      guest: guest === null ? null : this.#heard(guest),
      run: guest !== null,
      ...(this.#options.anyOrigin === true && { origins: "any" }),
      ...(this.#options.server === undefined ? {} : { server: this.#options.server }),
      onEvent: (event) => {
        events.push(event);
        for (const look of [...this.#watchers]) look();
      },
      onFault: (error) => this.#faults.push(error),
      onPeer: (bytes) => {
        // Each server speaks with the one before it as their guest comes, or with the one behind.
        const isTarget = this.hosts.length - 1 === number;
        queueMicrotask(() => this.hosts[isTarget ? number - 1 : number + 1]?.server.peer(bytes));
      },
    });
    const host = { server, events };
    this.hosts.push(host);
    return host;
  }

  #heard(guest: SavableGuest): SavableGuest {
    const { onGuestOutput } = this.#options;
    if (onGuestOutput === undefined) return guest;
    return {
      handle: (input: GuestInput, now: number) => guest.handle(input, now),
      poll: () => {
        const output = guest.poll();
        if (output !== null) onGuestOutput(output);
        return output;
      },
      deadline: () => guest.deadline(),
      snapshot: (now: number) => guest.snapshot(now),
      save: (now: number) => guest.save(now),
    };
  }

  async #event<N extends ServerEvent["name"]>(
    { events }: Host,
    name: N,
    where: (event: Extract<ServerEvent, { name: N }>) => boolean = () => true,
  ): Promise<Extract<ServerEvent, { name: N }>> {
    type Found = Extract<ServerEvent, { name: N }>;
    const find = () => {
      return events.find((event) => event.name === name && where(event as Found)) as Found;
    };
    return await new Promise<Found>((resolve, reject) => {
      const look = () => {
        const found = find();
        if (this.#faults.length === 0 && found === undefined) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (found === undefined) reject(this.#faults[0]);
        else resolve(found);
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        const last = events.slice(-8).map((event) => JSON.stringify(event));
        reject(new Error(`no ${name} within ${waitMs} ms; last:\n${last.join("\n")}`));
      }, waitMs);
      this.#watchers.add(look);
      look();
    });
  }
}

function portOf({ server }: Host): number {
  const [address] = server.addresses;
  return address?.kind === "tcp" ? address.port : 0;
}
