// A SPICE server for one guest: who connects, what the guest says, and what crosses clients. It
// routes what the driver brings to the part that it concerns.

import type { ConnectionKey, Instant, Machine } from "@caraway/channel";
import { LinkError } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import { Access, type Admittance } from "./access.ts";
import { AgentRelay } from "./agent-relay.ts";
import type { ChannelId } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import { GuestInputs } from "./guest-inputs.ts";
import { GuestMirror, type MirrorOwner } from "./guest-mirror.ts";
import type { GuestStream } from "./guest-stream.ts";
import { LinkDesk, type LinkDeskOwner } from "./link-desk.ts";
import { MouseMode } from "./mouse-mode.ts";
import { defaultServerOptions, type ServerOptions } from "./options.ts";
import type { SharedEncodings } from "./picture-encoder.ts";
import { type ClientOwner, type NewLink, ServedClient, type ServedGuest } from "./served-client.ts";
import type { ServerCommand, ServerInput, ServerOutput } from "./server-border.ts";
import { StreamDesk } from "./stream-desk.ts";
import { Wiring } from "./wiring.ts";

/**
 * Hand in one input, then drain `poll` until null, then look at `deadline`. No input makes it
 * throw: whatever a client sends, and whatever a guest offers, ends in an event at worst.
 */
export class SpiceServer
  implements Machine<ServerInput, ServerOutput>, MirrorOwner, LinkDeskOwner, ClientOwner
{
  readonly #options: ServerOptions;
  readonly #wiring = new Wiring();
  readonly #access: Access;
  readonly #desk: LinkDesk;
  readonly #guest: ServedGuest;
  readonly #clients = new Map<ClientKey, ServedClient>();
  #nextClient: ClientKey = 1;
  #isClosed = false;

  constructor(options: Partial<ServerOptions> = {}) {
    this.#options = { ...defaultServerOptions, ...options };
    this.#access = new Access(this.#options);
    this.#desk = new LinkDesk(this.#wiring, this.#options, this.#access, this);
    const wiring = this.#wiring;
    const mirror = new GuestMirror(wiring, this);
    const mouseMode = new MouseMode(() => {
      for (const client of this.#clients.values()) client.main.mouseModeChanged();
    });
    const agent = new AgentRelay(wiring, {
      copyPaste: this.#options.copyPaste,
      fileTransfer: this.#options.fileTransfer,
      takesMonitors: () => mirror.takesMonitors,
    });
    const inputs = new GuestInputs(wiring, mirror, mouseMode, agent);
    const encodings: SharedEncodings = new WeakMap();
    const streams = new StreamDesk(wiring, () => this.#tellChannels());
    const shared = { wiring, options: this.#options, mirror, mouseMode, agent };
    this.#guest = { ...shared, inputs, streams, encodings };
  }

  handle(input: ServerInput, now: Instant): void {
    this.#wiring.now = now;
    this.#wiring.inputCount += 1;
    switch (input.type) {
      case "accepted":
        if (this.#isClosed) this.#refuse(input.connection);
        else this.#desk.accepted(input.connection, input.arrival, input.random);
        break;
      case "received":
        this.#wiring.owner(input.connection)?.received(input.bytes);
        break;
      case "backlog":
        this.#wiring.owner(input.connection)?.backlog(input.bytes);
        break;
      case "closed":
        this.#wiring.forget(input.connection)?.closed(input.failure);
        break;
      case "timeout":
        this.#desk.timeout();
        for (const client of [...this.#clients.values()]) client.timeout();
        break;
      case "done":
        this.#wiring.takeTask(input.task)?.done(input.result);
        break;
      case "guest":
        this.#guest.mirror.handle(input.output);
        break;
      case "command":
        this.#command(input.command);
        break;
    }
  }

  poll(): ServerOutput | null {
    return this.#wiring.poll();
  }

  deadline(): Instant | null {
    let earliest = this.#desk.deadline();
    for (const client of this.#clients.values()) {
      const deadline = client.deadline();
      if (deadline !== null) earliest = Math.min(earliest ?? deadline, deadline);
    }
    return earliest;
  }

  snapshot(now: Instant): unknown {
    const { mirror, agent, inputs, mouseMode, streams } = this.#guest;
    return {
      guest: mirror.snapshot(),
      streams: streams.snapshot(),
      agent: agent.snapshot(),
      inputs: inputs.snapshot(),
      mouseMode: mouseMode.current,
      links: this.#desk.snapshot(),
      clients: [...this.#clients.values()].map((client) => client.snapshot(now)),
      connections: this.#wiring.connectionCount,
      isClosed: this.#isClosed,
    };
  }

  #command(command: ServerCommand): void {
    switch (command.name) {
      case "set-tickets":
        this.#access.setTickets(command.tickets);
        break;
      case "disconnect":
        this.#clients.get(command.client)?.close(null);
        break;
      case "close":
        this.#isClosed = true;
        this.#desk.closeAll();
        this.#dropClients(null);
        break;
    }
  }

  #refuse(connection: ConnectionKey): void {
    this.#wiring.handOver(connection, { received() {}, backlog() {}, closed() {} });
    this.#wiring.disconnect(connection);
  }

  #dropClients(error: CarawayError | null): void {
    for (const client of [...this.#clients.values()]) client.close(error);
  }

  // Who comes in.

  hasChannel({ name, id }: ChannelId): boolean {
    const { mirror } = this.#guest;
    return mirror.channels().some((channel) => channel.name === name && channel.id === id);
  }

  refusesClient(): string | null {
    if (!this.#guest.mirror.isReady) return "the guest is not there yet";
    if (this.#options.sharing === "refuse" && this.#clients.size > 0) {
      return "another client is there, and sharing is not allowed";
    }
    if (this.#options.sharing === "share" && this.#clients.size >= this.#options.clientsMax) {
      return `${this.#clients.size} clients are there, and no more are allowed`;
    }
    return null;
  }

  channelError(sessionId: number, channel: ChannelId): LinkError | null {
    const client = this.#clientOf(sessionId);
    if (client === null) return LinkError.BAD_CONNECTION_ID;
    const isOffered = this.channelsFor(client).some(({ name, id }) => {
      return name === channel.name && id === channel.id;
    });
    return isOffered ? null : LinkError.CHANNEL_NOT_AVAILABLE;
  }

  clientLinked(link: NewLink, who: Admittance & { readonly kind: "in" }, random: number): void {
    if (this.#options.sharing === "take-over") this.#dropClients(null);
    const { user, viewOnly } = who;
    const key = this.#nextClient++;
    const identity = { key, sessionId: this.#freeSessionId(random), user, viewOnly };
    const client = new ServedClient(identity, link, this.#guest, this);
    this.#clients.set(key, client);
    const { peer } = link.arrival;
    this.#wiring.event({ name: "client-joined", client: key, peer, user, viewOnly });
    this.#giveAgent(false);
    client.open();
  }

  channelLinked(sessionId: number, channel: ChannelId, link: NewLink): void {
    this.#clientOf(sessionId)?.link(channel, link);
  }

  clientEnded(client: ServedClient, error: CarawayError | null): void {
    this.#clients.delete(client.key);
    this.#wiring.event({ name: "client-left", client: client.key, error });
    if (this.#guest.agent.owner === client.main) this.#giveAgent(true);
  }

  /** Devices that one client has are not for others, nor for who only looks on. */
  channelsFor(client: ServedClient): readonly ChannelId[] {
    const { mirror, streams } = this.#guest;
    return mirror.channels().filter((channel) => {
      if (streams.stream(channel) === null) return true;
      return !client.viewOnly && streams.isFreeFor(client.key, channel);
    });
  }

  #clientOf(sessionId: number): ServedClient | null {
    for (const client of this.#clients.values()) {
      if (client.sessionId === sessionId) return client;
    }
    return null;
  }

  #freeSessionId(random: number): number {
    let id = random >>> 0;
    while (id === 0 || this.#clientOf(id) !== null) id = (id + 1) >>> 0;
    return id;
  }

  /** The agent belongs to the client that is here the longest and may do something. */
  #giveAgent(announce: boolean): void {
    const { agent } = this.#guest;
    const [first] = [...this.#clients.values()].filter(({ viewOnly }) => !viewOnly);
    agent.setOwner(first?.main ?? null, announce);
  }

  // What the guest says.

  ready(): void {
    this.#wiring.event({ name: "guest-ready" });
  }

  identityChanged(): void {
    for (const client of this.#clients.values()) client.main.identityChanged();
  }

  channelsChanged(): void {
    const isThere = (channel: ChannelId) => this.hasChannel(channel);
    for (const client of [...this.#clients.values()]) {
      client.dropChannels(isThere);
    }
    this.#tellChannels();
  }

  #tellChannels(): void {
    for (const client of this.#clients.values()) client.main.channelsChanged();
  }

  runningChanged(running: boolean): void {
    if (running) this.#guest.streams.running();
  }

  inputsChanged(): void {
    const { mirror, agent, mouseMode } = this.#guest;
    mouseMode.allowClient(mirror.hasTablet || (this.#options.agentMouse && agent.isConnected));
  }

  ledsAre(modifiers: number): void {
    this.#guest.inputs.ledsAre(modifiers);
    for (const client of this.#clients.values()) client.ledsChanged();
  }

  streamAttached(stream: GuestStream): void {
    const { agent, mirror, streams } = this.#guest;
    if (stream.name.use === "agent") agent.attach(stream);
    else {
      streams.attached(stream, mirror.isRunning);
      this.channelsChanged();
    }
  }

  streamDetached(stream: GuestStream): void {
    if (stream.name.use !== "agent") {
      this.#guest.streams.detached(stream);
      this.channelsChanged();
      return;
    }
    this.#guest.agent.detach();
    this.inputsChanged();
  }

  streamOpened(stream: GuestStream, open: boolean): void {
    if (stream.name.use !== "agent") {
      this.#guest.streams.opened(stream, open);
      return;
    }
    this.#guest.agent.guestOpened(open);
    this.inputsChanged();
  }

  streamData(stream: GuestStream, bytes: Uint8Array): void {
    if (stream.name.use === "agent") this.#guest.agent.guestData(bytes);
    else this.#guest.streams.data(stream, bytes);
  }

  streamCredited(stream: GuestStream): void {
    if (stream.name.use === "agent") this.#guest.agent.guestCredited();
    else this.#guest.streams.credited(stream);
  }

  ended(error: CarawayError | null): void {
    this.#wiring.event({ name: "guest-ended", error });
    this.#dropClients(error);
  }
}
