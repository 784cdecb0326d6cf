// How messages follow each other after the link stage: full or mini header, and sub-messages.

import { count, list, struct, u16, u32, u64 } from "@caraway/wire";

/** Used unless both ends announced MINI_HEADER. */
export const DataHeader = struct("DataHeader", {
  serial: u64,
  type: u16,
  size: u32,
  /** 0, or where a sub-message list starts in the body. */
  subList: u32,
});

export const MiniDataHeader = struct("MiniDataHeader", { type: u16, size: u32 });

export const dataHeaderSize = 18;
export const miniDataHeaderSize = 6;

/** Offsets of sub-messages from the start of the outer body; each is a mini header and a body. */
export const SubMessageList = struct("SubMessageList", {
  size: count(u16, "offsets"),
  offsets: list(u32, { count: "size" }),
});
