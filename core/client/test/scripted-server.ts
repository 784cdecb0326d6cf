// A SPICE server that does what a test says, and what spice-server does by itself: the link stage,
// INIT and CHANNELS_LIST, its part in migrations as source and as target. It keeps the rules that
// a client may not break, and writes down each breach.

import { capabilityWords, MainCapability, MouseMode } from "@caraway/protocol";
import type { ChannelName } from "../src/index.ts";
import { type AnyMessage, type ChannelServer, ScriptedChannel } from "./scripted-channel.ts";
import { type LinkDecision, type LinkRequest, ScriptedLink } from "./scripted-link.ts";
import type { Connection, Listener, ServerEnd, World } from "./world.ts";

export interface ServerOptions {
  readonly name: string;
  readonly port: number;
  /** A port for TLS; main and inputs are then refused on the plain one. */
  readonly tlsPort?: number;
  /** Default true. */
  readonly miniHeader?: boolean;
  readonly password?: string;
  /** Beside main. */
  readonly channels?: readonly string[];
  /** How a target answers MIGRATE_DST_DO_SEAMLESS. */
  readonly seamless?: "ack" | "nack" | "silent";
  readonly mainCapabilities?: readonly number[];
  /** Of usbredir, port and webdav. */
  readonly streamCapabilities?: readonly number[];
  /** Tokens of a guest's agent; there is none without. */
  readonly agentTokens?: number;
}

export const usualChannels = ["display 0", "inputs 0", "cursor 0", "usbredir 0", "playback 0"];

/** How the client of a migration comes to a target. */
type Arrival =
  /** Linked by main, and not asked yet. */
  | { readonly kind: "parked" }
  /** `count`: channels that wait for their state. */
  | { readonly kind: "seamless"; count: number }
  | { readonly kind: "none" };

export class ScriptedServer implements Listener, ChannelServer {
  readonly name: string;
  readonly options: ServerOptions;
  /** Linked channels by label. */
  readonly channels = new Map<string, ScriptedChannel>();
  /** Every channel that ever was. */
  readonly history: ScriptedChannel[] = [];
  readonly violations: string[] = [];
  /** Replies to a link other than the usual, by channel. */
  refuse: (request: LinkRequest) => LinkDecision | null = () => null;
  /** Bits. */
  displayCapabilities: readonly number[] = [];
  /** Of the newest main link. */
  clientCapabilities: readonly number[] = [];
  /** Takes connections and says nothing. */
  isDeaf = false;
  readonly #world: World;
  #sessionId = 0;
  #arrival: Arrival = { kind: "none" };
  /** The client's answer to MIGRATE_BEGIN. */
  answer: "none" | "connected" | "seamless" | "error" = "none";
  /** The client was asked to leave, and left. */
  completed = false;
  #leaving = false;

  constructor(world: World, options: ServerOptions) {
    this.#world = world;
    this.name = options.name;
    this.options = options;
    this.listen();
  }

  listen(): void {
    this.#world.listeners.set(this.options.port, this);
    if (this.options.tlsPort !== undefined) {
      this.#world.listeners.set(this.options.tlsPort, this);
    }
  }

  /** Ends as a process that is killed. */
  die(): void {
    this.#world.listeners.delete(this.options.port);
    if (this.options.tlsPort !== undefined) this.#world.listeners.delete(this.options.tlsPort);
    for (const connection of this.#world.connections.values()) {
      const { port } = connection;
      if (port === this.options.port || port === this.options.tlsPort) connection.reset();
    }
    for (const channel of this.channels.values()) channel.phase = "closed";
    this.channels.clear();
  }

  channel(label: string): ScriptedChannel {
    const channel = this.channels.get(label);
    if (channel === undefined) throw new Error(`${this.name} has no ${label}`);
    return channel;
  }

  get main(): ScriptedChannel {
    return this.channel("main 0");
  }

  get labels(): string[] {
    return [...this.channels.keys()];
  }

  /** Channels of the session, as CHANNELS_LIST has them. */
  get listed(): readonly string[] {
    return this.options.channels ?? usualChannels;
  }

  /** All keys that came here, pressed and released, as they were written. */
  get keys(): string[] {
    return this.history
      .filter(({ name }) => name === "inputs")
      .flatMap(({ messages }) => messages)
      .filter(({ name }) => name.startsWith("KEY_"))
      .map(({ name, body }) => `${name === "KEY_DOWN" ? "+" : "-"}${(body as Code).code & 0x7f}`);
  }

  // Links.

  accept(connection: Connection): ServerEnd | null {
    if (this.isDeaf) return null;
    return new ScriptedLink(connection, this.options.miniHeader ?? true, {
      decide: (request) => this.#decide(request, connection.tls),
      capabilities: (name) => this.#capabilities(name),
      linked: (request, miniHeader) => this.#linked(connection, request, miniHeader),
    });
  }

  #decide(request: LinkRequest, tls: boolean): LinkDecision {
    if (request.name === "main") this.clientCapabilities = request.capabilities;
    const refusal = this.refuse(request);
    if (refusal !== null) return refusal;
    const { name, id, connectionId, password } = request;
    if (this.options.tlsPort !== undefined && !tls && ["main", "inputs"].includes(name)) {
      return "NEED_SECURED";
    }
    if (password !== null && password !== (this.options.password ?? "")) return "PERMISSION_DENIED";
    if (name === "main") return "OK";
    if (!this.listed.includes(`${name} ${id}`)) return "close";
    if (password === null) return "OK";
    return connectionId === this.#sessionId && this.channels.has("main 0")
      ? "OK"
      : "BAD_CONNECTION_ID";
  }

  #capabilities(name: ChannelName): readonly number[] {
    const { SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE, SPICE_MAIN_CAP_SEAMLESS_MIGRATE } =
      MainCapability;
    const main = [SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE, SPICE_MAIN_CAP_SEAMLESS_MIGRATE];
    if (name === "display") return capabilityWords(this.displayCapabilities);
    if (name === "main") return capabilityWords(this.options.mainCapabilities ?? main);
    return this.options.streamCapabilities ?? [];
  }

  #linked(connection: Connection, request: LinkRequest, miniHeader: boolean): ServerEnd {
    const { name, id, connectionId } = request;
    if (name === "main") this.#newClient(connectionId);
    const channel = new ScriptedChannel(this, connection, { name, id, connectionId, miniHeader });
    if (this.channels.has(channel.label)) {
      this.violations.push(`${this.name}: ${channel.label} is linked twice`);
    }
    this.channels.set(channel.label, channel);
    this.history.push(channel);
    if (this.#arrival.kind === "parked") channel.phase = "early";
    else if (this.#arrival.kind === "seamless") this.#count(channel);
    else if (name === "main") this.#begin();
    return channel;
  }

  /** One client at a time: the one before goes. */
  #newClient(connectionId: number): void {
    for (const channel of [...this.channels.values()]) channel.close();
    this.#arrival = connectionId === 0 ? { kind: "none" } : { kind: "parked" };
    this.#sessionId = connectionId === 0 ? 4242 + this.history.length : connectionId;
  }

  #begin(): void {
    const { agentTokens } = this.options;
    this.main.send("INIT", {
      sessionId: this.#sessionId,
      displayChannelsHint: 1,
      supportedMouseModes: MouseMode.SERVER | MouseMode.CLIENT,
      currentMouseMode: MouseMode.SERVER,
      agentConnected: agentTokens === undefined ? 0 : 1,
      agentTokens: agentTokens ?? 10,
      multiMediaTime: 1000,
      ramHint: 1 << 24,
    });
  }

  /** A channel of a seamless migration: it waits for its state, if it has any. */
  #count(channel: ScriptedChannel): void {
    if (this.#arrival.kind !== "seamless") return;
    const bare = ["cursor", "playback", "record"].includes(channel.name);
    channel.phase = bare ? "early" : "awaiting-data";
    if (!bare) this.#arrival.count += 1;
  }

  /** Whether the client of a seamless migration is there with all its state. */
  get isArrived(): boolean {
    return this.#arrival.kind === "none";
  }

  restored(channel: ScriptedChannel): void {
    if (this.#arrival.kind !== "seamless") return;
    this.#arrival.count -= 1;
    if (channel.name === "display") {
      channel.send("SET_ACK", { generation: 1, window: 20 });
      channel.send("INVAL_ALL_PALETTES");
    }
    if (channel.name === "main") this.#sendMouseMode(MouseMode.SERVER);
    if (this.#arrival.count === 0) this.#arrival = { kind: "none" };
  }

  #sendMouseMode(currentMode: number): void {
    const supportedModes = MouseMode.SERVER | MouseMode.CLIENT;
    this.main.send("MOUSE_MODE", { supportedModes, currentMode });
  }

  /** spice-server drops a whole client with its main channel. */
  unlinked(channel: ScriptedChannel): void {
    if (this.channels.get(channel.label) !== channel) return;
    this.channels.delete(channel.label);
    if (channel.name !== "main") return;
    for (const other of [...this.channels.values()]) other.close();
    if (this.#leaving) this.completed = true;
  }

  // Messages.

  took(channel: ScriptedChannel, { name, body }: AnyMessage): void {
    if (channel.name !== "main") return;
    switch (name) {
      case "ATTACH_CHANNELS":
        if (this.isArrived) this.list(...this.listed);
        break;
      case "MOUSE_MODE_REQUEST":
        this.#sendMouseMode((body as { mode: number }).mode);
        break;
      case "MIGRATE_DST_DO_SEAMLESS":
        this.#answerQuestion();
        break;
      case "MIGRATE_END":
        this.#endSemiSeamless();
        break;
      case "MIGRATE_CONNECTED":
        this.#answered("connected");
        break;
      case "MIGRATE_CONNECTED_SEAMLESS":
        this.#answered("seamless");
        break;
      case "MIGRATE_CONNECT_ERROR":
        this.#answered("error");
        break;
    }
  }

  #answered(answer: "connected" | "seamless" | "error"): void {
    if (this.answer !== "none") this.violations.push(`${this.name}: answered again: ${answer}`);
    this.answer = answer;
  }

  #answerQuestion(): void {
    const { seamless = "ack" } = this.options;
    if (this.#arrival.kind !== "parked") this.violations.push(`${this.name}: a stray question`);
    if (seamless === "silent") return;
    if (seamless === "nack") {
      this.main.send("MIGRATE_DST_SEAMLESS_NACK");
      return;
    }
    this.#arrival = { kind: "seamless", count: 0 };
    for (const channel of this.channels.values()) this.#count(channel);
    this.main.send("MIGRATE_DST_SEAMLESS_ACK");
  }

  #endSemiSeamless(): void {
    if (this.#arrival.kind !== "parked") {
      this.violations.push(`${this.name}: a stray MIGRATE_END`);
      return;
    }
    this.#arrival = { kind: "none" };
    for (const channel of this.channels.values()) channel.phase = "open";
    this.#begin();
  }

  list(...labels: string[]): void {
    const channels = labels.map((label) => {
      const [name, id] = label.split(" ") as [ChannelName, string];
      return { type: typeOf(name), id: Number(id) };
    });
    this.main.send("CHANNELS_LIST", { channels });
  }

  // The source's part, as management asks for it.

  /** client_migrate_info: tells the client where the guest will go. */
  announce(target: ScriptedServer, mode: "seamless" | "semi-seamless" = "seamless"): void {
    this.answer = "none";
    const { port, tlsPort: sport = 0, name: host } = target.options;
    const dstInfo = { port, sport, host, certSubject: "" };
    if (mode === "seamless") {
      this.main.send("MIGRATE_BEGIN_SEAMLESS", { dstInfo, srcMigVersion: 1 });
    } else this.main.send("MIGRATE_BEGIN", { dstInfo });
  }

  /** The guest has moved: what follows from the client's answer. */
  finish(target: ScriptedServer): void {
    this.#leaving = true;
    if (this.answer === "seamless") for (const channel of this.channels.values()) channel.migrate();
    else if (this.answer === "connected") this.main.send("MIGRATE_END");
    else this.switchHost(target);
  }

  switchHost(target: ScriptedServer): void {
    this.#leaving = true;
    const { port, tlsPort: sport = 0, name: host } = target.options;
    this.main.send("MIGRATE_SWITCH_HOST", { port, sport, host, certSubject: "" });
  }

  cancel(): void {
    this.main.send("MIGRATE_CANCEL");
  }

  /** MIGRATE comes on these channels, in this order. */
  migrate(...labels: string[]): void {
    this.#leaving = true;
    for (const label of labels) this.channel(label).migrate();
  }
}

interface Code {
  readonly code: number;
}

function typeOf(name: ChannelName): number {
  const types = { main: 1, display: 2, inputs: 3, cursor: 4, playback: 5, record: 6, smartcard: 8 };
  const more = { usbredir: 9, port: 10, webdav: 11 };
  return { ...types, ...more }[name];
}
