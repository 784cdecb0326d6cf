// VDAgent: what client and guest say to each other inside AGENT_DATA. Fields that depend on
// capabilities of both ends are `given` by the names of those capabilities.

import {
  bytes,
  count,
  flagsOf,
  given,
  i32,
  list,
  message,
  openEnumOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  unit,
  when,
} from "@caraway/wire";

/** `VD_AGENT_CAP_*`. */
export const AgentCapability = {
  MOUSE_STATE: 0,
  MONITORS_CONFIG: 1,
  REPLY: 2,
  CLIPBOARD: 3,
  DISPLAY_CONFIG: 4,
  CLIPBOARD_BY_DEMAND: 5,
  CLIPBOARD_SELECTION: 6,
  SPARSE_MONITORS_CONFIG: 7,
  GUEST_LINEEND_LF: 8,
  GUEST_LINEEND_CRLF: 9,
  MAX_CLIPBOARD: 10,
  AUDIO_VOLUME_SYNC: 11,
  MONITORS_CONFIG_POSITION: 12,
  FILE_XFER_DISABLED: 13,
  FILE_XFER_DETAILED_ERRORS: 14,
  GRAPHICS_DEVICE_INFO: 15,
  CLIPBOARD_NO_RELEASE_ON_REGRAB: 16,
  CLIPBOARD_GRAB_SERIAL: 17,
} as const;

/** `VD_AGENT_CLIPBOARD_*`. */
export const ClipboardType = {
  NONE: 0,
  UTF8_TEXT: 1,
  IMAGE_PNG: 2,
  IMAGE_BMP: 3,
  IMAGE_TIFF: 4,
  IMAGE_JPG: 5,
  FILE_LIST: 6,
} as const;

/** `VD_AGENT_CLIPBOARD_SELECTION_*`. */
export const ClipboardSelection = { CLIPBOARD: 0, PRIMARY: 1, SECONDARY: 2 } as const;

/** `VD_AGENT_FILE_XFER_STATUS_*`. */
export const FileXferStatus = {
  CAN_SEND_DATA: 0,
  CANCELLED: 1,
  ERROR: 2,
  SUCCESS: 3,
  NOT_ENOUGH_SPACE: 4,
  SESSION_LOCKED: 5,
  VDAGENT_NOT_CONNECTED: 6,
  DISABLED: 7,
} as const;

/** `VD_AGENT_FILE_XFER_STATUS_ERROR_*`. */
export const FileXferErrorType = { GLIB_IO: 0 } as const;

/** `details` of FILE_XFER_STATUS with result ERROR. */
export const FileXferStatusError = struct("VDAgentFileXferStatusError", {
  errorType: openEnumOf(u8, "FileXferErrorType", FileXferErrorType),
  errorCode: u32,
});

/** `details` of FILE_XFER_STATUS with result NOT_ENOUGH_SPACE. */
export const FileXferStatusNotEnoughSpace = struct("VDAgentFileXferStatusNotEnoughSpace", {
  diskFreeSpace: unit(u64, "bytes"),
});

/** `VD_AGENT_SUCCESS` and `VD_AGENT_ERROR`: what REPLY says. */
export const AgentReplyError = { SUCCESS: 1, ERROR: 2 } as const;

/** `VD_AGENT_*BUTTON_MASK`: not the values of `MouseButtonMask`. */
export const AgentMouseButtonMask = {
  LBUTTON: 2,
  MBUTTON: 4,
  RBUTTON: 8,
  UBUTTON: 16,
  DBUTTON: 32,
  SBUTTON: 64,
  EBUTTON: 128,
} as const;

/** `VD_AGENT_CONFIG_MONITORS_FLAG_*`. */
export const MonitorsConfigFlag = { USE_POS: 1, PHYSICAL_SIZE: 2 } as const;

/** `VD_AGENT_DISPLAY_CONFIG_FLAG_*`. */
export const DisplayConfigFlag = {
  DISABLE_WALLPAPER: 1,
  DISABLE_FONT_SMOOTH: 2,
  DISABLE_ANIMATION: 4,
  SET_COLOR_DEPTH: 8,
} as const;

/** Chunk of the guest's port; towards the client only the chunks' data travel. */
export const VdiChunkHeader = struct("VDIChunkHeader", { port: u32, size: u32 });
export const VdiPort = { CLIENT: 1, SERVER: 2 } as const;

/** `protocol` is 1. */
export const AgentMessageHeader = struct("VDAgentMessage", {
  protocol: u32,
  type: u32,
  opaque: u64,
  size: u32,
});
export const agentProtocol = 1;
export const agentMessageHeaderSize = 20;

export const Selection = struct("Selection", {
  selection: openEnumOf(u8, "ClipboardSelection", ClipboardSelection),
  reserved: bytes({ fixed: 3 }),
});
const selection = given("CLIPBOARD_SELECTION", Selection);
const clipboardType = openEnumOf(u32, "ClipboardType", ClipboardType);

export const MonConfig = struct("VDAgentMonConfig", {
  height: u32,
  width: u32,
  depth: u32,
  x: i32,
  y: i32,
});
export const MonitorSize = struct("VDAgentMonitorMM", { height: u16, width: u16 });

export const GraphicsDevice = struct("VDAgentDeviceDisplayInfo", {
  channelId: u32,
  monitorId: u32,
  deviceDisplayId: u32,
  deviceAddressLen: count(u32, "deviceAddress"),
  deviceAddress: text({ count: "deviceAddressLen" }, true),
});

/** By `type` of the message header. */
export const agentMessages = [
  message(
    "MOUSE_STATE",
    1,
    {
      x: u32,
      y: u32,
      buttons: flagsOf(u32, "AgentMouseButtonMask", AgentMouseButtonMask),
      displayId: u8,
    },
    "Server to agent: the pointer in mouse mode CLIENT.",
  ),
  message(
    "MONITORS_CONFIG",
    2,
    {
      numOfMonitors: count(u32, "monitors"),
      flags: flagsOf(u32, "MonitorsConfigFlag", MonitorsConfigFlag),
      monitors: list(MonConfig, { count: "numOfMonitors" }),
      sizes: when(
        "flags",
        MonitorsConfigFlag.PHYSICAL_SIZE,
        list(MonitorSize, { count: "numOfMonitors" }),
      ),
    },
    "Client to agent: the monitors that the client wants. Note that height stands before width.",
  ),
  message(
    "REPLY",
    3,
    { type: u32, error: openEnumOf(u32, "AgentReplyError", AgentReplyError) },
    "Agent to client: how the message of this type went.",
  ),
  message(
    "CLIPBOARD",
    4,
    { selection, type: clipboardType, data: bytes({ rest: true }) },
    "Content of a clipboard, after CLIPBOARD_REQUEST.",
  ),
  message(
    "DISPLAY_CONFIG",
    5,
    { flags: flagsOf(u32, "DisplayConfigFlag", DisplayConfigFlag), depth: u32 },
    "Client to agent: what the desktop may leave out.",
  ),
  message(
    "ANNOUNCE_CAPABILITIES",
    6,
    { request: u32, caps: list(u32, { rest: true }) },
    "Capabilities; `request` 1 asks for the other end's.",
  ),
  message(
    "CLIPBOARD_GRAB",
    7,
    {
      selection,
      serial: given("CLIPBOARD_GRAB_SERIAL", u32),
      types: list(clipboardType, { rest: true }),
    },
    "The sender has new clipboard content in these types.",
  ),
  message("CLIPBOARD_REQUEST", 8, { selection, type: clipboardType }, "Asks for the content."),
  message("CLIPBOARD_RELEASE", 9, { selection }, "The sender has no content any more."),
  message(
    "FILE_XFER_START",
    10,
    { id: u32, data: text({ rest: true }, true) },
    "Client to agent: a key file with section vdagent-file-xfer, keys name and size.",
  ),
  message(
    "FILE_XFER_STATUS",
    11,
    {
      id: u32,
      result: openEnumOf(u32, "FileXferStatus", FileXferStatus),
      /** By result, with capability FILE_XFER_DETAILED_ERRORS. */
      details: bytes({ rest: true }),
    },
    "How a transfer goes.",
  ),
  message(
    "FILE_XFER_DATA",
    12,
    { id: u32, size: u64, data: bytes({ count: "size" }) },
    "Client to agent: a piece of a file.",
  ),
  message("CLIENT_DISCONNECTED", 13, {}, "Server to agent: the client left."),
  message("MAX_CLIPBOARD", 14, { max: i32 }, "Client to agent: most bytes, -1 for any."),
  message(
    "AUDIO_VOLUME_SYNC",
    15,
    {
      isPlayback: u8,
      mute: u8,
      nchannels: count(u8, "volume"),
      volume: list(u16, { count: "nchannels" }),
    },
    "Client to agent: volume at the client.",
  ),
  message(
    "GRAPHICS_DEVICE_INFO",
    16,
    { count: count(u32, "displays"), displays: list(GraphicsDevice, { count: "count" }) },
    "Server to agent: which display channel and monitor stands for which device.",
  ),
] as const;
