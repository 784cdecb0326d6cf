// The agent's byte stream inside the main channel: messages are cut into AGENT_DATA pieces of at
// most 2048 bytes, each of which costs a token, and put together again. A message may be cut
// anywhere. Same for both ends.

import {
  agentCodec,
  agentDataSizeMax,
  agentMessageHeaderCodec,
  agentMessageHeaderSize,
  agentMessages,
  agentProtocol,
} from "@caraway/protocol";
import { CarawayError, joinBytes, type MessageOf } from "@caraway/wire";

export type AgentMessage = MessageOf<typeof agentMessages>;

/** Names of the capabilities that both ends have: some fields depend on them. */
export type AgentContext = ReadonlySet<string>;

/** The agent's stream does not follow its protocol; only the agent's connection is reset. */
export class AgentProtocolError extends CarawayError {
  readonly code = "AGENT_PROTOCOL";
}

/** What is known of a message before it is there. */
interface Expected {
  readonly type: number;
  /** Bytes of the whole message, its header included. */
  readonly size: number;
}

const clipboardType = agentMessages.find(({ name }) => name === "CLIPBOARD")!.id;
const releaseType = agentMessages.find(({ name }) => name === "CLIPBOARD_RELEASE")!.id;

/** A CLIPBOARD whose content is larger than wanted, and was passed over. */
export interface OversizedClipboard {
  readonly name: "oversized";
  /** Bytes of its body. */
  readonly size: number;
}

/** Puts messages together, and bounds what is kept of an incomplete one. */
export class AgentReader {
  readonly #messageSizeMax: number;
  readonly #clipboardSizeMax: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** The message that has begun, once its header is there. */
  #expected: Expected | null = null;
  /** Bytes to come of an oversized clipboard, and its size. */
  #skipped: { left: number; readonly size: number } | null = null;

  /** `clipboardSizeMax`: larger content of a clipboard is passed over; other messages are errors. */
  constructor(messageSizeMax: number, clipboardSizeMax = messageSizeMax) {
    this.#messageSizeMax = messageSizeMax;
    this.#clipboardSizeMax = clipboardSizeMax;
  }

  /** Bytes that are kept of messages that are not complete. */
  get keptBytes(): number {
    return this.#size;
  }

  /** Whether a message has begun and is not over. */
  get isInside(): boolean {
    return this.#size > 0 || this.#skipped !== null;
  }

  /** All that is kept, for a reader that goes on elsewhere with these bytes. */
  kept(): Uint8Array {
    return this.#join().slice();
  }

  /** The bytes of an oversized clipboard that are still to come, and its size. */
  get skipped(): { readonly left: number; readonly size: number } | null {
    return this.#skipped;
  }

  /** Goes on where another reader was, whose kept bytes are fed then. */
  skip(left: number, size: number): void {
    this.#skipped = { left, size };
  }

  feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#size += bytes.length;
  }

  /**
   * The next message that is complete; null when there is none yet. Unknown types are passed over.
   *
   * @throws AgentProtocolError or WireError when the bytes are no message.
   */
  next(context: AgentContext): AgentMessage | OversizedClipboard | null {
    for (;;) {
      if (this.#skipped !== null) {
        const { size } = this.#skipped;
        if (!this.#skipOn(this.#skipped)) return null;
        return { name: "oversized", size };
      }
      if (this.#expected === null) {
        if (this.#size < agentMessageHeaderSize) return null;
        this.#begin();
        continue;
      }
      if (this.#size < this.#expected.size) return null;
      const { type, size } = this.#expected;
      this.#expected = null;
      const body = this.#take(size).subarray(agentMessageHeaderSize);
      const message = agentCodec.decode(type, wholeBody(type, body, context), context);
      if (message !== null) return message;
    }
  }

  /** Messages that are complete with these bytes, all read with the same capabilities. */
  push(bytes: Uint8Array, context: AgentContext): AgentMessage[] {
    this.feed(bytes);
    const messages: AgentMessage[] = [];
    for (let next = this.next(context); next !== null; next = this.next(context)) {
      if (next.name !== "oversized") messages.push(next);
    }
    return messages;
  }

  #begin(): void {
    const { protocol, type, size } = agentMessageHeaderCodec.decode(this.#join());
    if (protocol !== agentProtocol) {
      throw new AgentProtocolError(`agent message of protocol ${protocol}`);
    }
    // Selection and type come before the content.
    if (type === clipboardType && size > this.#clipboardSizeMax + 8) {
      this.#take(agentMessageHeaderSize);
      this.#skipped = { left: size, size };
      return;
    }
    if (type !== clipboardType && size > this.#messageSizeMax) {
      const most = this.#messageSizeMax;
      throw new AgentProtocolError(`agent message of ${size} bytes, at most ${most}`);
    }
    this.#expected = { type, size: agentMessageHeaderSize + size };
  }

  /** Whether the last byte was passed over. */
  #skipOn(skipped: { left: number }): boolean {
    const taken = this.#take(Math.min(skipped.left, this.#size));
    skipped.left -= taken.length;
    if (skipped.left > 0) return false;
    this.#skipped = null;
    return true;
  }

  #take(size: number): Uint8Array {
    const all = this.#join();
    this.#parts = size < all.length ? [all.subarray(size)] : [];
    this.#size = all.length - size;
    return all.subarray(0, size);
  }

  #join(): Uint8Array {
    if (this.#parts.length === 1) return this.#parts[0]!;
    const all = joinBytes(this.#parts);
    this.#parts = [all];
    return all;
  }
}

/**
 * PEER: spice-vdagentd leaves out the bytes behind the selection when it releases clipboards
 * because another session of the guest becomes the active one.
 */
function wholeBody(type: number, body: Uint8Array, context: AgentContext): Uint8Array {
  if (type !== releaseType || body.length !== 1 || !context.has("CLIPBOARD_SELECTION")) return body;
  return Uint8Array.of(body[0]!, 0, 0, 0);
}

/** A whole message with its header. */
export function agentBytes(message: AgentMessage, context: AgentContext): Uint8Array {
  const { id, body } = agentCodec.encode(message, context);
  const header = agentMessageHeaderCodec.encode({
    protocol: agentProtocol,
    type: id,
    opaque: 0n,
    size: body.length,
  });
  return joinBytes([header, body]);
}

/** Cuts a message into AGENT_DATA payloads. */
export function agentPieces(message: AgentMessage, context: AgentContext): Uint8Array[] {
  const all = agentBytes(message, context);
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < all.length; offset += agentDataSizeMax) {
    pieces.push(all.subarray(offset, offset + agentDataSizeMax));
  }
  return pieces;
}
