// A client's end of the agent under test, with what it said and told.

import { AgentCapability, capabilityWords } from "@caraway/protocol";
import {
  AgentClient,
  type AgentClientOutput,
  type AgentEvent,
  type AgentMessage,
  AgentReader,
  agentPieces,
  contextOf,
} from "../src/index.ts";

type CapabilityName = keyof typeof AgentCapability;

/** What spice-vdagent announces. */
export const vdagentCapabilities: readonly CapabilityName[] = [
  "MOUSE_STATE",
  "MONITORS_CONFIG",
  "REPLY",
  "CLIPBOARD_BY_DEMAND",
  "CLIPBOARD_SELECTION",
  "SPARSE_MONITORS_CONFIG",
  "GUEST_LINEEND_LF",
  "MAX_CLIPBOARD",
  "AUDIO_VOLUME_SYNC",
  "GRAPHICS_DEVICE_INFO",
  "CLIPBOARD_NO_RELEASE_ON_REGRAB",
  "CLIPBOARD_GRAB_SERIAL",
];

export function wordsOf(names: readonly CapabilityName[]): number[] {
  return capabilityWords(names.map((name) => AgentCapability[name]));
}

export type Said = AgentMessage | AgentEvent | { readonly name: "START" };

export class Subject {
  readonly client: AgentClient;
  readonly reads: Extract<AgentClientOutput, { type: "read" }>[] = [];
  /** AGENT_DATA since the last call of `said`. */
  pieces: Uint8Array[] = [];
  #reader = new AgentReader(64 << 20);
  #context: ReadonlySet<string> = new Set();

  constructor(maxClipboard?: number) {
    this.client = new AgentClient(maxClipboard);
  }

  /** Attached to an agent that has announced these capabilities. */
  static ready(names = vdagentCapabilities, tokens = 1_000_000, maxClipboard?: number): Subject {
    const subject = new Subject(maxClipboard);
    subject.attach(names, tokens);
    return subject;
  }

  attach(names = vdagentCapabilities, tokens = 1_000_000): void {
    this.client.attach(tokens);
    this.said();
    this.announce(names);
    this.said();
  }

  announce(names: readonly CapabilityName[]): void {
    this.guestSays({ name: "ANNOUNCE_CAPABILITIES", body: { request: 0, caps: wordsOf(names) } });
    this.#context = contextOf(wordsOf(names));
  }

  drain(): AgentClientOutput[] {
    const outputs: AgentClientOutput[] = [];
    for (let output = this.client.poll(); output !== null; output = this.client.poll()) {
      outputs.push(output);
    }
    return outputs;
  }

  /** Messages to the guest since the last call, and what the client's own side was told. */
  said(): Said[] {
    this.pieces = [];
    return this.drain().flatMap((output): Said[] => {
      if (output.type === "event") return [output.event];
      if (output.type === "read") {
        this.reads.push(output);
        return [];
      }
      if (output.name === "AGENT_START") {
        this.#reader = new AgentReader(64 << 20);
        return [{ name: "START" }];
      }
      this.pieces.push(output.body.data);
      return this.#reader.push(output.body.data, this.#context);
    });
  }

  /** Names of what was said. */
  names(): string[] {
    return this.said().map(({ name }) => name);
  }

  guestSays(message: AgentMessage): void {
    for (const piece of agentPieces(message, this.#context)) this.client.data(piece);
  }

  /** Answers the reads of files that wait, of content that counts up. */
  answerReads(): void {
    for (const { read, offset, size } of this.reads.splice(0)) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => (offset + index) % 251);
      this.client.command({ name: "file-data", read, bytes, detail: "" });
    }
  }
}

export function selectionOf(selection: number) {
  return { selection, reserved: new Uint8Array(3) };
}
