export { type Chunk, ChunkReader, type ChunkState, chunksOf } from "./agent-chunks.ts";
export {
  AgentClient,
  type AgentClientOutput,
  type AgentCommand,
  type AgentEvent,
  type AudioVolume,
  type DisplayConfig,
  defaultMaxClipboard,
  type Monitor,
} from "./agent-client.ts";
export {
  AgentGuest,
  type AgentGuestEvent,
  type AgentGuestOutput,
  type AgentGuestState,
} from "./agent-guest.ts";
export {
  type AgentContext,
  type AgentMessage,
  AgentProtocolError,
  AgentReader,
  agentBytes,
  agentPieces,
} from "./agent-stream.ts";
export { capabilityNames, contextOf } from "./capability-context.ts";
export type {
  ClipboardEvent,
  ClipboardFailure,
  ClipboardState,
  ClipboardWant,
} from "./clipboard-end.ts";
export {
  type ClipboardFileList,
  type ClipboardFormat,
  type ClipboardSelectionName,
  clipboardFormats,
  clipboardSelections,
  decodeFileList,
  encodeFileList,
} from "./clipboard-format.ts";
export type { FileEvent, FileRead, TransferKey } from "./file-sender.ts";
export { FileTransferError, type FileTransferFailure } from "./file-transfer-error.ts";
export { decodeFileStart, encodeFileStart, type FileStart } from "./key-file.ts";
