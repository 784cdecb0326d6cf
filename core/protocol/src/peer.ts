// What the source and the target of a migration say to each other beside what goes through the
// client: messages of the peer link, which only Caraway's own servers have. They are framed like
// messages with mini headers, on a link that is in order, private and mutually authenticated; how
// it comes to be is not their business. docs/extensions.md tells when each one is sent.

import {
  bytes,
  count,
  enumOf,
  flagsOf,
  i32,
  list,
  message,
  struct,
  text,
  u8,
  u16,
  u32,
  unit,
} from "@caraway/wire";
import { MouseMode } from "./constants.ts";
import { ChannelId } from "./main.ts";

/** Version of the messages below. A server that has another one does without the peer link. */
export const peerVersion = 1;

/** By what the source knows a client; it has to show the same to the target. */
export const PeerProof = { NONE: 0, PASSWORD: 1, USER: 2 } as const;

export const PeerMode = { SEAMLESS: 0, SEMI_SEAMLESS: 1, SWITCH_HOST: 2 } as const;

export const PeerPolicy = { KEEP: 0, REBUILD: 1, DROP: 2 } as const;

/** A channel that leaves the source, and what is to become of it. */
export const PeerChannel = struct("PeerChannel", {
  channel: ChannelId,
  policy: enumOf(u8, "PeerPolicy", PeerPolicy),
});

/** A session as it leaves the source. */
export const PeerSession = struct("PeerSession", {
  session: u32,
  mode: enumOf(u8, "PeerMode", PeerMode),
  /** Channels that the client has; each one's CHANNEL_STATE or CHANNEL_LOST follows if SEAMLESS. */
  channelCount: count(u16, "channels"),
  channels: list(PeerChannel, { count: "channelCount" }),
});

export const PeerInput = {
  KEY: 0,
  MOUSE_MOTION: 1,
  TABLET_POSITION: 2,
  BUTTONS: 3,
  WHEEL: 4,
} as const;

/** What a client wishes to see of one monitor. */
export const PeerMonitor = struct("PeerMonitor", {
  id: u32,
  x: i32,
  y: i32,
  width: u32,
  height: u32,
});

/** A message of the agent's stream that was cut by the move. */
export const AgentMessageState = struct("AgentMessageState", {
  /** Bytes of a header that is not whole. */
  headerSize: count(u8, "header"),
  header: bytes({ count: "headerSize" }),
  /** Of the message whose header is whole; 0 where there is none. */
  type: u32,
  size: u32,
  /** What came of a message that the server itself takes. */
  collectedSize: count(u32, "collected"),
  collected: bytes({ count: "collectedSize" }),
});

/** State of the main channel that owns the agent, beside what MIGRATE_DATA says. */
export const AgentState = struct("AgentState", {
  version: u16,
  /** For the client, waiting for its tokens. */
  toClientSize: count(u32, "toClient"),
  toClient: bytes({ count: "toClientSize" }),
  /** As the guest sent it, not read yet. */
  fromGuestSize: count(u32, "fromGuest"),
  fromGuest: bytes({ count: "fromGuestSize" }),
  agentToClient: AgentMessageState,
  clientToAgent: AgentMessageState,
});

export const peerMessages = [
  message(
    "ANNOUNCE",
    1,
    {
      version: u16,
      /** Counts the moves of this source; the answer repeats it. */
      round: u32,
      session: u32,
      proof: enumOf(u8, "PeerProof", PeerProof),
      secretSize: count(u16, "secret"),
      /** The password, or the user's name. */
      secret: bytes({ count: "secretSize" }),
      viewOnly: u8,
      /** Whether its channels have headers of 6 bytes; the target's have to be the same. */
      miniHeader: u8,
      /** The source's `mm_time` now: the target's goes on from there. */
      mediaTime: unit(u32, "ms of the multimedia clock, wraps"),
    },
    "Source to target: this session will come over; it may link from the answer on, whatever the time of its ticket.",
  ),
  message(
    "ANNOUNCED",
    2,
    { round: u32, session: u32, accepted: u8, reason: text({ rest: true }, false) },
    "Target to source: the session may link, or (0) why it may not.",
  ),
  message(
    "WITHDRAW",
    3,
    { session: u32 },
    "Source to target: the session is over, or will not come.",
  ),
  message(
    "EARLY_STATE",
    4,
    { session: u32, channel: ChannelId, state: bytes({ rest: true }) },
    "Source to target, any number of times before SWITCH: state of a channel that goes on meanwhile.",
  ),
  message(
    "SWITCH",
    5,
    {
      mouseMode: flagsOf(u8, "MouseMode", MouseMode),
      sessionCount: count(u16, "sessions"),
      sessions: list(PeerSession, { count: "sessionCount" }),
    },
    "Source to target: the guest is the target's, and these sessions are on their way; no others are.",
  ),
  message(
    "HELD_INPUT",
    6,
    {
      kind: enumOf(u8, "PeerInput", PeerInput),
      /** Key code, dx, display, – or steps. */
      a: i32,
      /** Whether the key goes down, dy or x. */
      b: i32,
      /** y */
      c: i32,
      buttons: unit(u32, "MouseButtonMask"),
    },
    "Source to target: what a client said while the guest stood still, for the guest.",
  ),
  message(
    "HELD_MONITORS",
    7,
    { monitorCount: count(u8, "monitors"), monitors: list(PeerMonitor, { count: "monitorCount" }) },
    "Source to target: what a client's windows would like to show, said while the guest stood still.",
  ),
  message(
    "CHANNEL_STATE",
    8,
    { session: u32, channel: ChannelId, state: bytes({ rest: true }) },
    "Source to target: the channel has left, and this is what it was; empty where there is nothing to tell. All HELD_INPUT of the channel came before.",
  ),
  message(
    "CHANNEL_LOST",
    9,
    { session: u32, channel: ChannelId },
    "Source to target: the channel ended before it could leave.",
  ),
] as const;
