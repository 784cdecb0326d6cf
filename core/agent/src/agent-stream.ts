// The agent's byte stream inside the main channel: messages are cut into AGENT_DATA pieces of at
// most 2048 bytes, each of which costs a token, and put together again. A message may be cut
// anywhere. Same for both ends.

import {
  agentCodec,
  agentDataSizeMax,
  agentMessageHeaderCodec,
  agentMessageHeaderSize,
  type agentMessages,
  agentProtocol,
} from "@caraway/protocol";
import { CarawayError, type MessageOf } from "@caraway/wire";

export type AgentMessage = MessageOf<typeof agentMessages>;

/** The agent's stream does not follow its protocol; only the agent's connection is reset. */
export class AgentProtocolError extends CarawayError {
  readonly code = "AGENT_PROTOCOL";
}

/** Puts messages together. `messageSizeMax` bounds what is kept of an incomplete one. */
export class AgentReader {
  readonly #messageSizeMax: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Size of the whole message with its header, once the header is there. */
  #wanted: number | null = null;

  constructor(messageSizeMax: number) {
    this.#messageSizeMax = messageSizeMax;
  }

  /** Messages that are complete with these bytes. Unknown types are passed over. */
  push(bytes: Uint8Array, context: ReadonlySet<string>): AgentMessage[] {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    const messages: AgentMessage[] = [];
    for (;;) {
      if (this.#wanted === null) {
        if (this.#size < agentMessageHeaderSize) return messages;
        this.#wanted = this.#readSize();
      }
      if (this.#size < this.#wanted) return messages;
      const message = this.#takeMessage(this.#wanted, context);
      this.#wanted = null;
      if (message !== null) messages.push(message);
    }
  }

  #readSize(): number {
    const header = agentMessageHeaderCodec.decode(this.#join());
    if (header.protocol !== agentProtocol) {
      throw new AgentProtocolError(`agent message of protocol ${header.protocol}`);
    }
    if (header.size > this.#messageSizeMax) {
      const most = this.#messageSizeMax;
      throw new AgentProtocolError(`agent message of ${header.size} bytes, at most ${most}`);
    }
    return agentMessageHeaderSize + header.size;
  }

  #takeMessage(size: number, context: ReadonlySet<string>): AgentMessage | null {
    const all = this.#join();
    this.#parts = size < all.length ? [all.subarray(size)] : [];
    this.#size = all.length - size;
    const header = agentMessageHeaderCodec.decode(all);
    return agentCodec.decode(header.type, all.subarray(agentMessageHeaderSize, size), context);
  }

  #join(): Uint8Array {
    if (this.#parts.length === 1) return this.#parts[0]!;
    const all = new Uint8Array(this.#size);
    let offset = 0;
    for (const part of this.#parts) {
      all.set(part, offset);
      offset += part.length;
    }
    this.#parts = [all];
    return all;
  }
}

/** Cuts a message into AGENT_DATA payloads. */
export function agentPieces(message: AgentMessage, context: ReadonlySet<string>): Uint8Array[] {
  const { id, body } = agentCodec.encode(message, context);
  const header = agentMessageHeaderCodec.encode({
    protocol: agentProtocol,
    type: id,
    opaque: 0n,
    size: body.length,
  });
  const all = new Uint8Array(header.length + body.length);
  all.set(header);
  all.set(body, header.length);
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < all.length; offset += agentDataSizeMax) {
    pieces.push(all.subarray(offset, offset + agentDataSizeMax));
  }
  return pieces;
}
