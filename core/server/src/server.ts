// A SPICE server for one guest: who connects, what the guest says, and what crosses clients. It
// routes what the driver brings to the part that it concerns.

import type { ConnectionKey, Instant, Machine } from "@caraway/channel";
import { LinkError } from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { Access, type Admittance, type KnownClient, knownBy } from "./access.ts";
import { AgentRelay } from "./agent-relay.ts";
import type { ChannelId } from "./channel-name.ts";
import { ClientCaches } from "./client-caches.ts";
import type { ClientKey } from "./events.ts";
import { GuestInputs } from "./guest-inputs.ts";
import { GuestMirror, type MirrorOwner } from "./guest-mirror.ts";
import type { GuestStream } from "./guest-stream.ts";
import { heldInState } from "./inputs-state.ts";
import { LinkDesk, type LinkDeskOwner } from "./link-desk.ts";
import type { MoveAnswer } from "./main-channel.ts";
import { MediaTime } from "./media-time.ts";
import { MouseMode } from "./mouse-mode.ts";
import { type ChannelTypeName, defaultServerOptions, type ServerOptions } from "./options.ts";
import { PeerLink } from "./peer-link.ts";
import type { SharedEncodings } from "./picture-encoder.ts";
import { type ClientOwner, type NewLink, ServedClient, type ServedGuest } from "./served-client.ts";
import { ServedSound } from "./served-sound.ts";
import type { ServerCommand, ServerInput, ServerOutput } from "./server-border.ts";
import { SourceMove } from "./source-move.ts";
import { StreamDesk } from "./stream-desk.ts";
import { TargetMove } from "./target-move.ts";
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
  readonly #peer: PeerLink;
  readonly #source: SourceMove;
  readonly #target: TargetMove;
  #nextClient: ClientKey = 1;
  #isClosed = false;

  constructor(options: Partial<ServerOptions> = {}) {
    this.#options = { ...defaultServerOptions, ...options };
    this.#access = new Access(this.#options);
    this.#desk = new LinkDesk(this.#wiring, this.#options, this.#access, this);
    const wiring = this.#wiring;
    const sound = new ServedSound(wiring, new MediaTime());
    const mirror = new GuestMirror(wiring, sound, this);
    const mouseMode = new MouseMode(() => {
      for (const client of this.#clients.values()) client.main.mouseModeChanged();
    });
    const agent = new AgentRelay(wiring, {
      copyPaste: this.#options.copyPaste,
      fileTransfer: this.#options.fileTransfer,
      takesMonitors: () => mirror.takesMonitors,
      graphicsDevices: () => mirror.graphicsDevices,
    });
    const inputs = new GuestInputs(wiring, mirror, mouseMode, agent);
    const encodings: SharedEncodings = new WeakMap();
    const streams = new StreamDesk(wiring, () => this.#tellChannels());
    const shared = { wiring, options: this.#options, mirror, mouseMode, agent, sound };
    this.#guest = { ...shared, inputs, streams, encodings };
    this.#peer = new PeerLink(wiring);
    const moving = { wiring, peer: this.#peer, mouseMode, mediaTime: sound.time };
    this.#source = new SourceMove({
      ...moving,
      clients: () => this.#clients.values(),
      isGuestRunning: () => mirror.isRunning,
    });
    this.#target = new TargetMove({
      ...moving,
      newClientKey: () => this.#nextClient++,
      hasSession: (session) => this.#clientOf(session) !== null,
      admit: (key, session, link, who, caches) => {
        return this.#admit(key, session, link, who, caches);
      },
      letGo: (state) => this.#letGo(state),
      noteChanges: () => mirror.noteChanges(),
      forgetChanges: () => mirror.forgetChanges(),
      progressed: () => this.#shareAgent(),
      settled: () => this.runningChanged(mirror.isRunning),
    });
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
        this.#source.timeout();
        this.#target.timeout();
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
      case "peer":
        this.#peer.received(input.bytes, (message) => {
          if (message.name === "ANNOUNCED") this.#source.announced(message.body);
          else this.#target.received(message);
        });
        break;
    }
  }

  poll(): ServerOutput | null {
    return this.#wiring.poll();
  }

  deadline(): Instant | null {
    let earliest = this.#desk.deadline();
    for (const part of [this.#source, this.#target, ...this.#clients.values()]) {
      const deadline = part.deadline();
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
      gate: this.#wiring.gate.snapshot(),
      source: this.#source.snapshot(now),
      target: this.#target.snapshot(now),
      links: this.#desk.snapshot(),
      clients: [...this.#clients.values()].map((client) => client.snapshot(now)),
      nextClient: this.#nextClient,
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
      case "migrate-begin":
        this.#source.begin(command.move);
        break;
      case "migrate-cancel":
        this.#source.cancel();
        break;
      case "migrate-switch":
        this.#source.switch();
        break;
      case "migrate-expect":
        this.#source.forget();
        this.#target.expect(command.move);
        break;
      case "migrate-hold":
        this.#target.hold();
        break;
      case "migrate-abandon":
        this.#target.abandon();
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
    if (this.#source.isGone) return "the guest has gone to another server";
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
    if (this.#target.takes(sessionId, channel)) return null;
    if (!client.isHere) return LinkError.CHANNEL_NOT_AVAILABLE;
    const isOffered = this.channelsFor(client).some(({ name, id }) => {
      return name === channel.name && id === channel.id;
    });
    return isOffered ? null : LinkError.CHANNEL_NOT_AVAILABLE;
  }

  clientLinked(link: NewLink, who: Admittance & { readonly kind: "in" }, random: number): void {
    if (this.#options.sharing === "take-over") this.#dropClients(null);
    const session = this.#freeSessionId(random);
    const client = this.#admit(this.#nextClient++, session, link, who, null);
    this.#tellJoined(client);
    this.#giveAgent(false);
    client.open();
    this.#source.clientJoined(client);
    this.#target.clientJoined(client);
  }

  #admit(
    key: ClientKey,
    sessionId: number,
    link: NewLink,
    { user, viewOnly }: Admittance & { readonly kind: "in" },
    /** Of a client that comes over. */
    movedCaches: ClientCaches | null,
  ): ServedClient {
    const identity = {
      key,
      sessionId,
      user,
      viewOnly,
      knownBy: knownBy(link.link.proof),
      caches: movedCaches ?? new ClientCaches(),
      comesOver: movedCaches !== null,
    };
    const client = new ServedClient(identity, link, this.#guest, this);
    this.#clients.set(key, client);
    return client;
  }

  #letGo(state: Uint8Array): void {
    try {
      const held = heldInState(state);
      if (held !== null) this.#guest.inputs.letGo(held);
    } catch (error) {
      // A state that makes no sense says nothing about keys.
      if (!(error instanceof CarawayError)) throw error;
    }
  }

  #tellJoined({ key: client, peer, user, viewOnly }: ServedClient): void {
    this.#wiring.event({ name: "client-joined", client, peer, user, viewOnly });
  }

  channelLinked(sessionId: number, channel: ChannelId, link: NewLink): void {
    if (this.#target.takes(sessionId, channel)) {
      this.#target.channelLinked(sessionId, channel, link);
      return;
    }
    const client = this.#clientOf(sessionId);
    client?.link(channel, link);
    if (client !== null) this.#target.channelJoined(client);
  }

  clientEnded(client: ServedClient, error: CarawayError | null): void {
    this.#clients.delete(client.key);
    if (client.isHere) this.#wiring.event({ name: "client-left", client: client.key, error });
    this.#source.clientEnded(client);
    this.#target.clientEnded(client);
    // What an agent's owner leaves behind when the guest has gone goes with the guest.
    if (this.#guest.agent.owner === client.main && !this.#source.isGone) this.#giveAgent(true);
  }

  clientDrained(): void {
    this.#source.clientProgressed();
  }

  // Who comes over.

  movedSession(
    sessionId: number,
    channel: ChannelTypeName,
  ): { readonly known: KnownClient | null } | null {
    if (channel === "main") return this.#target.knows(sessionId);
    const client = this.#clientOf(sessionId);
    return client?.comesOver === true ? { known: client } : null;
  }

  isComing(sessionId: number): boolean {
    return this.#target.isComing(sessionId);
  }

  movedClientLinked(
    sessionId: number,
    link: NewLink,
    who: Admittance & { readonly kind: "in" },
  ): void {
    this.#target.mainLinked(sessionId, link, who);
  }

  clientBegins(client: ServedClient): void {
    this.#tellJoined(client);
    if (!this.#target.reservesAgent) this.#giveAgent(false);
    this.#source.clientJoined(client);
  }

  clientArrived(client: ServedClient): void {
    this.#tellJoined(client);
    this.#source.clientJoined(client);
  }

  /** Once nobody is awaited who may bring the agent along, it belongs to who is here. */
  #shareAgent(): void {
    const isFree = this.#guest.agent.owner === null && !this.#target.reservesAgent;
    if (isFree && !this.#source.isGone) this.#giveAgent(true);
  }

  moveAnswered(client: ServedClient, answer: MoveAnswer): void {
    this.#source.clientAnswered(client, answer);
  }

  /** Devices that one client has are not for others, nor for who only looks on. */
  channelsFor(client: ServedClient): readonly ChannelId[] {
    const { mirror, streams } = this.#guest;
    return mirror.channels().filter((channel) => {
      if (streams.stream(channel) === null) return true;
      if (this.#target.isBroughtByOther(client.sessionId, channel)) return false;
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
    const [first] = [...this.#clients.values()].filter(({ sharesAgent }) => sharesAgent);
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
    this.#source.runningChanged(running);
    // Devices of clients that are on their way are not nobody's.
    if (running && !this.#target.isPending) this.#guest.streams.running();
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
