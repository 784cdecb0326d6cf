// What two movers say to each other on the peer link: declared as all messages are. A frame is a
// header and a body; everything is little endian.

import {
  bytes,
  enumOf,
  interpretMessages,
  interpretStruct,
  type MessageOf,
  message,
  struct,
  text,
  u8,
  u16,
  u32,
} from "@caraway/wire";

/** Version of these messages; another one is refused. */
export const moveVersion = 1;

export const PeerHeader = struct("PeerHeader", { type: u16, size: u32 });
export const peerHeaderSize = 6;

/** Largest body: a chunk and what is around it. */
export const peerBodyMax = 68 << 10;
/** Bytes of the guest's state, or of a server's message, in one frame. */
export const chunkSizeMax = 64 << 10;
/** What is on its way and was not acknowledged yet, of each of the two. */
export const windowSize = 8 * chunkSizeMax;

/** 16 random bytes name a move. */
export const moveIdSize = 16;

/** Where the source stands when it asks over a new link. */
export const MoveStage = {
  /** COMMIT was not sent. */
  LINKING: 1,
  /** COMMIT was sent, and COMMITTED has not come. */
  IN_DOUBT: 2,
  /** COMMITTED has come. */
  COMMITTED: 3,
} as const;

export type MoveStage = (typeof MoveStage)[keyof typeof MoveStage];

export const MoveVerdict = {
  /** The target waits for the state, as before. */
  PREPARED: 1,
  /** COMMIT came: the target owns the guest. */
  COMMITTED: 2,
  /** COMMIT did not come, and will not be taken any more: the target has no copy. */
  NOT_COMMITTED: 3,
  /** The target knows nothing of this move. */
  UNKNOWN: 4,
} as const;

export type MoveVerdict = (typeof MoveVerdict)[keyof typeof MoveVerdict];

/** Both ways. */
const shared = [
  message(
    "SERVER",
    1,
    { sequence: u32, last: u8, part: bytes({ rest: true }) },
    "A part of a message of one server to the other. `sequence` counts parts from 1; `last` ends the message.",
  ),
  message("SEEN", 2, { sequence: u32 }, "All parts up to this one have come."),
  message("PING", 3, {}, "I am there. Sent when nothing else was for a while."),
] as const;

export const SourceMessages = [
  ...shared,
  message(
    "PREPARE",
    16,
    { version: u16, move: bytes({ fixed: moveIdSize }), description: bytes({ rest: true }) },
    "First on a link: a guest would like to move. Answered by PREPARED or FAILED.",
  ),
  message(
    "RESOLVE",
    17,
    {
      version: u16,
      move: bytes({ fixed: moveIdSize }),
      stage: enumOf(u8, "MoveStage", MoveStage),
      seen: u32,
    },
    "First on a link: a move goes on. `seen`: the last SERVER part that came. Answered by RESOLVED.",
  ),
  message(
    "STATE",
    18,
    { last: u8, part: bytes({ rest: true }) },
    "A part of the stopped guest's state. Each is answered by STATE_SEEN, and the last by LOADED, too.",
  ),
  message("COMMIT", 19, {}, "The guest is yours as soon as you read this. Answered by COMMITTED."),
  message("ABORT", 20, { reason: text({ rest: true }, false) }, "The move is off."),
  message(
    "STREAM",
    22,
    { version: u16, move: bytes({ fixed: moveIdSize }) },
    "First on a link of its own: what follows is between the guest's hypervisors, both ways.",
  ),
  message("END", 21, {}, "DONE has come, and the old copy is gone: the move may be forgotten."),
] as const;

export const TargetMessages = [
  ...shared,
  message(
    "PREPARED",
    32,
    { address: bytes({ rest: true }) },
    "A server is there for the guest; where clients link to it.",
  ),
  message("STATE_SEEN", 33, { size: u32 }, "So many bytes of the state have come."),
  message("LOADED", 34, {}, "The copy stands ready, and stopped."),
  message("COMMITTED", 35, {}, "COMMIT came."),
  message(
    "FAILED",
    36,
    { reason: text({ rest: true }, false) },
    "The target has no copy, and takes no COMMIT any more.",
  ),
  message(
    "RESOLVED",
    37,
    { verdict: enumOf(u8, "MoveVerdict", MoveVerdict), seen: u32 },
    "Answers RESOLVE. `seen`: the last SERVER part that came.",
  ),
  message(
    "OUTCOME",
    38,
    { part: bytes({ rest: true }) },
    "What became of each client; as many parts as it takes, DONE behind them.",
  ),
  message("DONE", 39, {}, "The guest lives here: the old copy may go. Answered by END."),
] as const;

export type SourceMessage = MessageOf<typeof SourceMessages>;
export type TargetMessage = MessageOf<typeof TargetMessages>;
export type SharedMessage = MessageOf<typeof shared>;

export const sourceCodec = interpretMessages(SourceMessages);
export const targetCodec = interpretMessages(TargetMessages);
export const sharedCodec = interpretMessages(shared);
export const peerHeaderCodec = interpretStruct(PeerHeader);
