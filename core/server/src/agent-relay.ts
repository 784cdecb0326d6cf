// Carries the stream of the guest's agent to and from the client that owns it. The guest's side is
// cut into chunks with a port each, the client's into AGENT_DATA that cost tokens; both sides hold
// the other back when they are slow. The agent knows one client only: when its owner leaves, it is
// told so, and the next client gets it as new.

import { type AgentMessage, AgentProtocolError, agentPieces } from "@caraway/agent";
import { ByteQueue } from "@caraway/channel";
import {
  AgentCapability,
  type AgentState,
  agentDataSizeMax,
  type GraphicsDevice,
  hasCapability,
  MonitorsConfigFlag,
  peerVersion,
  VdiPort,
  vdiChunkHeaderCodec,
} from "@caraway/protocol";
import { CarawayError, type Infer, joinBytes } from "@caraway/wire";
import { AgentFilter, type AgentVerdict } from "./agent-filter.ts";
import { FilterResult, type MovingAgent } from "./agent-migration.ts";
import type { ClientKey } from "./events.ts";
import type { MonitorWish } from "./guest-device.ts";
import type { GuestStream } from "./guest-stream.ts";
import type { Wiring } from "./wiring.ts";

/** Tokens of a client, as spice-server gives them, and how many are returned at a time. */
export const agentTokens = 10;
const tokenBatch = 5;
/** Bytes that the guest may be ahead of the client. */
const readAhead = 1 << 16;
const chunkHeaderSize = 8;
/** Pointer states that wait for an agent that does not read: older ones are dropped. */
const mouseStatesMax = 64;

/** The main channel of a client, as the agent's stream sees it. */
export interface AgentPeer {
  readonly client: ClientKey;
  /** The agent is there, and the client may send so many AGENT_DATA. */
  agentConnected(tokens: number): void;
  agentDisconnected(): void;
  sendAgentData(data: Uint8Array): void;
  sendAgentTokens(tokens: number): void;
  readonly canSend: boolean;
  /** Whether what is sent to it still reaches it: not when it is on its way to another server. */
  readonly isHere: boolean;
}

export interface AgentRules {
  readonly copyPaste: boolean;
  readonly fileTransfer: boolean;
  /** Whether the guest takes the clients' monitors itself. */
  readonly takesMonitors: () => boolean;
  /** What the agent is told of the displays. */
  readonly graphicsDevices: () => readonly Infer<typeof GraphicsDevice>[];
}

export interface AgentMouseState {
  readonly x: number;
  readonly y: number;
  /** `AgentMouseButtonMask`. */
  readonly buttons: number;
  readonly displayId: number;
}

interface Attached {
  readonly stream: GuestStream;
  /** The chunk of the guest's that is being read. */
  chunk: { readonly port: number; left: number } | null;
  /** The header that was read last, for MIGRATE_DATA. */
  lastHeader: { readonly port: number; readonly size: number };
}

export class AgentRelay {
  readonly #wiring: Wiring;
  readonly #rules: AgentRules;
  #attached: Attached | null = null;
  #owner: AgentPeer | null = null;
  /** The owner was told that the agent is there. */
  #isAnnounced = false;
  /** The owner said AGENT_START since the agent was announced to it. */
  #isStarted = false;
  /** AGENT_DATA that the owner may send. */
  #clientTokens = 0;
  /** AGENT_DATA of the owner's that went out of the queue and are not returned as tokens yet. */
  #spentTokens = 0;
  /** AGENT_DATA that the server may send. */
  #serverTokens = 0;
  readonly #fromGuest = new ByteQueue();
  /** For the owner, waiting for its tokens. */
  readonly #toClient = new ByteQueue();
  readonly #toGuestFilter: AgentFilter;
  readonly #toClientFilter: AgentFilter;
  #mouseStates: AgentMouseState[] = [];
  /** The owner came with its agent, whose end the guest has not shown open yet. */
  #awaitsGuest = false;

  constructor(wiring: Wiring, rules: AgentRules) {
    this.#wiring = wiring;
    this.#rules = rules;
    this.#toGuestFilter = new AgentFilter((name) => {
      if (name === "MONITORS_CONFIG" && rules.takesMonitors()) return "collect";
      return this.#allowed(name);
    });
    this.#toClientFilter = new AgentFilter(
      (name) => {
        if (name === "ANNOUNCE_CAPABILITIES" && !rules.fileTransfer) return "collect";
        return this.#allowed(name);
      },
      (message) => this.#capabilitiesAre(message),
    );
  }

  /** The guest has an agent's stream. */
  attach(stream: GuestStream): void {
    this.#attached = { stream, chunk: null, lastHeader: { port: 0, size: 0 } };
    stream.setOpen(true);
    stream.grant(readAhead);
  }

  detach(): void {
    this.#lost();
    this.#attached = null;
  }

  /** Whether somebody is at the guest's end. */
  get isConnected(): boolean {
    return this.#attached?.stream.isOpenThere === true;
  }

  get owner(): AgentPeer | null {
    return this.#owner;
  }

  /** The guest's agent began or ended. */
  guestOpened(open: boolean): void {
    if (!open) this.#lost();
    else if (this.#awaitsGuest) this.#readGuest();
    else this.#announce();
    this.#awaitsGuest = false;
  }

  /** Gives the agent to a client, or to nobody. `announce`: the client learns it by INIT otherwise. */
  setOwner(owner: AgentPeer | null, announce: boolean): void {
    if (owner === this.#owner) return;
    if (this.#owner !== null) this.#abandon();
    this.#owner = owner;
    this.#wiring.event({ name: "agent-owner", client: owner?.client ?? null });
    this.#isStarted = false;
    this.#isAnnounced = owner !== null && this.isConnected;
    this.#clientTokens = agentTokens;
    this.#spentTokens = 0;
    this.#serverTokens = 0;
    if (announce) this.#announce();
    this.#readGuest();
  }

  // From the owner.

  started(peer: AgentPeer, tokens: number): void {
    if (peer !== this.#owner || !this.isConnected) return;
    this.#isStarted = true;
    this.#serverTokens = tokens;
    this.#readGuest();
  }

  granted(peer: AgentPeer, tokens: number): void {
    if (peer !== this.#owner) return;
    this.#serverTokens = Math.min(0xffffffff, this.#serverTokens + tokens);
    this.#readGuest();
  }

  /** @throws AgentProtocolError when the client sends more than it may, or what is no message. */
  clientData(peer: AgentPeer, data: Uint8Array): void {
    // What comes before AGENT_START was meant for an agent that has gone since.
    if (peer !== this.#owner || !this.#isStarted) return;
    if (data.length > agentDataSizeMax) {
      throw new AgentProtocolError(`AGENT_DATA of ${data.length} bytes`);
    }
    if (this.#clientTokens === 0) throw new AgentProtocolError("AGENT_DATA without a token");
    this.#clientTokens -= 1;
    this.#spentTokens += 1;
    for (const item of this.#toGuestFilter.push(data)) {
      if (item.kind === "pass") this.#writeChunks(VdiPort.CLIENT, item.bytes);
      else if (item.message.name === "MONITORS_CONFIG") {
        this.#wiring.gate.pass({ type: "monitors-wish", monitors: wishesOf(item.message.body) });
      }
    }
    this.#returnTokens();
  }

  /** The owner's connection takes bytes again. */
  writable(peer: AgentPeer): void {
    if (peer === this.#owner) this.#readGuest();
  }

  // From the server itself.

  mouse(state: AgentMouseState): void {
    const last = this.#mouseStates.at(-1);
    if (last !== undefined && last.buttons === state.buttons) this.#mouseStates.pop();
    this.#mouseStates.push(state);
    if (this.#mouseStates.length > mouseStatesMax) this.#mouseStates.shift();
    this.#sendMouse();
  }

  // Moving to another server.

  /**
   * The owner is about to be sent over. Toward a server that takes nothing but MIGRATE_DATA all
   * that was read for it goes out now, whatever its tokens: it would be lost.
   */
  leaving(peer: AgentPeer, hasPeer: boolean): void {
    const attached = this.#attached;
    if (peer !== this.#owner || attached === null) return;
    for (const state of this.#mouseStates.splice(0)) this.#writeMouse(state);
    if (hasPeer) return;
    for (;;) {
      this.#sendToClient(peer, this.#toClient.size);
      if (this.#readChunk(attached) === 0) return;
    }
  }

  /** The stream as the wire has it; null for whoever does not own the agent. */
  moving(peer: AgentPeer): MovingAgent | null {
    const attached = this.#attached;
    if (peer !== this.#owner || attached === null || !this.#isAnnounced) return null;
    const { stream, chunk, lastHeader } = attached;
    const toGuest = stream.queued;
    const partial = chunk === null ? this.#fromGuest.peek(this.#partialHeaderSize) : null;
    // The wire has no place for a part of the client's message header; spice-server takes none.
    const isCut = this.#toGuestFilter.cut.header.length > 0;
    const clientToAgent = this.#toGuestFilter.moving;
    return {
      isStarted: this.#isStarted,
      clientTokens: this.#clientTokens,
      serverTokens: this.#serverTokens,
      toGuest,
      toGuestTokens: toGuest.length > 0 ? this.#spentTokens : 0,
      chunk:
        chunk === null
          ? { headerSize: partial?.length ?? 0, ...overlaid(lastHeader, partial) }
          : { headerSize: chunkHeaderSize, port: chunk.port, size: chunk.left },
      header: chunk === null ? new Uint8Array(0) : this.#toClientFilter.cut.header,
      agentToClient: this.#toClientFilter.moving,
      clientToAgent: isCut ? { left: 0, result: FilterResult.PROTOCOL_ERROR } : clientToAgent,
    };
  }

  /** What the wire has no place for. */
  movingState(peer: AgentPeer): Infer<typeof AgentState> | null {
    if (peer !== this.#owner || this.#attached === null || !this.#isAnnounced) return null;
    return {
      version: peerVersion,
      toClient: this.#toClient.takeAll(),
      fromGuest: this.#fromGuest.takeAll(),
      agentToClient: this.#toClientFilter.cut,
      clientToAgent: this.#toGuestFilter.cut,
    };
  }

  /**
   * Goes on with a client and its stream where another server left them; false when the guest has
   * no agent here.
   *
   * @throws AgentProtocolError for a state that cannot be.
   */
  restore(peer: AgentPeer, agent: MovingAgent, state: Infer<typeof AgentState> | null): boolean {
    const attached = this.#attached;
    if (attached === null || this.#owner !== null) return false;
    const { chunk } = agent;
    this.#toClientFilter.restore(agent.agentToClient, agent.header, state?.agentToClient ?? null);
    const none = new Uint8Array(0);
    this.#toGuestFilter.restore(agent.clientToAgent, none, state?.clientToAgent ?? null);
    this.#owner = peer;
    this.#wiring.event({ name: "agent-owner", client: peer.client });
    this.#isAnnounced = true;
    this.#isStarted = agent.isStarted;
    this.#clientTokens = agent.clientTokens;
    this.#spentTokens = agentTokens - agent.clientTokens;
    this.#serverTokens = agent.serverTokens;
    attached.lastHeader = { port: chunk.port, size: chunk.size };
    attached.chunk = null;
    const isInChunk = chunk.headerSize === chunkHeaderSize;
    if (isInChunk && chunk.size > 0) attached.chunk = { port: chunk.port, left: chunk.size };
    const begun = vdiChunkHeaderCodec.encode({ port: chunk.port, size: chunk.size });
    if (!isInChunk && state === null) this.#fromGuest.push(begun.subarray(0, chunk.headerSize));
    this.#toClient.push(state?.toClient ?? none);
    this.#fromGuest.push(state?.fromGuest ?? none);
    attached.stream.write(agent.toGuest);
    this.#awaitsGuest = !this.isConnected;
    if (state === null && agent.clientToAgent.result === FilterResult.PROTOCOL_ERROR) {
      // What the client goes on to say could not be told from a message's beginning.
      this.#isStarted = false;
      peer.agentDisconnected();
      this.#announce();
    }
    this.#returnTokens();
    this.#readGuest();
    return true;
  }

  // From the guest.

  guestData(bytes: Uint8Array): void {
    if (this.#attached === null) return;
    this.#fromGuest.push(bytes);
    this.#readGuest();
  }

  guestCredited(): void {
    this.#sendMouse();
    this.#returnTokens();
  }

  snapshot(): unknown {
    return {
      owner: this.#owner?.client ?? null,
      isStarted: this.#isStarted,
      tokens: [this.#clientTokens, this.#serverTokens],
      fromGuest: this.#fromGuest.size,
      toClient: this.#toClient.size,
      toGuest: this.#toGuestFilter.snapshot(),
      stream: this.#attached?.stream.snapshot() ?? null,
    };
  }

  #allowed(name: string | null): AgentVerdict {
    if (name === null) return "pass";
    if (name.startsWith("CLIPBOARD")) return this.#rules.copyPaste ? "pass" : "discard";
    if (name.startsWith("FILE_XFER")) return this.#rules.fileTransfer ? "pass" : "discard";
    return "pass";
  }

  #announce(): void {
    const owner = this.#owner;
    if (owner === null || !this.isConnected) return;
    this.#isStarted = false;
    this.#isAnnounced = true;
    this.#clientTokens = agentTokens;
    this.#spentTokens = 0;
    owner.agentConnected(agentTokens);
  }

  /** The agent is gone: nothing of its stream means anything any more. */
  #lost(): void {
    this.#dropGuestBytes();
    this.#toClient.takeAll();
    this.#toGuestFilter.reset();
    this.#toClientFilter.reset();
    this.#attached?.stream.dropQueue();
    this.#mouseStates = [];
    if (this.#isAnnounced) this.#owner?.agentDisconnected();
    this.#isAnnounced = false;
    this.#isStarted = false;
  }

  /** The owner leaves: what it began with the agent is over. */
  #abandon(): void {
    const attached = this.#attached;
    this.#toClient.takeAll();
    this.#toClientFilter.discardCurrent();
    if (attached === null || !this.#isStarted) return;
    if (this.#toGuestFilter.isInside) {
      // The agent cannot know that the rest will not come, unless its port closes.
      attached.stream.setOpen(false);
      attached.stream.setOpen(true);
    } else {
      const message = { name: "CLIENT_DISCONNECTED", body: {} } as const;
      for (const piece of agentPieces(message, new Set())) this.#writeChunks(VdiPort.CLIENT, piece);
    }
    this.#toGuestFilter.reset();
  }

  #writeChunks(port: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += agentDataSizeMax) {
      const data = bytes.subarray(at, at + agentDataSizeMax);
      const header = vdiChunkHeaderCodec.encode({ port, size: data.length });
      this.#attached?.stream.write(joinBytes([header, data]));
    }
  }

  /** A client may send again what the guest has taken. */
  #returnTokens(): void {
    const { stream } = this.#attached ?? {};
    if (stream === undefined || stream.queuedBytes > agentDataSizeMax) return;
    if (this.#owner?.isHere !== true) return;
    if (this.#spentTokens < tokenBatch) return;
    this.#clientTokens += this.#spentTokens;
    this.#owner?.sendAgentTokens(this.#spentTokens);
    this.#spentTokens = 0;
  }

  #sendMouse(): void {
    const { stream } = this.#attached ?? {};
    while (stream !== undefined && this.isConnected && stream.queuedBytes === 0) {
      const state = this.#mouseStates.shift();
      if (state === undefined) return;
      this.#writeMouse(state);
    }
  }

  #writeMouse(body: AgentMouseState): void {
    const message = { name: "MOUSE_STATE", body } as const;
    for (const piece of agentPieces(message, new Set())) this.#writeChunks(VdiPort.SERVER, piece);
  }

  /** Bytes of a chunk's header that were read and are not whole. */
  get #partialHeaderSize(): number {
    return Math.min(this.#fromGuest.size, chunkHeaderSize - 1);
  }

  /** Takes from the guest what the owner can take, or all when there is nobody to hear it. */
  #readGuest(): void {
    const attached = this.#attached;
    if (attached === null) return;
    try {
      for (;;) {
        this.#drainToClient();
        if (this.#toClient.size > 0) return;
        const taken = this.#readChunk(attached);
        if (taken === 0) return;
        attached.stream.grant(taken);
      }
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#wiring.event({ name: "guest-fault", what: "agent", error });
      this.#lost();
      attached.stream.setOpen(false);
      attached.stream.setOpen(true);
    }
  }

  /** Reads a piece of a chunk, or its header; returns how many bytes of the stream it took. */
  #readChunk(attached: Attached): number {
    const { chunk } = attached;
    if (chunk === null) {
      const bytes = this.#fromGuest.take(chunkHeaderSize);
      if (bytes === null) return 0;
      const { port, size } = vdiChunkHeaderCodec.decode(bytes);
      attached.lastHeader = { port, size };
      if (port !== VdiPort.CLIENT && port !== VdiPort.SERVER) {
        throw new AgentProtocolError(`a chunk for port ${port}`);
      }
      attached.chunk = size === 0 ? null : { port, left: size };
      return chunkHeaderSize;
    }
    const size = Math.min(chunk.left, this.#fromGuest.size, agentDataSizeMax);
    if (size === 0) return 0;
    const bytes = this.#fromGuest.take(size)!;
    chunk.left -= size;
    if (chunk.left === 0) attached.chunk = null;
    if (chunk.port === VdiPort.CLIENT) this.#filterToClient(bytes);
    return size;
  }

  #filterToClient(bytes: Uint8Array): void {
    for (const item of this.#toClientFilter.push(bytes)) {
      if (!this.#isStarted) continue;
      if (item.kind === "pass") this.#toClient.push(item.bytes);
      else if (item.message.name === "ANNOUNCE_CAPABILITIES") {
        this.#capabilitiesAre(item.message);
        const { request, caps } = item.message.body;
        const words = caps.slice();
        words[0] = ((words[0] ?? 0) | (1 << AgentCapability.FILE_XFER_DISABLED)) >>> 0;
        const message = { name: "ANNOUNCE_CAPABILITIES", body: { request, caps: words } } as const;
        for (const piece of agentPieces(message, new Set())) this.#toClient.push(piece);
      }
    }
  }

  /** An agent that has begun is told which display is which. */
  #capabilitiesAre(message: AgentMessage): void {
    if (message.name !== "ANNOUNCE_CAPABILITIES") return;
    const knows = hasCapability(message.body.caps, AgentCapability.GRAPHICS_DEVICE_INFO);
    const displays = this.#rules.graphicsDevices();
    if (!knows || displays.length === 0) return;
    const told = { name: "GRAPHICS_DEVICE_INFO", body: { displays } } as const;
    for (const piece of agentPieces(told, new Set())) this.#writeChunks(VdiPort.SERVER, piece);
  }

  #drainToClient(): void {
    const owner = this.#owner;
    while (owner !== null && this.#serverTokens > 0 && owner.canSend) {
      if (this.#toClient.size === 0) return;
      this.#sendToClient(owner, agentDataSizeMax);
    }
  }

  #sendToClient(owner: AgentPeer, bytes: number): void {
    for (let left = Math.min(bytes, this.#toClient.size); left > 0; ) {
      const data = this.#toClient.take(Math.min(left, agentDataSizeMax))!;
      left -= data.length;
      // Who gives 0xffffffff does not count.
      if (this.#serverTokens !== 0xffffffff) {
        this.#serverTokens = Math.max(0, this.#serverTokens - 1);
      }
      owner.sendAgentData(data);
    }
  }

  #dropGuestBytes(): void {
    const attached = this.#attached;
    if (attached === null) return;
    attached.chunk = null;
    attached.stream.grant(this.#fromGuest.takeAll().length);
  }
}

/** A header whose first bytes are these. */
function overlaid(
  header: { readonly port: number; readonly size: number },
  begun: Uint8Array | null,
): { readonly port: number; readonly size: number } {
  const bytes = vdiChunkHeaderCodec.encode(header);
  bytes.set(begun ?? []);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { port: view.getUint32(0, true), size: view.getUint32(4, true) };
}

function wishesOf(body: {
  readonly flags: number;
  readonly monitors: readonly {
    readonly width: number;
    readonly height: number;
    readonly x: number;
    readonly y: number;
  }[];
}): MonitorWish[] {
  const hasPlaces = (body.flags & MonitorsConfigFlag.USE_POS) !== 0;
  return body.monitors
    .map(({ width, height, x, y }, id) => {
      return hasPlaces ? { id, width, height, x, y } : { id, width, height, x: 0, y: 0 };
    })
    .filter(({ width, height }) => width > 0 && height > 0);
}
