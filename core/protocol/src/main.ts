// The main channel: the session, its other channels, the agent's stream and migration.

import {
  bytes,
  count,
  emptyable,
  flagsOf,
  list,
  message,
  openEnumOf,
  pointer,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  unit,
} from "@caraway/wire";
import { baseClient, baseServer } from "./base.ts";
import { MainCapability } from "./capabilities.ts";
import { channel } from "./channel-schema.ts";
import { ChannelType, MouseMode } from "./constants.ts";

const milliseconds = unit(u32, "ms, wraps");

const destination = {
  /** Plain TCP; 0 is absent, and so is 65535, which spice-server sends for an omitted port. */
  port: u16,
  /** TLS; absent as `port`. */
  sport: u16,
  hostSize: count(u32, "host"),
  host: pointer(text({ count: "hostSize" }, true)),
  certSubjectSize: count(u32, "certSubject"),
  certSubject: emptyable(text({ count: "certSubjectSize" }, true)),
} as const;

/** Where the target of a migration is found. Sizes count the terminating NUL. */
export const DstInfo = struct("DstInfo", destination);

export const ChannelId = struct("ChannelId", {
  type: openEnumOf(u8, "ChannelType", ChannelType),
  id: u8,
});

/** Largest AGENT_DATA payload, either way. */
export const agentDataSizeMax = 2048;

export const Main = channel("main", ChannelType.MAIN, MainCapability, {
  server: [
    ...baseServer,
    message(
      "MIGRATE_BEGIN",
      101,
      { dstInfo: DstInfo },
      "Link to the target; answered by MIGRATE_CONNECTED or MIGRATE_CONNECT_ERROR within 10 s.",
      "SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE",
    ),
    message("MIGRATE_CANCEL", 102, {}, "Drop the links to the target and go on here."),
    message(
      "INIT",
      103,
      {
        sessionId: u32,
        displayChannelsHint: u32,
        supportedMouseModes: flagsOf(u32, "MouseMode", MouseMode),
        currentMouseMode: flagsOf(u32, "MouseMode", MouseMode),
        agentConnected: u32,
        agentTokens: u32,
        multiMediaTime: milliseconds,
        ramHint: unit(u32, "bytes"),
      },
      "Opens the session: `sessionId` is the connection id of every later link.",
    ),
    message(
      "CHANNELS_LIST",
      104,
      {
        numOfChannels: count(u32, "channels"),
        channels: list(ChannelId, { count: "numOfChannels" }),
      },
      "Channels that the client may open; comes again when channels appear.",
    ),
    message(
      "MOUSE_MODE",
      105,
      {
        supportedModes: flagsOf(u16, "MouseMode", MouseMode),
        currentMode: flagsOf(u16, "MouseMode", MouseMode),
      },
      "The mouse mode or the choice of modes changed.",
    ),
    message("MULTI_MEDIA_TIME", 106, { time: milliseconds }, "Sets the session's media clock."),
    message("AGENT_CONNECTED", 107, {}, "The guest's agent is there; answered by AGENT_START."),
    message("AGENT_DISCONNECTED", 108, { errorCode: u32 }, "The guest's agent is gone."),
    message("AGENT_DATA", 109, { data: bytes({ rest: true }) }, "A piece of the agent's stream."),
    message("AGENT_TOKEN", 110, { numTokens: u32 }, "The client may send so many more AGENT_DATA."),
    message(
      "MIGRATE_SWITCH_HOST",
      111,
      destination,
      "The guest has moved: leave and open a new session there.",
    ),
    message(
      "MIGRATE_END",
      112,
      {},
      "The guest has moved: go over to the target (semi-seamless), answer MIGRATE_END there.",
      "SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE",
    ),
    message(
      "NAME",
      113,
      { nameLen: count(u32, "name"), name: text({ count: "nameLen" }, true) },
      "The VM's name.",
      "SPICE_MAIN_CAP_NAME_AND_UUID",
    ),
    message(
      "UUID",
      114,
      { uuid: bytes({ fixed: 16 }) },
      "The VM's UUID.",
      "SPICE_MAIN_CAP_NAME_AND_UUID",
    ),
    message(
      "AGENT_CONNECTED_TOKENS",
      115,
      { numTokens: u32 },
      "The guest's agent is there and the client may send so many AGENT_DATA.",
      "SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS",
    ),
    message(
      "MIGRATE_BEGIN_SEAMLESS",
      116,
      { dstInfo: DstInfo, srcMigVersion: u32 },
      "As MIGRATE_BEGIN; the channels' state will follow. Ask the target by MIGRATE_DST_DO_SEAMLESS.",
      "SPICE_MAIN_CAP_SEAMLESS_MIGRATE",
    ),
    message("MIGRATE_DST_SEAMLESS_ACK", 117, {}, "Target: send the state when it comes."),
    message("MIGRATE_DST_SEAMLESS_NACK", 118, {}, "Target: semi-seamless only."),
  ],
  client: [
    ...baseClient,
    message("CLIENT_INFO", 101, { cacheSize: u64 }, "Obsolete: spice-server closes the channel."),
    message("MIGRATE_CONNECTED", 102, {}, "To the source: linked, semi-seamless."),
    message("MIGRATE_CONNECT_ERROR", 103, {}, "To the source: no link to the target."),
    message("ATTACH_CHANNELS", 104, {}, "Asks for CHANNELS_LIST, now and when channels appear."),
    message(
      "MOUSE_MODE_REQUEST",
      105,
      { mode: flagsOf(u16, "MouseMode", MouseMode) },
      "Asks for a mouse mode.",
    ),
    message("AGENT_START", 106, { numTokens: u32 }, "The server may send so many AGENT_DATA."),
    message("AGENT_DATA", 107, { data: bytes({ rest: true }) }, "A piece of the agent's stream."),
    message("AGENT_TOKEN", 108, { numTokens: u32 }, "The server may send so many more AGENT_DATA."),
    message("MIGRATE_END", 109, {}, "To the target: start the session (semi-seamless)."),
    message(
      "MIGRATE_DST_DO_SEAMLESS",
      110,
      { srcVersion: u32 },
      "To the target: can you take the channels' state? Answered by ACK or NACK.",
      "SPICE_MAIN_CAP_SEAMLESS_MIGRATE",
    ),
    message("MIGRATE_CONNECTED_SEAMLESS", 111, {}, "To the source: linked, seamless agreed."),
    message(
      "QUALITY_INDICATOR",
      112,
      { data: bytes({ rest: true }) },
      "No handler in spice-server 0.15: it closes the channel.",
    ),
  ],
});
