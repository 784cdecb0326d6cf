// The streaming device: what a guest's streaming agent and the server say to each other over the
// port `org.spice-space.stream.0`. Clients see only the display channel that the server makes of it.

import {
  bytes,
  count,
  i32,
  list,
  message,
  openEnumOf,
  struct,
  text,
  u8,
  u16,
  u32,
} from "@caraway/wire";
import { CursorType, VideoCodecType } from "./constants.ts";

/** `STREAM_CAP_*`, bits of CAPABILITIES. */
export const StreamDeviceCapability = { QUALITY_INDICATOR: 0 } as const;

/** Name of the guest's port. */
export const streamDevicePortName = "org.spice-space.stream.0";
export const streamDeviceProtocol = 1;
export const streamDeviceHeaderSize = 8;

/** `protocolVersion` is 1. */
export const StreamDeviceHeader = struct("StreamDevHeader", {
  protocolVersion: u8,
  padding: u8,
  type: u16,
  size: u32,
});

const codec = openEnumOf(u8, "VideoCodecType", VideoCodecType);

/** By `type` of the header. */
export const streamDeviceMessages = [
  message(
    "CAPABILITIES",
    1,
    { capabilities: bytes({ rest: true }) },
    "Both ways: bit n stands in byte n / 8; at most 1024 bytes.",
  ),
  message(
    "FORMAT",
    2,
    { width: u32, height: u32, codec, padding: bytes({ fixed: 3 }) },
    "Guest to server: a stream begins in this size and codec.",
  ),
  message("DATA", 3, { data: bytes({ rest: true }) }, "Guest to server: one frame."),
  message(
    "START_STOP",
    4,
    { numCodecs: count(u8, "codecs"), codecs: list(codec, { count: "numCodecs" }) },
    "Server to guest: stream in one of these codecs; none stops the stream.",
  ),
  message(
    "NOTIFY_ERROR",
    5,
    { errorCode: u32, message: text({ rest: true }, false) },
    "Server to guest: what was wrong.",
  ),
  message(
    "CURSOR_SET",
    6,
    {
      width: u16,
      height: u16,
      hotSpotX: u16,
      hotSpotY: u16,
      type: openEnumOf(u8, "CursorType", CursorType),
      padding: bytes({ fixed: 3 }),
      data: bytes({ rest: true }),
    },
    "Guest to server: a cursor of at most 1024 by 1024 pixels, of type ALPHA, COLOR24 or COLOR32.",
  ),
  message("CURSOR_MOVE", 7, { x: i32, y: i32 }, "Guest to server: the cursor moved."),
  message(
    "DEVICE_DISPLAY_INFO",
    8,
    {
      streamId: u32,
      deviceDisplayId: u32,
      deviceAddressLen: count(u32, "deviceAddress"),
      deviceAddress: text({ count: "deviceAddressLen" }, true),
    },
    "Guest to server: which device and monitor the stream shows.",
  ),
  message(
    "QUALITY_INDICATOR",
    9,
    { quality: text({ rest: true }, true) },
    "Server to guest: how well the picture arrives.",
    "STREAM_CAP_QUALITY_INDICATOR",
  ),
] as const;
