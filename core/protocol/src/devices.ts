// Channels that carry a device's byte stream: smartcard, and the spicevmc family of usbredir,
// port and webdav.

import {
  bytes,
  count,
  enumOf,
  i64,
  message,
  openEnumOf,
  pointer,
  struct,
  tagged,
  text,
  u8,
  u16,
  u32,
} from "@caraway/wire";
import { baseClient, baseServer } from "./base.ts";
import { SpicevmcCapability } from "./capabilities.ts";
import { channel } from "./channel-schema.ts";
import { ChannelType, DataCompressionType, PortEvent } from "./constants.ts";

/** `VSCMsgType` of the smartcard protocol. */
export const VscMessageType = {
  INIT: 1,
  ERROR: 2,
  READER_ADD: 3,
  READER_REMOVE: 4,
  ATR: 5,
  CARD_REMOVE: 6,
  APDU: 7,
  FLUSH: 8,
  FLUSH_COMPLETE: 9,
} as const;

/** Reader id of a message that is about no reader. */
export const vscUndefinedReaderId = 0xffffffff;

/** Data of a VSC message ERROR; 0 is success. */
export const VscError = struct("VSCMsgError", { code: u32 });

const smartcardData = {
  type: openEnumOf(u32, "VscMessageType", VscMessageType),
  readerId: u32,
  length: count(u32, "data"),
  data: bytes({ count: "length" }),
} as const;

export const Smartcard = channel(
  "smartcard",
  ChannelType.SMARTCARD,
  {},
  {
    server: [...baseServer, message("DATA", 101, smartcardData, "A VSC message from the guest.")],
    client: [...baseClient, message("DATA", 101, smartcardData, "A VSC message to the guest.")],
  },
);

/** One LZ4 block without frame, or plain bytes. */
export const CompressedData = tagged(
  "CompressedData",
  { type: enumOf(u8, "DataCompressionType", DataCompressionType) },
  "type",
  {
    [DataCompressionType.NONE]: { data: bytes({ rest: true }) },
    [DataCompressionType.LZ4]: { uncompressedSize: u32, data: bytes({ rest: true }) },
  },
);

const vmc = [
  message("DATA", 101, { data: bytes({ rest: true }) }, "A piece of the stream, cut anywhere."),
  message(
    "COMPRESSED_DATA",
    102,
    { compressed: CompressedData },
    "As DATA, compressed.",
    "SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4",
  ),
] as const;

export const Usbredir = channel("usbredir", ChannelType.USBREDIR, SpicevmcCapability, {
  server: [...baseServer, ...vmc],
  client: [...baseClient, ...vmc],
});

const event = { event: openEnumOf(u8, "PortEvent", PortEvent) } as const;

const portServer = [
  ...baseServer,
  ...vmc,
  message(
    "INIT",
    201,
    {
      nameSize: count(u32, "name"),
      name: pointer(text({ count: "nameSize" }, true)),
      opened: u8,
    },
    "The port's name and whether the guest has it open.",
  ),
  message("EVENT", 202, event, "The guest opened or closed the port."),
] as const;

const portClient = [
  ...baseClient,
  ...vmc,
  message("EVENT", 201, event, "The client opened or closed the port, or sends a break."),
] as const;

export const Port = channel("port", ChannelType.PORT, SpicevmcCapability, {
  server: portServer,
  client: portClient,
});

/** One piece of one HTTP connection inside a webdav stream; empty `data` closes the connection. */
export const WebdavFrame = struct("WebdavFrame", {
  clientId: i64,
  size: count(u16, "data"),
  data: bytes({ count: "size" }),
});

/** A port whose stream is multiplexed HTTP (WebDAV). */
export const Webdav = channel("webdav", ChannelType.WEBDAV, SpicevmcCapability, {
  server: portServer,
  client: portClient,
});
