// Messages that every channel has (`BaseChannel` of spice.proto).

import {
  bytes,
  count,
  flagsOf,
  list,
  message,
  openEnumOf,
  struct,
  text,
  u8,
  u32,
  u64,
  unit,
} from "@caraway/wire";
import { LinkError, MigrateFlag, NotifySeverity, NotifyVisibility } from "./constants.ts";

export const WaitForChannel = struct("WaitForChannel", {
  channelType: u8,
  channelId: u8,
  messageSerial: u64,
});

/** A wait list: until each of these channels has handled that serial. */
export const waitList = {
  waitCount: count(u8, "waitList"),
  waitList: list(WaitForChannel, { count: "waitCount" }),
} as const;

const nanoseconds = unit(u64, "ns, monotonic");
const disconnecting = {
  timeStamp: nanoseconds,
  reason: openEnumOf(u32, "LinkError", LinkError),
} as const;

export const baseServer = [
  message(
    "MIGRATE",
    1,
    { flags: flagsOf(u32, "MigrateFlag", MigrateFlag) },
    "The channel moves to the target now. With NEED_FLUSH the client answers MIGRATE_FLUSH_MARK; " +
      "with NEED_DATA_TRANSFER exactly one MIGRATE_DATA follows; otherwise this is the last message.",
  ),
  message(
    "MIGRATE_DATA",
    2,
    { data: bytes({ rest: true }) },
    "State of the channel for the target. The client forwards it unchanged as its first message there.",
  ),
  message(
    "SET_ACK",
    3,
    { generation: u32, window: u32 },
    "Opens an ack window: the client answers ACK_SYNC, then one ACK per `window` messages.",
  ),
  message(
    "PING",
    4,
    { id: u32, timestamp: u64, data: bytes({ rest: true }) },
    "Answered at once by PONG without the data.",
  ),
  message(
    "WAIT_FOR_CHANNELS",
    5,
    waitList,
    "The client handles nothing more of this channel until every listed channel has handled its serial.",
  ),
  message("DISCONNECTING", 6, disconnecting, "The server is about to close the channel."),
  message(
    "NOTIFY",
    7,
    {
      timeStamp: nanoseconds,
      severity: openEnumOf(u32, "NotifySeverity", NotifySeverity),
      visibility: openEnumOf(u32, "NotifyVisibility", NotifyVisibility),
      what: u32,
      messageLen: count(u32, "message"),
      message: text({ count: "messageLen" }, false),
      /** The reference sends a NUL that the length does not count. */
      padding: bytes({ rest: true }),
    },
    "A word for the user, for example that the connection is not encrypted.",
  ),
  message(
    "LIST",
    8,
    { data: bytes({ rest: true }) },
    "Sub-messages (see framing), with mini headers only; handled in list order.",
  ),
] as const;

export const baseClient = [
  message("ACK_SYNC", 1, { generation: u32 }, "Answers SET_ACK."),
  message("ACK", 2, {}, "Credits one window of messages to the server."),
  message("PONG", 3, { id: u32, timestamp: u64 }, "Answers PING."),
  message(
    "MIGRATE_FLUSH_MARK",
    4,
    {},
    "Everything that the client sent on this channel stands before this mark.",
  ),
  message(
    "MIGRATE_DATA",
    5,
    { data: bytes({ rest: true }) },
    "State of the channel, from the source's MIGRATE_DATA, to the target.",
  ),
  message("DISCONNECTING", 6, disconnecting, "The client is about to close the channel."),
] as const;
