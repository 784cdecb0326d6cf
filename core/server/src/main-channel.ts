// A client's main channel: what it learns of the session and of the guest, and the agent's stream.

import { AgentProtocolError } from "@caraway/agent";
import {
  type ClientMessage,
  hasCapability,
  type Main,
  MainCapability,
  mainCodec,
  NotifySeverity,
  NotifyVisibility,
  type ServerMessage,
} from "@caraway/protocol";
import { type CarawayError, WireError } from "@caraway/wire";
import { type AgentPeer, type AgentRelay, agentTokens } from "./agent-relay.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import { ClientTooSlow } from "./channel-end.ts";
import { type ChannelId, channelLabel, channelTypeOf } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { GuestMirror } from "./guest-mirror.ts";
import type { MouseMode } from "./mouse-mode.ts";
import { type NetworkFigures, NetworkTest } from "./network-test.ts";
import type { Wiring } from "./wiring.ts";

export interface MainOwner {
  readonly client: ClientKey;
  readonly sessionId: number;
  readonly viewOnly: boolean;
  /** Channels that this client may open. */
  channels(): readonly ChannelId[];
  measured(figures: NetworkFigures): void;
}

/** What the main channel shows of the server. */
export interface MainView {
  readonly mirror: GuestMirror;
  readonly mouseMode: MouseMode;
  readonly agent: AgentRelay;
}

/** The client's clock begins so far behind, which leaves room for late frames. */
const mediaDelayMs = 400;
/** So that the clock does not begin below zero. */
const mediaEpochMs = 1 << 20;
/** From this a client concludes how large a GLZ window to offer. */
const ramHint = 32 << 20;
const pingPeriodMs = 15_000;
const pongTimeoutMs = 30_000;
/** Ids of the pings that only ask whether somebody is there. */
const firstAlivePing = 1000;

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

  constructor(end: ChannelEnd, wiring: Wiring, owner: MainOwner, view: MainView) {
    this.#end = end;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#view = view;
  }

  get client(): ClientKey {
    return this.#owner.client;
  }

  get canSend(): boolean {
    return this.#end.canSend;
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
        multiMediaTime: (Math.floor(this.#wiring.now) + mediaEpochMs - mediaDelayMs) >>> 0,
        ramHint,
      },
    });
    this.identityChanged();
    this.#alive = { kind: "quiet", since: this.#wiring.now };
    if (!this.#end.arrival.local) this.#measure();
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
    this.#alive = { kind: "quiet", since: now };
    const figures = this.#networkTest?.pong(id, now) ?? null;
    if (figures === null) return;
    this.#networkTest = null;
    this.#owner.measured(figures);
  }

  snapshot(now: number): unknown {
    const { kind, since } = this.#alive;
    return {
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
