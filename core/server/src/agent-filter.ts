// Which of the agent's messages pass, by what the embedder allows: what is decided for a message
// holds for all of its parts. Some messages are for the server itself, and are collected whole.

import { type AgentMessage, AgentProtocolError } from "@caraway/agent";
import {
  type AgentMessageState,
  agentCodec,
  agentMessageHeaderSize,
  agentMessages,
} from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import { joinBytes } from "@caraway/wire";
import { type CutMessage, FilterResult } from "./agent-migration.ts";
import { type AgentPart, AgentParts } from "./agent-parts.ts";

export type AgentVerdict = "pass" | "discard" | "collect";

type AgentMessageName = (typeof agentMessages)[number]["name"];

const results = {
  pass: FilterResult.PASS,
  discard: FilterResult.DISCARD,
  collect: FilterResult.COLLECT,
} as const;

const names = new Map<number, AgentMessageName>(agentMessages.map(({ id, name }) => [id, name]));

/** Largest message that is collected: a list of monitors, capabilities. */
const collectedSizeMax = 1 << 16;

export type AgentFiltered =
  | { readonly kind: "pass"; readonly bytes: Uint8Array }
  | { readonly kind: "message"; readonly message: AgentMessage };

export class AgentFilter {
  readonly #judge: (name: AgentMessageName | null) => AgentVerdict;
  #parts = new AgentParts();
  #verdict: AgentVerdict = "discard";
  #collected: Uint8Array[] = [];
  readonly #overhear: ((message: AgentMessage) => void) | null;
  /** Of a message that passes and is overheard. */
  #overheard: Uint8Array[] | null = null;

  /**
   * `judge` is asked once for each message; null is a type that is not declared. `overhear` gets
   * the capabilities that pass, unless they were cut by a move.
   */
  constructor(
    judge: (name: AgentMessageName | null) => AgentVerdict,
    overhear: ((message: AgentMessage) => void) | null = null,
  ) {
    this.#judge = judge;
    this.#overhear = overhear;
  }

  get isInside(): boolean {
    return this.#parts.isInside;
  }

  /** The rest of a message that has begun is for nobody. */
  discardCurrent(): void {
    this.#verdict = "discard";
    this.#overheard = null;
    this.#collected = [];
  }

  reset(): void {
    this.#parts = new AgentParts();
    this.discardCurrent();
  }

  /** @throws AgentProtocolError or WireError when the bytes are no message. */
  push(bytes: Uint8Array): AgentFiltered[] {
    const outcome: AgentFiltered[] = [];
    for (const part of this.#parts.push(bytes)) {
      if (part.isFirst) this.#begin(part);
      if (this.#verdict === "pass") {
        outcome.push({ kind: "pass", bytes: part.bytes });
        this.#overhearPart(part);
      } else if (this.#verdict === "collect") {
        this.#collected.push(part.bytes);
        const message = part.isLast ? this.#take(part.type) : null;
        if (message !== null) outcome.push({ kind: "message", message });
      }
    }
    return outcome;
  }

  /** The message that is under way: bytes of it to come, and what becomes of it. */
  get moving(): CutMessage {
    return { left: this.#parts.left, result: results[this.#verdict] };
  }

  /** What `moving` cannot say. */
  get cut(): Infer<typeof AgentMessageState> {
    return { ...this.#parts.cut, collected: joinBytes(this.#collected) };
  }

  /** Goes on where another server left it; `header` is what the wire has of a header. */
  restore(message: CutMessage, header: Uint8Array, cut: Infer<typeof AgentMessageState> | null) {
    const { left, result } = message;
    this.#parts = new AgentParts();
    const { type, size } = cut ?? { type: 0, size: 0 };
    const begun = header.length > 0 ? header : (cut?.header ?? header);
    if (begun.length >= agentMessageHeaderSize) throw new AgentProtocolError("a header too large");
    this.#parts.restore(begun, left === 0 ? null : { type, size, left });
    this.#verdict = "discard";
    this.#collected = [];
    this.#overheard = null;
    if (result === FilterResult.PASS) this.#verdict = "pass";
    else if (result === FilterResult.COLLECT && cut !== null && left > 0) {
      if (cut.collected.length + left !== size || size > collectedSizeMax) {
        throw new AgentProtocolError(`${cut.collected.length} of ${size} bytes, and ${left} more`);
      }
      this.#verdict = "collect";
      this.#collected = [cut.collected];
    }
  }

  snapshot(): unknown {
    return { verdict: this.#verdict, parts: this.#parts.snapshot() };
  }

  #begin(part: AgentPart): void {
    const name = names.get(part.type) ?? null;
    this.#verdict = this.#judge(name);
    this.#collected = [];
    const isWanted = name === "ANNOUNCE_CAPABILITIES" && part.size <= collectedSizeMax;
    this.#overheard = isWanted && this.#overhear !== null ? [] : null;
    if (this.#verdict === "collect" && part.size > collectedSizeMax) {
      throw new AgentProtocolError(`agent message ${part.type} of ${part.size} bytes`);
    }
  }

  #overhearPart(part: AgentPart): void {
    if (this.#overheard === null) return;
    this.#overheard.push(part.bytes);
    if (!part.isLast) return;
    const body = joinBytes(this.#overheard).subarray(agentMessageHeaderSize);
    this.#overheard = null;
    const message = agentCodec.decode(part.type, body, new Set());
    if (message !== null) this.#overhear?.(message);
  }

  #take(type: number): AgentMessage | null {
    const all = joinBytes(this.#collected);
    this.#collected = [];
    return agentCodec.decode(type, all.subarray(agentMessageHeaderSize), new Set());
  }
}
