export type { Answered } from "./connection.ts";
export {
  type FolderInput,
  type FolderOutput,
  FolderServer,
  type FolderServerOptions,
} from "./folder-server.ts";
export { hiddenPrefix, hrefOf, isShareable, pathOfTarget } from "./folder-url.ts";
export type {
  FileHandle,
  FolderAnswer,
  FolderEntry,
  FolderFailure,
  FolderPath,
  FolderWork,
  NamedEntry,
} from "./folder-work.ts";
export { HttpFault } from "./http-fault.ts";
export { type MuxFrame, MuxReader, muxBytes, muxFrameMax } from "./mux.ts";
