// The agent's stream in the body of a main channel's MIGRATE_DATA (migration.md, 8.4): both ways,
// strictly, since it comes back through a client.

import { ProtocolError } from "@caraway/channel";
import {
  agentMessageHeaderSize,
  MigrationMagic,
  mainMigrationDataCodec,
  migrationVersion,
  VdiPort,
} from "@caraway/protocol";
import { WireError } from "@caraway/wire";

/** What becomes of the message that is under way, as the wire has it. */
export const FilterResult = { PASS: 0, DISCARD: 1, PROTOCOL_ERROR: 2, COLLECT: 3 } as const;

/** A message that has begun: bytes that are to come, and a `FilterResult`. */
export interface CutMessage {
  readonly left: number;
  readonly result: number;
}

export interface MovingAgent {
  readonly isStarted: boolean;
  /** AGENT_DATA that the client may send. */
  readonly clientTokens: number;
  /** AGENT_DATA that the server may send. */
  readonly serverTokens: number;
  /** On its way to the guest, and the client's tokens that it cost. */
  readonly toGuest: Uint8Array;
  readonly toGuestTokens: number;
  /**
   * The guest's chunk: `headerSize` below 8 is a header that is not whole, and what is not there
   * yet of port and size is of no account.
   */
  readonly chunk: { readonly headerSize: number; readonly port: number; readonly size: number };
  /** A message header of the guest's that is not whole; only inside of a chunk. */
  readonly header: Uint8Array;
  readonly agentToClient: CutMessage;
  readonly clientToAgent: CutMessage;
}

const chunkHeaderSize = 8;

/** null: no agent was there for this client. */
export function mainMigrationData(agent: MovingAgent | null): Uint8Array {
  const frame = {
    magic: MigrationMagic.MAIN,
    version: migrationVersion,
    deviceVersion: migrationVersion,
  };
  if (agent === null) return mainMigrationDataCodec.encode({ ...frame, ...nothing });
  const { chunk, agentToClient, clientToAgent } = agent;
  // What is cut between two chunks has its header behind it, but no chunk: the wire says so by
  // what remains of it, which spice-server does not look at there.
  const isInChunk = chunk.headerSize === chunkHeaderSize;
  return mainMigrationDataCodec.encode({
    ...frame,
    connected: 1,
    numClientTokens: agent.clientTokens,
    numSendTokens: agent.serverTokens,
    writeNumClientTokens: agent.toGuestTokens,
    writeData: agent.toGuest,
    clientAgentStarted: agent.isStarted ? 1 : 0,
    agentToClientChunkHeaderSize: chunk.headerSize,
    agentToClientChunkPort: chunk.port,
    agentToClientChunkSize: chunk.size,
    agentToClientMessageHeaderDone: isInChunk && agent.header.length === 0 ? 1 : 0,
    agentToClientMessageHeader: agent.header,
    agentToClientMessageRemaining: agentToClient.left,
    agentToClientMessageFilterResult: agentToClient.result,
    clientToAgentMessageRemaining: clientToAgent.left,
    clientToAgentMessageFilterResult: clientToAgent.result,
  });
}

const nothing = {
  connected: 0,
  numClientTokens: 0,
  numSendTokens: 0,
  writeNumClientTokens: 0,
  writeData: new Uint8Array(0),
  clientAgentStarted: 0,
  agentToClientChunkHeaderSize: 0,
  agentToClientChunkPort: 0,
  agentToClientChunkSize: 0,
  agentToClientMessageHeaderDone: 0,
  agentToClientMessageHeader: new Uint8Array(0),
  agentToClientMessageRemaining: 0,
  agentToClientMessageFilterResult: 0,
  clientToAgentMessageRemaining: 0,
  clientToAgentMessageFilterResult: 0,
} as const;

/**
 * What the source knew of the agent; null: nothing. `tokens`: as many as a client may have.
 *
 * @throws ProtocolError for bytes that no server sends.
 */
export function readMainMigrationData(body: Uint8Array, tokens: number): MovingAgent | null {
  const data = decode(body);
  check(data.magic === MigrationMagic.MAIN, "it is not of a main channel");
  const isKnown = data.version === migrationVersion && data.deviceVersion === migrationVersion;
  check(isKnown, `version ${data.version}, device ${data.deviceVersion}`);
  if (data.connected === 0) return null;
  const { numClientTokens, writeNumClientTokens } = data;
  check(numClientTokens + writeNumClientTokens <= tokens, "the client has too many tokens");
  const headerSize = data.agentToClientChunkHeaderSize;
  check(headerSize <= chunkHeaderSize, `a chunk header of ${headerSize} bytes`);
  const isInChunk = headerSize === chunkHeaderSize;
  const port = data.agentToClientChunkPort;
  const isPort = port === VdiPort.CLIENT || port === VdiPort.SERVER;
  check(!isInChunk || isPort, `a chunk for port ${port}`);
  const header = data.agentToClientMessageHeader;
  check(header.length < agentMessageHeaderSize, `a message header of ${header.length} bytes`);
  const isHeaderPossible = isInChunk && data.agentToClientMessageHeaderDone === 0;
  check(header.length === 0 || isHeaderPossible, "a message header without a chunk");
  return {
    isStarted: data.clientAgentStarted !== 0,
    clientTokens: numClientTokens,
    serverTokens: data.numSendTokens,
    toGuest: data.writeData,
    toGuestTokens: writeNumClientTokens,
    chunk: { headerSize, port, size: data.agentToClientChunkSize },
    header,
    agentToClient: cut(data.agentToClientMessageRemaining, data.agentToClientMessageFilterResult),
    clientToAgent: cut(data.clientToAgentMessageRemaining, data.clientToAgentMessageFilterResult),
  };
}

function cut(left: number, result: number): CutMessage {
  check(result <= FilterResult.COLLECT, `a message with outcome ${result}`);
  return { left, result };
}

function decode(body: Uint8Array) {
  try {
    return mainMigrationDataCodec.decode(body);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new ProtocolError("BAD_MESSAGE", "main 0", "MIGRATE_DATA", error.message, error);
  }
}

function check(isGood: boolean, detail: string): void {
  if (!isGood) throw new ProtocolError("BAD_MESSAGE", "main 0", "MIGRATE_DATA", detail);
}
