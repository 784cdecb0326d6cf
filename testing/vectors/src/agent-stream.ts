// The agent's messages out of the pieces that AGENT_DATA carries, one direction.

import { agentMessageHeaderCodec, agentMessageHeaderSize } from "@caraway/protocol";

export interface AgentMessage {
  readonly type: number;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** Whole messages in order, and how many bytes of an incomplete one are left at the end. */
export function agentMessagesOf(pieces: readonly Uint8Array[]): {
  readonly messages: readonly AgentMessage[];
  readonly left: number;
} {
  const stream = Buffer.concat(pieces);
  const messages: AgentMessage[] = [];
  let at = 0;
  while (stream.length - at >= agentMessageHeaderSize) {
    const header = stream.subarray(at, at + agentMessageHeaderSize);
    const { type, size } = agentMessageHeaderCodec.decode(header);
    const start = at + agentMessageHeaderSize;
    if (stream.length - start < size) break;
    messages.push({ type, header, data: stream.subarray(start, start + size) });
    at = start + size;
  }
  return { messages, left: stream.length - at };
}
