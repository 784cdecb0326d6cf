// The client's end of the agent: when it comes and goes, tokens, capabilities, and what the client
// wants of the guest's monitors. What the guest should know is remembered, so that an agent that
// starts again, or that is found anew behind a migration, is told again without anybody asking.

import {
  AgentCapability,
  capabilityWords,
  hasCapability,
  MonitorsConfigFlag,
} from "@caraway/protocol";
import { WireError } from "@caraway/wire";
import { type AgentMessage, AgentProtocolError, AgentReader, agentPieces } from "./agent-stream.ts";

/** Tokens that the server gets: as many AGENT_DATA as it likes, as spice-gtk gives. */
const tokensForServer = 0xffffffff;

/** Largest message that a guest may send: a clipboard image. */
const messageSizeMax = 64 << 20;

export interface Monitor {
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
}

export type AgentClientOutput =
  /** A main channel message, for this client to send. */
  | { readonly type: "send"; readonly name: "AGENT_START"; readonly body: { numTokens: number } }
  | { readonly type: "send"; readonly name: "AGENT_DATA"; readonly body: { data: Uint8Array } }
  | { readonly type: "connected"; readonly capabilities: readonly string[] }
  | { readonly type: "disconnected"; readonly error: AgentProtocolError | null }
  | { readonly type: "message"; readonly message: AgentMessage };

const ourCapabilities = [AgentCapability.MONITORS_CONFIG, AgentCapability.REPLY];

export class AgentClient {
  readonly #outputs: AgentClientOutput[] = [];
  #attached = false;
  #tokens = 0;
  #reader = new AgentReader(messageSizeMax);
  #pieces: Uint8Array[] = [];
  /** Capability words of the guest's agent; null until it announced them. */
  #capabilities: readonly number[] | null = null;
  #monitors: readonly Monitor[] | null = null;

  poll(): AgentClientOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    return {
      attached: this.#attached,
      tokens: this.#tokens,
      queued: this.#pieces.length,
      capabilities: this.#capabilities,
    };
  }

  /** The guest's agent is there (INIT, AGENT_CONNECTED, AGENT_CONNECTED_TOKENS). */
  attach(tokens: number): void {
    this.#reset();
    this.#attached = true;
    this.#tokens = tokens;
    this.#outputs.push({
      type: "send",
      name: "AGENT_START",
      body: { numTokens: tokensForServer },
    });
    this.#say({
      name: "ANNOUNCE_CAPABILITIES",
      body: { request: 1, caps: capabilityWords(ourCapabilities) },
    });
  }

  /** The agent is gone (AGENT_DISCONNECTED, or the session begins anew). */
  detach(): void {
    const wasConnected = this.#capabilities !== null;
    this.#reset();
    if (wasConnected) this.#outputs.push({ type: "disconnected", error: null });
  }

  /** AGENT_CONNECTED says nothing of tokens: those of INIT are still good. */
  get tokens(): number {
    return this.#tokens;
  }

  grantTokens(tokens: number): void {
    this.#tokens += tokens;
    this.#drain();
  }

  data(bytes: Uint8Array): void {
    if (!this.#attached) return;
    try {
      for (const message of this.#reader.push(bytes, new Set())) this.#handle(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What the guest's monitors should be; null leaves it to the guest. */
  wantMonitors(monitors: readonly Monitor[] | null): void {
    this.#monitors = monitors;
    this.#sayMonitors();
  }

  #handle(message: AgentMessage): void {
    if (message.name === "ANNOUNCE_CAPABILITIES") {
      const first = this.#capabilities === null;
      this.#capabilities = message.body.caps;
      if (message.body.request !== 0) {
        this.#say({
          name: "ANNOUNCE_CAPABILITIES",
          body: { request: 0, caps: capabilityWords(ourCapabilities) },
        });
      }
      if (first) {
        this.#outputs.push({ type: "connected", capabilities: capabilityNames(message.body.caps) });
        this.#sayMonitors();
      }
      return;
    }
    this.#outputs.push({ type: "message", message });
  }

  #sayMonitors(): void {
    if (this.#monitors === null || this.#capabilities === null) return;
    const positions = hasCapability(this.#capabilities, AgentCapability.MONITORS_CONFIG_POSITION);
    this.#say({
      name: "MONITORS_CONFIG",
      body: {
        flags: positions ? MonitorsConfigFlag.USE_POS : 0,
        monitors: this.#monitors.map(({ width, height, x, y }) => {
          return { height, width, depth: 32, x, y };
        }),
        sizes: null,
      },
    });
  }

  #say(message: AgentMessage): void {
    this.#pieces.push(...agentPieces(message, new Set()));
    this.#drain();
  }

  #drain(): void {
    while (this.#tokens > 0) {
      const data = this.#pieces.shift();
      if (data === undefined) return;
      this.#tokens -= 1;
      this.#outputs.push({ type: "send", name: "AGENT_DATA", body: { data } });
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof WireError || error instanceof AgentProtocolError)) throw error;
    const protocolError =
      error instanceof AgentProtocolError
        ? error
        : new AgentProtocolError(error.message, { cause: error });
    this.#reset();
    this.#outputs.push({ type: "disconnected", error: protocolError });
  }

  #reset(): void {
    this.#attached = false;
    this.#reader = new AgentReader(messageSizeMax);
    this.#pieces = [];
    this.#capabilities = null;
  }
}

function capabilityNames(words: readonly number[]): string[] {
  return Object.entries(AgentCapability)
    .filter(([, bit]) => hasCapability(words, bit))
    .map(([name]) => name);
}
