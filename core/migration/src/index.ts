export { MoveError, type MoveFault } from "./errors.ts";
export * from "./move-border.ts";
export {
  type DoorFinding,
  moveName,
  PeerDoor,
  streamGreeting,
  unknownMove,
} from "./peer-door.ts";
export { moveIdSize, SourceMessages, TargetMessages } from "./peer-messages.ts";
export { SourceMove, type SourceMoveOptions } from "./source-move.ts";
export { beforeCommit } from "./source-phases.ts";
export { TargetMove, type TargetMoveOptions } from "./target-move.ts";
