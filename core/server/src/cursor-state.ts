// What a cursor channel is, for the server that goes on with it: to bytes of the peer link and back.

import { CursorStateFlag, channelStateVersion, cursorStateCodec } from "@caraway/protocol";
import { expectState } from "./bad-state.ts";
import type { GuestCursor } from "./guest.ts";

/** A cursor channel between two servers: what the client has and shows. */
export interface MovedCursor {
  readonly shape: GuestCursor | null;
  readonly place: { readonly x: number; readonly y: number; readonly visible: boolean };
  /** Keys of its cache, least recently used first. */
  readonly cached: readonly bigint[];
}

/** Shapes that a client keeps, as spice-server counts them. */
export const cachedShapesMax = 256;

const noHeader = { unique: 0n, type: 0, width: 0, height: 0, hotSpotX: 0, hotSpotY: 0 } as const;

export function encodeCursorState({ shape, place, cached }: MovedCursor): Uint8Array {
  const { VISIBLE, SHAPE, KEYED } = CursorStateFlag;
  const shapeFlags = shape === null ? 0 : SHAPE | (shape.key === null ? 0 : KEYED);
  return cursorStateCodec.encode({
    version: channelStateVersion,
    flags: shapeFlags | (place.visible ? VISIBLE : 0),
    position: { x: place.x, y: place.y },
    header: shape === null ? noHeader : { ...headerOf(shape), unique: shape.key ?? 0n },
    data: shape?.data ?? new Uint8Array(0),
    cached,
  });
}

function headerOf({ type, width, height, hotSpotX, hotSpotY }: GuestCursor) {
  return { type, width, height, hotSpotX, hotSpotY };
}

/** @throws BadState or WireError when no server of ours would have sent it. */
export function decodeCursorState(bytes: Uint8Array): MovedCursor {
  const { flags, position, header, data, cached } = cursorStateCodec.decode(bytes);
  const isPossible = cached.length <= cachedShapesMax && new Set(cached).size === cached.length;
  expectState(isPossible, `${cached.length} shapes of the pointer`);
  const { unique, ...rest } = header;
  const hasKey = (flags & CursorStateFlag.KEYED) !== 0;
  const hasShape = (flags & CursorStateFlag.SHAPE) !== 0;
  return {
    shape: hasShape ? { key: hasKey ? unique : null, ...rest, data } : null,
    place: { ...position, visible: (flags & CursorStateFlag.VISIBLE) !== 0 },
    cached,
  };
}

/** Whether a client that has the one need not be sent the other. */
export function isSameShape(one: GuestCursor | null, other: GuestCursor | null): boolean {
  if (one === null || other === null) return one === other;
  if (one.key !== other.key || one.data.length !== other.data.length) return false;
  const isAlike =
    one.type === other.type &&
    one.width === other.width &&
    one.height === other.height &&
    one.hotSpotX === other.hotSpotX &&
    one.hotSpotY === other.hotSpotY;
  return isAlike && one.data.every((byte, at) => byte === other.data[at]);
}
