// The cursor channel: shape, place and visibility of the pointer.

import { bytes, enumOf, flagsOf, message, struct, u8, u16, u64, unless } from "@caraway/wire";
import { baseClient, baseServer } from "./base.ts";
import { channel } from "./channel-schema.ts";
import { ChannelType, CursorFlag, CursorType } from "./constants.ts";
import { Point16 } from "./graphics.ts";

/** `unique` is the key of the cursor cache. */
export const CursorHeader = struct("CursorHeader", {
  unique: u64,
  type: enumOf(u8, "CursorType", CursorType),
  width: u16,
  height: u16,
  hotSpotX: u16,
  hotSpotY: u16,
});

/** `data` is empty with NONE and with FROM_CACHE; docs/formats/cursor.md says what it holds. */
export const CursorShape = struct("Cursor", {
  flags: flagsOf(u16, "CursorFlag", CursorFlag),
  header: unless("flags", CursorFlag.NONE, CursorHeader),
  data: bytes({ rest: true }),
});

export const Cursor = channel(
  "cursor",
  ChannelType.CURSOR,
  {},
  {
    server: [
      ...baseServer,
      message(
        "INIT",
        101,
        {
          position: Point16,
          trailLength: u16,
          trailFrequency: u16,
          visible: u8,
          cursor: CursorShape,
        },
        "The pointer at the start.",
      ),
      message("RESET", 102, {}, "Forget the shape and the cache."),
      message("SET", 103, { position: Point16, visible: u8, cursor: CursorShape }, "A new shape."),
      message("MOVE", 104, { position: Point16 }, "The pointer moved (mouse mode SERVER)."),
      message("HIDE", 105, {}, "The pointer is not shown."),
      message("TRAIL", 106, { length: u16, frequency: u16 }, "Mouse trails."),
      message("INVAL_ONE", 107, { id: u64 }, "Drops a shape from the cache."),
      message("INVAL_ALL", 108, {}, "Empties the cache."),
    ],
    client: [...baseClient],
  },
);
