// A testcard that moves between two servers while a client of ours looks on, in memory and in
// virtual time where nothing else takes any: how many bytes the servers send on the display
// channel, and whether the client shows what the guest shows.

import { plainDecoders, Renderer, readColors, runDecodeJob } from "@caraway/canvas";
import {
  ClientSession,
  defaultSessionOptions,
  type SessionCommand,
  type SessionEvent,
  type SessionInput,
  type SessionOptions,
  type SessionOutput,
} from "@caraway/client";
import { CodecError, type ColorImage } from "@caraway/codecs";
import {
  defaultSourceMove,
  defaultTargetMove,
  type GuestInput,
  type GuestOutput,
  type ServerCommand,
  type ServerInput,
  type ServerOptions,
  type ServerOutput,
  SpiceServer,
} from "@caraway/server";
import {
  createTestcard,
  loadTestcard,
  type Testcard,
  type TestcardOptions,
} from "@caraway/testcard";
import { Viewer } from "./viewer.ts";

/** Where the agent's stream is cut at the first server: bytes in all, counted from its beginning. */
export interface AgentCut {
  /** That the guest takes. */
  readonly toGuest?: number;
  /** Of what the guest says, those that reach the server; the rest does behind the move. */
  readonly fromGuest?: number;
}

/** What is not as in most tests. */
export interface DesktopSetting {
  readonly session?: Partial<SessionOptions>;
  /** How long bytes take between a server and the client, each way. */
  readonly oneWayMs?: number;
  /** How long a server takes for a JPEG file. */
  readonly jpegMs?: number;
  /** What the guest says, on its way to its server. */
  readonly onGuestOutput?: (output: GuestOutput, now: number) => void;
  /** A frame of video was drawn. */
  readonly onFrame?: (renderer: Renderer, now: number) => void;
}

/** A server with its guest, and what it has sent on display channels. */
class Host {
  readonly server: SpiceServer;
  guest: Testcard | null = null;
  displayBytes = 0;
  readonly #displays = new Set<number>();

  constructor(options: Partial<ServerOptions>) {
    this.server = new SpiceServer(options);
  }

  note(output: ServerOutput): void {
    if (output.type === "event" && output.event.name === "channel-linked") {
      const { channel, connection } = output.event;
      if (channel.startsWith("display")) this.#displays.add(connection);
    } else if (output.type === "transmit" && this.#displays.has(output.connection)) {
      this.displayBytes += output.bytes.length;
    }
  }
}

const agent = { use: "agent", id: 0 } as const;

const endpoint = {
  ...{ host: "0", port: 1, tlsPort: null, unixPath: null, url: null, identity: null },
};

export class MovedDesktop {
  readonly #options: Partial<ServerOptions>;
  readonly #hosts: Host[] = [];
  readonly #setting: DesktopSetting;
  readonly #session: ClientSession;
  /** What arrives later. */
  readonly #coming: { readonly at: number; readonly arrive: () => void }[] = [];
  readonly #renderer = new Renderer();
  /** What the guest shows, without any server. */
  #viewer = new Viewer();
  /** Where the session's connections lead. */
  readonly #connections = new Map<number, Host>();
  readonly #actions: (() => void)[] = [];
  #now = 1000;
  /** Where the guest is, in `#hosts`. */
  #at = 0;
  /** What the session has told. */
  readonly events: SessionEvent[] = [];
  /** Bytes of the agent's stream so far, either way. */
  readonly agentBytes = { toGuest: 0, fromGuest: 0 };
  /** Text that the client has to be pasted. */
  clipboard = "";
  readonly #cut: AgentCut;
  /** Said by the guest's agent and not heard by any server. */
  #unheard: Uint8Array[] = [];
  #agentCredit = 0;

  constructor(
    guest: TestcardOptions,
    options: Partial<ServerOptions> = {},
    cut: AgentCut = {},
    setting: DesktopSetting = {},
  ) {
    this.#setting = setting;
    this.#session = new ClientSession({ ...defaultSessionOptions, endpoint, ...setting.session });
    this.#options = options;
    this.#cut = cut;
    const host = this.#addHost();
    this.#adopt(host, createTestcard({ agent: false, ...guest }));
    this.#tellGuest(host, { type: "run" });
    this.#feed({ type: "command", command: { name: "open" } });
    this.#settle();
  }

  /** For the guest that is there now. */
  get guest(): Testcard {
    return this.#hosts[this.#at]!.guest!;
  }

  get now(): number {
    return this.#now;
  }

  /** The client's multimedia clock. */
  get mediaTime(): number | null {
    return this.#session.mediaTime(this.#now);
  }

  command(command: SessionCommand): void {
    this.#feed({ type: "command", command });
    this.#settle();
  }

  /** Presses keys of the guest's, and lets them go. */
  press(...codes: readonly number[]): void {
    const host = this.#hosts[this.#at]!;
    for (const code of codes) this.#tellGuest(host, { type: "key", code, down: true });
    for (const code of codes.toReversed())
      this.#tellGuest(host, { type: "key", code, down: false });
  }

  get isExact(): boolean {
    const shown = this.#renderer.primary(0)!;
    const { width, height } = shown;
    const colors = readColors(shown, { left: 0, top: 0, right: width, bottom: height });
    const wanted = this.#viewer.colors(0);
    return colors.length === wanted.length && colors.every((color, at) => color === wanted[at]);
  }

  /** Bytes that the guest's server sends on its displays in so many milliseconds. */
  listen(ms: number): number {
    const host = this.#hosts[this.#at]!;
    const before = host.displayBytes;
    this.advance(ms);
    return host.displayBytes - before;
  }

  /** Bytes that it has sent on its displays since the guest came to it, so much later. */
  listenSinceMove(ms: number): number {
    this.advance(ms);
    return this.#hosts[this.#at]!.displayBytes;
  }

  /**
   * Moves guest and client; so long passes, or that happens, between the announcement and the
   * stop. `standstill` is what happens between the stop and the loading.
   */
  move(preparation: number | (() => void), peer: boolean, standstill: () => void = () => {}): void {
    const source = this.#hosts[this.#at]!;
    const target = this.#addHost();
    const strangers = peer ? "refuse" : "accept";
    const expected = { ...defaultTargetMove, peer, strangers } as const;
    this.#command(target, { name: "migrate-expect", move: expected });
    const port = { port: 1, tlsPort: null, certSubject: null };
    const move = { ...defaultSourceMove, peer, target: { host: `${this.#at + 1}`, ...port } };
    this.#command(source, { name: "migrate-begin", move });
    if (typeof preparation === "number") this.advance(preparation);
    else preparation();
    this.#tellGuest(source, { type: "stop" });
    const state = source.guest!.save(this.#now);
    source.guest = null;
    standstill();
    this.#at += 1;
    this.#viewer = new Viewer();
    this.#adopt(target, loadTestcard(state, this.#now));
    this.#command(target, { name: "migrate-hold" });
    this.#command(source, { name: "migrate-switch" });
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const guests = this.#hosts.map(({ guest }) => guest?.deadline() ?? null);
      const servers = this.#hosts.map(({ server }) => server.deadline());
      const coming = this.#coming.map(({ at }) => at);
      const deadlines = [...guests, ...servers, ...coming, this.#session.deadline()];
      const next = Math.min(until, ...deadlines.filter((deadline) => deadline !== null));
      this.#now = Math.max(this.#now, next);
      for (const host of this.#hosts) {
        const due = host.guest?.deadline() ?? null;
        if (due !== null && due <= this.#now) this.#tellGuest(host, { type: "timeout" });
        const serverDue = host.server.deadline();
        if (serverDue !== null && serverDue <= this.#now) this.#serve(host, { type: "timeout" });
      }
      const sessionDue = this.#session.deadline();
      if (sessionDue !== null && sessionDue <= this.#now) this.#feed({ type: "timeout" });
      this.#settle();
      if (next >= until) return;
    }
  }

  /** In the order in which it was sent. */
  #later(ms: number, arrive: () => void): void {
    if (ms === 0) this.#actions.push(arrive);
    else this.#coming.push({ at: this.#now + ms, arrive });
  }

  #settle(): void {
    while (this.#coming.length > 0 && this.#coming.some(({ at }) => at <= this.#now)) {
      const next = this.#coming.findIndex(({ at }) => at <= this.#now);
      for (const { arrive } of this.#coming.splice(next, 1)) this.#actions.push(arrive);
    }
    for (let action = this.#actions.shift(); action; action = this.#actions.shift()) action();
  }

  #addHost(): Host {
    const host = new Host(this.#options);
    this.#hosts.push(host);
    return host;
  }

  #command(host: Host, command: ServerCommand): void {
    this.#serve(host, { type: "command", command });
    this.#settle();
  }

  #adopt(host: Host, guest: Testcard): void {
    host.guest = guest;
    this.#drainGuest(host);
    this.#settle();
  }

  #tellGuest(host: Host, input: GuestInput): void {
    host.guest?.handle(input, this.#now);
    this.#drainGuest(host);
    this.#settle();
  }

  #drainGuest(host: Host): void {
    for (let output = host.guest?.poll(); output; output = host.guest?.poll()) {
      this.#viewer.take(output);
      this.#setting.onGuestOutput?.(output, this.#now);
      const passed = this.#cutAgent(output);
      if (passed !== null) this.#serve(host, { type: "guest", output: passed });
      if (output.type !== "running" || !output.running || this.#at === 0) continue;
      for (const bytes of this.#unheard.splice(0)) {
        const said = { type: "stream-data", stream: agent, bytes } as const;
        this.#serve(host, { type: "guest", output: said });
      }
    }
  }

  /** What the server gets of the agent's stream; null: nothing. */
  #cutAgent(output: GuestOutput): GuestOutput | null {
    if (output.type === "stream-data" && output.stream.use === "agent") {
      const { toGuest: _, fromGuest = Number.POSITIVE_INFINITY } = this.#cut;
      const room = this.#at > 0 ? Number.POSITIVE_INFINITY : fromGuest - this.agentBytes.fromGuest;
      this.agentBytes.fromGuest += output.bytes.length;
      const bytes = output.bytes.slice(0, Math.max(0, room));
      if (bytes.length < output.bytes.length) this.#unheard.push(output.bytes.slice(bytes.length));
      return bytes.length > 0 ? { ...output, bytes } : null;
    }
    if (output.type === "stream-credit" && output.stream.use === "agent" && this.#at === 0) {
      const { toGuest = Number.POSITIVE_INFINITY } = this.#cut;
      const bytes = Math.min(output.bytes, toGuest - this.#agentCredit);
      this.#agentCredit += bytes;
      return bytes > 0 ? { ...output, bytes } : null;
    }
    return output;
  }

  #serve(host: Host, input: ServerInput): void {
    host.server.handle(input, this.#now);
    for (let output = host.server.poll(); output !== null; output = host.server.poll()) {
      host.note(output);
      this.#perform(host, output);
    }
  }

  #perform(host: Host, output: ServerOutput): void {
    switch (output.type) {
      case "transmit": {
        const { connection, bytes } = output;
        const { oneWayMs = 0 } = this.#setting;
        this.#later(oneWayMs, () => this.#feed({ type: "received", connection, bytes }));
        break;
      }
      case "disconnect": {
        const { connection } = output;
        const { oneWayMs = 0 } = this.#setting;
        this.#later(oneWayMs, () => this.#feed({ type: "closed", connection, failure: null }));
        break;
      }
      case "guest": {
        const { input } = output;
        if (input.type === "stream-data" && input.stream.use === "agent") {
          this.agentBytes.toGuest += input.bytes.length;
        }
        this.#actions.push(() => this.#tellGuest(host, input));
        break;
      }
      case "peer": {
        // A move is between the last two.
        const to = this.#hosts.at(-1) === host ? this.#hosts.at(-2)! : this.#hosts.at(-1)!;
        const { bytes } = output;
        this.#actions.push(() => this.#serve(to, { type: "peer", bytes }));
        break;
      }
      case "task": {
        const { task, work } = output;
        if (work.kind === "jpeg") {
          const data = fakeJpeg(work.image);
          this.#later(this.#setting.jpegMs ?? 0, () => {
            this.#serve(host, { type: "done", task, result: { kind: "jpeg", data } });
          });
          break;
        }
        const result =
          work.kind === "key"
            ? ({ kind: "key", publicKey: new Uint8Array(162).fill(1) } as const)
            : ({ kind: "decrypt", plain: new Uint8Array(1) } as const);
        this.#actions.push(() => this.#serve(host, { type: "done", task, result }));
        break;
      }
      default:
        break;
    }
  }

  #feed(input: SessionInput): void {
    this.#session.handle(input, this.#now);
    for (let output = this.#session.poll(); output !== null; output = this.#session.poll()) {
      this.#performForClient(output);
    }
  }

  #performForClient(output: SessionOutput): void {
    switch (output.type) {
      case "connect": {
        const { connection, address } = output;
        const host = this.#hosts[Number(address.kind === "tcp" ? address.host : 0)]!;
        this.#connections.set(connection, host);
        const arrival = { tls: false, local: true, peer: "ours" };
        const random = 0x1000 + connection;
        this.#actions.push(() => {
          this.#serve(host, { type: "accepted", connection, arrival, random });
          this.#feed({ type: "connected", connection });
        });
        break;
      }
      case "transmit": {
        const { connection, bytes } = output;
        const host = this.#connections.get(connection);
        if (host === undefined) break;
        const { oneWayMs = 0 } = this.#setting;
        this.#later(oneWayMs, () => this.#serve(host, { type: "received", connection, bytes }));
        break;
      }
      case "disconnect": {
        const { connection } = output;
        const host = this.#connections.get(connection);
        if (host === undefined) break;
        this.#actions.push(() => this.#serve(host, { type: "closed", connection, failure: null }));
        break;
      }
      case "task": {
        const { task } = output;
        const result = { kind: "ticket", ticket: new Uint8Array(128) } as const;
        this.#actions.push(() => this.#feed({ type: "done", task, result }));
        break;
      }
      case "event":
        this.#hear(output.event);
        break;
      case "render":
        this.#render(output.command as Parameters<Renderer["handle"]>[0]);
        break;
      default:
        break;
    }
  }

  /** What the guest wants to paste is text of the client's. */
  #hear(event: SessionEvent): void {
    this.events.push(event);
    if (event.name !== "clipboard-request") return;
    const { selection, format } = event;
    const data = new TextEncoder().encode(this.clipboard);
    this.#actions.push(() => {
      const command = { name: "clipboard-data", selection, format, data } as const;
      this.#feed({ type: "command", command });
    });
  }

  #render(command: Parameters<Renderer["handle"]>[0]): void {
    const inputs = [command];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      this.#renderer.handle(next);
      for (let output = this.#renderer.poll(); output !== null; output = this.#renderer.poll()) {
        if (output.type === "failed") throw output.error;
        if (output.type === "frame-shown") this.#setting.onFrame?.(this.#renderer, this.#now);
        if (output.type === "applied") {
          const { display } = output;
          this.#actions.push(() => this.#feed({ type: "rendered", display }));
        } else if (output.type === "decode") {
          const { task, job } = output;
          runDecodeJob(job, decoders, (outcome) => inputs.push({ type: "decoded", task, outcome }));
        }
      }
    }
  }
}

const decoders = {
  ...plainDecoders,
  inflate: () => new Uint8Array(),
  jpeg: (data: Uint8Array, done: (result: ColorImage | CodecError) => void) => {
    const image = jpegs.get(data[data.length - 1]! | (data[data.length - 2]! << 8));
    done(image ?? new CodecError("JPEG", 0, "no JPEG here"));
  },
};

const jpegs = new Map<number, ColorImage>();

/** Stands for a file: what is read of its header, and its number. */
function fakeJpeg(image: ColorImage): Uint8Array {
  const key = jpegs.size;
  jpegs.set(key, { ...image, format: "xrgb" });
  const { width, height } = image;
  return Uint8Array.from([
    ...[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, height >> 8, height, width >> 8, width, 3],
    ...[1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, key >> 8, key],
  ]);
}
