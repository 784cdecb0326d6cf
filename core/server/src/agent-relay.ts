// Carries the stream of the guest's agent to and from the client that owns it. The guest's side is
// cut into chunks with a port each, the client's into AGENT_DATA that cost tokens; both sides hold
// the other back when they are slow. The agent knows one client only: when its owner leaves, it is
// told so, and the next client gets it as new.

import { AgentProtocolError, agentPieces } from "@caraway/agent";
import { ByteQueue } from "@caraway/channel";
import {
  AgentCapability,
  agentDataSizeMax,
  MonitorsConfigFlag,
  VdiPort,
  vdiChunkHeaderCodec,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { AgentFilter, type AgentVerdict, concat } from "./agent-filter.ts";
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
}

export interface AgentRules {
  readonly copyPaste: boolean;
  readonly fileTransfer: boolean;
  /** Whether the guest takes the clients' monitors itself. */
  readonly takesMonitors: () => boolean;
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

  constructor(wiring: Wiring, rules: AgentRules) {
    this.#wiring = wiring;
    this.#rules = rules;
    this.#toGuestFilter = new AgentFilter((name) => {
      if (name === "MONITORS_CONFIG" && rules.takesMonitors()) return "collect";
      return this.#allowed(name);
    });
    this.#toClientFilter = new AgentFilter((name) => {
      if (name === "ANNOUNCE_CAPABILITIES" && !rules.fileTransfer) return "collect";
      return this.#allowed(name);
    });
  }

  /** The guest has an agent's stream. */
  attach(stream: GuestStream): void {
    this.#attached = { stream, chunk: null };
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
    if (open) this.#announce();
    else this.#lost();
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
      this.#attached?.stream.write(concat([header, data]));
    }
  }

  /** A client may send again what the guest has taken. */
  #returnTokens(): void {
    const { stream } = this.#attached ?? {};
    if (stream === undefined || stream.queuedBytes > agentDataSizeMax) return;
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
      const message = { name: "MOUSE_STATE", body: state } as const;
      for (const piece of agentPieces(message, new Set())) this.#writeChunks(VdiPort.SERVER, piece);
    }
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
        const { request, caps } = item.message.body;
        const words = caps.slice();
        words[0] = ((words[0] ?? 0) | (1 << AgentCapability.FILE_XFER_DISABLED)) >>> 0;
        const message = { name: "ANNOUNCE_CAPABILITIES", body: { request, caps: words } } as const;
        for (const piece of agentPieces(message, new Set())) this.#toClient.push(piece);
      }
    }
  }

  #drainToClient(): void {
    const owner = this.#owner;
    while (owner !== null && this.#serverTokens > 0 && owner.canSend) {
      const data = this.#toClient.take(Math.min(this.#toClient.size, agentDataSizeMax))!;
      if (data.length === 0) return;
      // Who gives 0xffffffff does not count.
      if (this.#serverTokens !== 0xffffffff) this.#serverTokens -= 1;
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
