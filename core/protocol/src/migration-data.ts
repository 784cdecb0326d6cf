// State that a source hands to the target through the client: the body of MIGRATE_DATA, channel by
// channel. Pointers count from the first byte of the body, and a pointer to an empty block is 0.

import {
  bytes,
  count,
  emptyable,
  given,
  i32,
  i64,
  list,
  pointer,
  struct,
  u8,
  u16,
  u32,
  u64,
} from "@caraway/wire";

/** Version of every block, and of the negotiation (`src_mig_version`). */
export const migrationVersion = 1;

const magic = (text: string) =>
  (text.charCodeAt(0) |
    (text.charCodeAt(1) << 8) |
    (text.charCodeAt(2) << 16) |
    (text.charCodeAt(3) << 24)) >>>
  0;

/** First word of the body: four letters in wire order. */
export const MigrationMagic = {
  MAIN: magic("MNMD"),
  DISPLAY: magic("DCMD"),
  INPUTS: magic("ICMD"),
  SPICEVMC: magic("SVMD"),
  SMARTCARD: magic("SCMD"),
} as const;

const header = { magic: u32, version: u32 } as const;

/** What the server keeps of a device: tokens and bytes on their way to the guest. */
const charDevice = {
  deviceVersion: u32,
  /** 0: no client was attached, the rest is zero. */
  connected: u8,
  numClientTokens: u32,
  numSendTokens: u32,
  writeSize: count(u32, "writeData"),
  writeNumClientTokens: u32,
  writeData: emptyable(bytes({ count: "writeSize" })),
} as const;

export const SpicevmcMigrationData = struct("SpicevmcMigrationData", { ...header, ...charDevice });

export const SmartcardMigrationData = struct("SmartcardMigrationData", {
  ...header,
  ...charDevice,
  readerAdded: u8,
  readSize: count(u32, "readData"),
  /** An incompletely read message of the device, its header in network order. */
  readData: emptyable(bytes({ count: "readSize" })),
});

export const MainMigrationData = struct("MainMigrationData", {
  ...header,
  ...charDevice,
  clientAgentStarted: u8,
  /** Agent to client: bytes of the 8-byte chunk header that were read. */
  agentToClientChunkHeaderSize: u32,
  agentToClientChunkPort: u32,
  /** With a complete header: bytes of the chunk that are still to be read. */
  agentToClientChunkSize: u32,
  agentToClientMessageHeaderDone: u8,
  agentToClientMessageHeaderPartialSize: count(u32, "agentToClientMessageHeader"),
  agentToClientMessageHeader: emptyable(bytes({ count: "agentToClientMessageHeaderPartialSize" })),
  agentToClientMessageRemaining: u32,
  agentToClientMessageFilterResult: u8,
  clientToAgentMessageRemaining: u32,
  clientToAgentMessageFilterResult: u8,
});

export const InputsMigrationData = struct("InputsMigrationData", {
  ...header,
  /** Motions since the last MOUSE_MOTION_ACK. */
  motionCount: u16,
});

export const LossySurface = struct("LossySurface", {
  id: u32,
  left: i32,
  top: i32,
  right: i32,
  bottom: i32,
});

/** Which form it has is not in the data: it follows the sender's jpeg (WAN) option. */
export const SurfacesAtClient = struct("SurfacesAtClient", {
  count: u32,
  lossless: given("losslessSurfaces", list(u32, { count: "count" })),
  lossy: given("lossySurfaces", list(LossySurface, { count: "count" })),
});

export const DisplayMigrationData = struct("DisplayMigrationData", {
  ...header,
  /** Serial of the very message that carries this. */
  messageSerial: u64,
  lowBandwidthSetting: u8,
  pixmapCacheId: u8,
  pixmapCacheSize: i64,
  /** 1 on the one channel that froze the shared cache. */
  pixmapCacheFreezer: u8,
  /** Last serial with which display channel 0-3 used the cache. */
  pixmapCacheClients: list(u64, { fixed: 4 }),
  glzDictId: u8,
  glzSize: u32,
  glzMaxEncoders: u32,
  glzLastImageId: u64,
  surfacesAtClient: pointer(SurfacesAtClient),
});
