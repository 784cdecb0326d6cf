// Follows one direction of an agent's stream message by message, without holding messages: what it
// is given comes out again in parts that know which message they belong to.

import { AgentProtocolError } from "@caraway/agent";
import { agentMessageHeaderCodec, agentMessageHeaderSize, agentProtocol } from "@caraway/protocol";

export interface AgentPart {
  /** Type of the message. */
  readonly type: number;
  /** Bytes of the whole message, its header included. */
  readonly size: number;
  /** The first part of a message begins with the whole header. */
  readonly bytes: Uint8Array;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

export class AgentParts {
  /** Bytes of a header that is not whole yet. */
  #header = new Uint8Array(0);
  #current: { type: number; size: number; left: number } | null = null;

  /** Whether a message has begun and is not over. */
  get isInside(): boolean {
    return this.#current !== null || this.#header.length > 0;
  }

  /** @throws AgentProtocolError when the bytes are no message. */
  push(bytes: Uint8Array): AgentPart[] {
    const parts: AgentPart[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      const current = this.#current;
      if (current === null) {
        rest = this.#begin(rest, parts);
        continue;
      }
      const taken = rest.subarray(0, current.left);
      rest = rest.subarray(taken.length);
      current.left -= taken.length;
      const isLast = current.left === 0;
      parts.push({ type: current.type, size: current.size, bytes: taken, isFirst: false, isLast });
      if (isLast) this.#current = null;
    }
    return parts;
  }

  #begin(bytes: Uint8Array, parts: AgentPart[]): Uint8Array {
    const taken = bytes.subarray(0, agentMessageHeaderSize - this.#header.length);
    const header = new Uint8Array(this.#header.length + taken.length);
    header.set(this.#header);
    header.set(taken, this.#header.length);
    const rest = bytes.subarray(taken.length);
    this.#header = header;
    if (header.length < agentMessageHeaderSize) return rest;
    this.#header = new Uint8Array(0);
    const { protocol, type, size } = agentMessageHeaderCodec.decode(header);
    if (protocol !== agentProtocol) {
      throw new AgentProtocolError(`agent message of protocol ${protocol}`);
    }
    const whole = agentMessageHeaderSize + size;
    parts.push({ type, size: whole, bytes: header, isFirst: true, isLast: size === 0 });
    if (size > 0) this.#current = { type, size: whole, left: size };
    return rest;
  }

  /** Bytes that are to come of the message whose header is whole. */
  get left(): number {
    return this.#current?.left ?? 0;
  }

  /** The message that is under way. */
  get cut(): { readonly header: Uint8Array; readonly type: number; readonly size: number } {
    const { type = 0, size = 0 } = this.#current ?? {};
    return { header: this.#header, type, size };
  }

  /** Goes on where another server left it. */
  restore(header: Uint8Array, current: { type: number; size: number; left: number } | null): void {
    this.#header = header.slice();
    this.#current = current;
  }

  snapshot(): unknown {
    return { header: this.#header.length, current: this.#current };
  }
}
