// The cursor channel: shapes with their cache, place and visibility of the pointer.

import { type Cursor, CursorFlag, cursorCodec, type ServerMessage } from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { Wiring } from "./wiring.ts";

type CursorServerMessage = ServerMessage<typeof Cursor>;
type WireCursor = Extract<CursorServerMessage, { name: "SET" }>["body"]["cursor"];

/** A pointer's shape as it came; `data` is laid out by `type` (docs/formats/cursor.md). */
export interface CursorShape {
  readonly unique: bigint;
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly hotSpotX: number;
  readonly hotSpotY: number;
  readonly data: Uint8Array;
}

/** Slots of the cache at both ends, as the reference has it. */
const cacheSizeMax = 256;

export class CursorChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #cache = new Map<bigint, CursorShape>();

  constructor(end: ChannelEnd, wiring: Wiring) {
    this.#end = end;
    this.#wiring = wiring;
  }

  snapshot(): unknown {
    return { cached: [...this.#cache.keys()].map(String) };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#cache.clear();
  }

  moved(): void {}

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    this.#handle(message);
    return true;
  }

  #decode(id: number, body: Uint8Array): CursorServerMessage | null {
    try {
      return cursorCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #handle(message: CursorServerMessage): void {
    const channelId = this.#end.channel.id;
    switch (message.name) {
      case "INIT":
      case "SET":
        if (message.name === "INIT") this.#cache.clear();
        this.#shape(message.body.cursor);
        this.#move(message.body.position, message.body.visible !== 0);
        break;
      case "MOVE":
        this.#move(message.body.position, true);
        break;
      case "HIDE":
      case "RESET":
        if (message.name === "RESET") this.#cache.clear();
        this.#wiring.event({ name: "cursor", channelId, shape: null });
        break;
      case "INVAL_ONE":
        this.#cache.delete(message.body.id);
        break;
      case "INVAL_ALL":
        this.#cache.clear();
        break;
      default:
        break;
    }
  }

  #shape(cursor: WireCursor): void {
    const channelId = this.#end.channel.id;
    if (cursor.header === null) {
      this.#wiring.event({ name: "cursor", channelId, shape: null });
      return;
    }
    const { unique } = cursor.header;
    const shape = { ...cursor.header, data: cursor.data };
    if (cursor.flags & CursorFlag.FROM_CACHE) {
      const cached = this.#cache.get(unique);
      if (cached === undefined) throw this.#end.unexpected("SET", `cursor ${unique} is not cached`);
      this.#wiring.event({ name: "cursor", channelId, shape: cached });
      return;
    }
    if (cursor.flags & CursorFlag.CACHE_ME) this.#remember(unique, shape);
    this.#wiring.event({ name: "cursor", channelId, shape });
  }

  #remember(unique: bigint, shape: CursorShape): void {
    if (this.#cache.size >= cacheSizeMax && !this.#cache.has(unique)) {
      throw this.#end.unexpected("SET", `more than ${cacheSizeMax} cursors in the cache`);
    }
    this.#cache.set(unique, shape);
  }

  #move(position: { readonly x: number; readonly y: number }, visible: boolean): void {
    const { x, y } = position;
    this.#wiring.event({
      name: "cursor-move",
      channelId: this.#end.channel.id,
      x,
      y,
      visible,
    });
  }
}
