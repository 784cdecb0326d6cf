// A client's main channel: what it learns of the session and of the guest, and the agent's stream.

import { AgentProtocolError } from "@caraway/agent";
import {
  type AgentState,
  agentStateCodec,
  type ClientMessage,
  hasCapability,
  type Main,
  MainCapability,
  mainCodec,
  migrationVersion,
  NotifySeverity,
  NotifyVisibility,
  peerVersion,
  type ServerMessage,
} from "@caraway/protocol";
import { type CarawayError, type Infer, WireError } from "@caraway/wire";
import { type MovingAgent, mainMigrationData, readMainMigrationData } from "./agent-migration.ts";
import { type AgentPeer, type AgentRelay, agentTokens } from "./agent-relay.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import { ClientTooSlow } from "./channel-end.ts";
import { type ChannelId, channelLabel, channelTypeOf } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { GuestMirror } from "./guest-mirror.ts";
import type { MouseMode } from "./mouse-mode.ts";
import type { MoveTarget } from "./moves.ts";
import { type NetworkFigures, NetworkTest } from "./network-test.ts";
import type { ServedSound } from "./served-sound.ts";
import type { Wiring } from "./wiring.ts";

export interface MainOwner {
  readonly client: ClientKey;
  readonly sessionId: number;
  readonly viewOnly: boolean;
  /** Channels that this client may open. */
  channels(): readonly ChannelId[];
  /** Labels of channels that a client brought from another server; null for one that is new. */
  broughtChannels(): ReadonlySet<string> | null;
  /** What the client says of the target of a move. */
  moveAnswered(answer: MoveAnswer): void;
  /** The client is here, with what it brought. */
  arrived(): void;
  measured(figures: NetworkFigures): void;
}

export type MoveAnswer = "seamless" | "semi-seamless" | "error";

/** What the main channel shows of the server. */
export interface MainView {
  readonly mirror: GuestMirror;
  readonly mouseMode: MouseMode;
  readonly agent: AgentRelay;
  readonly sound: ServedSound;
}

/** From this a client concludes how large a GLZ window to offer. */
const ramHint = 32 << 20;
const pingPeriodMs = 15_000;
const pongTimeoutMs = 30_000;
/** Ids of the pings that only ask whether somebody is there. */
const firstAlivePing = 1000;
/** Ids of the pings behind which no answer to a cancelled move comes any more. */
const firstFencePing = 1 << 30;

export class MainChannel implements ChannelHandler, AgentPeer {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #owner: MainOwner;
  readonly #view: MainView;
  #networkTest: NetworkTest | null = null;
  /** Channels that the client was told of; null until ATTACH_CHANNELS asks for them. */
  #announced: ReadonlySet<string> | null = null;
  #alive: { readonly kind: "quiet" | "asked"; readonly since: number } = {
    kind: "quiet",
    since: 0,
  };
  #nextPing = firstAlivePing;
  #nextFence = firstFencePing;
  /** A move was cancelled: until this ping is answered, answers are to what was asked before. */
  #fence: number | null = null;
  /** Whether the client was ever asked to link elsewhere. */
  #wasAsked = false;
  /** Of another server, to go on with. */
  #brought: {
    agent: MovingAgent | null;
    state: Infer<typeof AgentState> | null;
  } = { agent: null, state: null };

  constructor(end: ChannelEnd, wiring: Wiring, owner: MainOwner, view: MainView) {
    this.#end = end;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#view = view;
  }

  get client(): ClientKey {
    return this.#owner.client;
  }

  /** Whether the client has this `MainCapability`. */
  can(capability: number): boolean {
    return hasCapability(this.#end.capabilities, capability);
  }

  get canSend(): boolean {
    return this.#end.canSend;
  }

  get isHere(): boolean {
    return !this.#end.hasLeft;
  }

  opened(): void {
    const { mirror, mouseMode, agent } = this.#view;
    const hasAgent = agent.owner === this && agent.isConnected;
    this.#send({
      name: "INIT",
      body: {
        sessionId: this.#owner.sessionId,
        displayChannelsHint: mirror.displayCount,
        supportedMouseModes: mouseMode.supportedBits,
        currentMouseMode: mouseMode.currentBit,
        agentConnected: hasAgent ? 1 : 0,
        agentTokens,
        multiMediaTime: this.#multiMediaTime,
        ramHint,
      },
    });
    this.identityChanged();
    this.#alive = { kind: "quiet", since: this.#wiring.now };
    const brought = this.#owner.broughtChannels();
    if (brought === null) {
      if (!this.#end.arrival.local) this.#measure();
      return;
    }
    // A client that came over asks for no channels, but should learn of those that appear.
    this.#announced = brought;
    this.channelsChanged();
  }

  closed(): void {}

  writable(): void {
    this.#view.agent.writable(this);
  }

  deadline(): number {
    const { kind, since } = this.#alive;
    return since + (kind === "quiet" ? pingPeriodMs : pongTimeoutMs);
  }

  timeout(): void {
    const { now } = this.#wiring;
    if (now < this.deadline()) return;
    if (this.#alive.kind === "asked") throw new ClientTooSlow("main 0: the client does not answer");
    this.#alive = { kind: "asked", since: now };
    this.#ping(this.#nextPing++, 0);
  }

  pong(id: number): void {
    const { now } = this.#wiring;
    if (id === this.#fence) this.#fence = null;
    this.#alive = { kind: "quiet", since: now };
    const figures = this.#networkTest?.pong(id, now) ?? null;
    if (figures === null) return;
    this.#networkTest = null;
    this.#owner.measured(figures);
  }

  snapshot(now: number): unknown {
    const { kind, since } = this.#alive;
    return {
      fence: this.#fence,
      next: [this.#nextPing, this.#nextFence],
      announced: this.#announced === null ? null : [...this.#announced],
      alive: kind,
      since: since - now,
    };
  }

  // From the server.

  identityChanged(): void {
    const nameAndUuid = MainCapability.SPICE_MAIN_CAP_NAME_AND_UUID;
    if (!hasCapability(this.#end.capabilities, nameAndUuid)) return;
    const { name, uuid } = this.#view.mirror;
    if (name !== "") this.#send({ name: "NAME", body: { name } });
    if (uuid !== null) this.#send({ name: "UUID", body: { uuid } });
  }

  /** Tells the client of channels that it does not know: it would open the others again. */
  channelsChanged(): void {
    const announced = this.#announced;
    if (announced !== null) this.#announce((label) => !announced.has(label));
  }

  #announce(isNew: (label: string) => boolean): void {
    const there = this.#owner.channels();
    this.#announced = new Set(there.map(channelLabel));
    const channels = there
      .filter((channel) => isNew(channelLabel(channel)))
      .map(({ name, id }) => ({ type: channelTypeOf(name), id }));
    if (channels.length > 0) this.#send({ name: "CHANNELS_LIST", body: { channels } });
  }

  mouseModeChanged(): void {
    const { supportedBits, currentBit } = this.#view.mouseMode;
    const body = { supportedModes: supportedBits, currentMode: currentBit };
    this.#send({ name: "MOUSE_MODE", body });
  }

  /** A word for the user. */
  notify(message: string): void {
    this.#end.sendBase({
      name: "NOTIFY",
      body: {
        timeStamp: BigInt(Math.floor(this.#wiring.now)) * 1_000_000n,
        severity: NotifySeverity.WARN,
        visibility: NotifyVisibility.HIGH,
        what: 0,
        message,
        padding: new Uint8Array(1),
      },
    });
  }

  // Moving to another server.

  /** Asks the client to link to the target. */
  beginMove({ host, port, tlsPort, certSubject }: MoveTarget, isSeamless: boolean): void {
    this.#wasAsked = true;
    const dstInfo = { port: port ?? 0, sport: tlsPort ?? 0, host, certSubject: certSubject ?? "" };
    this.#send(
      isSeamless
        ? { name: "MIGRATE_BEGIN_SEAMLESS", body: { dstInfo, srcMigVersion: migrationVersion } }
        : { name: "MIGRATE_BEGIN", body: { dstInfo } },
    );
  }

  /**
   * The client drops its links to the target. What it says of them until the ping behind it is
   * answered is of the past: it may have been on its way.
   */
  cancelMove(): void {
    this.#send({ name: "MIGRATE_CANCEL", body: {} });
    this.#fence = this.#nextFence++;
    this.#ping(this.#fence, 0);
  }

  /** Semi-seamless: the client goes over to its links. */
  endMove(): void {
    this.#send({ name: "MIGRATE_END", body: {} });
  }

  /** The client begins anew at the target. */
  switchHost({ host, port, tlsPort, certSubject }: MoveTarget): void {
    const body = { port: port ?? 0, sport: tlsPort ?? 0, host, certSubject: certSubject ?? "" };
    this.#send({ name: "MIGRATE_SWITCH_HOST", body });
  }

  leaving(hasPeer: boolean): void {
    this.#view.agent.leaving(this, hasPeer);
  }

  finalState(): Uint8Array | null {
    const state = this.#view.agent.movingState(this);
    return state === null ? null : agentStateCodec.encode(state);
  }

  migrationData(): Uint8Array {
    return mainMigrationData(this.#view.agent.moving(this));
  }

  restoreMigrationData(body: Uint8Array): void {
    this.#brought.agent = readMainMigrationData(body, agentTokens);
  }

  restoreState(final: Uint8Array): void {
    const state = agentStateCodec.decode(final);
    if (state.version !== peerVersion) {
      throw this.#end.unexpected("agent state", `version ${state.version}`);
    }
    this.#brought.state = state;
  }

  moved(outcome: "kept" | "rebuilt"): void {
    this.#alive = { kind: "quiet", since: this.#wiring.now };
    this.#announced = this.#owner.broughtChannels() ?? new Set();
    this.channelsChanged();
    this.#send({ name: "MULTI_MEDIA_TIME", body: { time: this.#multiMediaTime } });
    this.mouseModeChanged();
    const { agent, state } = this.#brought;
    const isKept = agent !== null && outcome === "kept";
    const hasAgent = isKept && this.#restoreAgent(agent, state);
    if (agent !== null && !hasAgent) this.agentDisconnected();
    this.#owner.arrived();
  }

  #restoreAgent(agent: MovingAgent, state: Infer<typeof AgentState> | null): boolean {
    try {
      return this.#view.agent.restore(this, agent, state);
    } catch (error) {
      if (!(error instanceof AgentProtocolError || error instanceof WireError)) throw error;
      throw this.#end.unexpected("MIGRATE_DATA", error.message);
    }
  }

  get #multiMediaTime(): number {
    return this.#view.sound.time.forClients(this.#wiring.now);
  }

  #answered(answer: MoveAnswer, name: string): void {
    if (!this.#wasAsked) throw this.#end.unexpected(name, "no move was begun");
    if (this.#fence === null) this.#owner.moveAnswered(answer);
  }

  // From the agent's stream.

  agentConnected(tokens: number): void {
    const withTokens = MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS;
    if (hasCapability(this.#end.capabilities, withTokens)) {
      this.#send({ name: "AGENT_CONNECTED_TOKENS", body: { numTokens: tokens } });
    } else this.#send({ name: "AGENT_CONNECTED", body: {} });
  }

  agentDisconnected(): void {
    this.#send({ name: "AGENT_DISCONNECTED", body: { errorCode: 0 } });
  }

  sendAgentData(data: Uint8Array): void {
    this.#send({ name: "AGENT_DATA", body: { data } });
  }

  sendAgentTokens(numTokens: number): void {
    this.#send({ name: "AGENT_TOKEN", body: { numTokens } });
  }

  // From the client.

  message(id: number, body: Uint8Array): void {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    const { agent, mouseMode } = this.#view;
    switch (message.name) {
      case "ATTACH_CHANNELS":
        this.#announce(() => true);
        break;
      case "MOUSE_MODE_REQUEST":
        if (!this.#owner.viewOnly) mouseMode.request(message.body.mode);
        break;
      case "AGENT_START":
        agent.started(this, message.body.numTokens);
        break;
      case "AGENT_TOKEN":
        agent.granted(this, message.body.numTokens);
        break;
      case "AGENT_DATA":
        this.#agentData(message.body.data);
        break;
      case "MIGRATE_CONNECTED_SEAMLESS":
        this.#answered("seamless", message.name);
        break;
      case "MIGRATE_CONNECTED":
        this.#answered("semi-seamless", message.name);
        break;
      case "MIGRATE_CONNECT_ERROR":
        this.#answered("error", message.name);
        break;
      default:
        throw this.#end.unexpected(message.name, "it belongs to what was not offered");
    }
  }

  #agentData(data: Uint8Array): void {
    try {
      this.#view.agent.clientData(this, data);
    } catch (error) {
      if (!(error instanceof AgentProtocolError || error instanceof WireError)) throw error;
      throw this.#agentError(error);
    }
  }

  #agentError(error: CarawayError): CarawayError {
    return this.#end.unexpected("AGENT_DATA", error.message);
  }

  #decode(id: number, body: Uint8Array): ClientMessage<typeof Main> | null {
    try {
      return mainCodec.client.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #measure(): void {
    this.#networkTest = new NetworkTest((id, size) => this.#ping(id, size), this.#wiring.now);
  }

  #ping(id: number, size: number): void {
    const timestamp = BigInt(Math.floor(this.#wiring.now * 1000));
    this.#end.sendBase({ name: "PING", body: { id, timestamp, data: new Uint8Array(size) } });
  }

  #send(message: ServerMessage<typeof Main>): void {
    this.#end.send(mainCodec.server.encode(message));
  }
}
