// A client's cursor channel: the newest shape and place of the pointer, sent when the client can
// take them; what was in between is left out.

import {
  type Cursor,
  CursorFlag,
  type CursorShape,
  cursorCodec,
  type ServerMessage,
} from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { GuestCursor } from "./guest.ts";
import type { MouseMode } from "./mouse-mode.ts";
import type { CursorView, ServedCursor } from "./served-cursor.ts";

/** Shapes that a client keeps, as spice-server counts them. */
const cacheSize = 256;
const ackWindow = 20;

type WireCursor = Infer<typeof CursorShape>;

export class CursorChannel implements ChannelHandler, CursorView {
  readonly #end: ChannelEnd;
  readonly #cursor: ServedCursor;
  readonly #mouseMode: MouseMode;
  /** Keys of the client's cache, least recently used first. */
  readonly #cache = new Set<bigint>();
  #isShapeDue = false;
  #isPlaceDue = false;
  /** As the client has it. */
  #isVisible = false;

  constructor(end: ChannelEnd, cursor: ServedCursor, mouseMode: MouseMode) {
    this.#end = end;
    this.#cursor = cursor;
    this.#mouseMode = mouseMode;
  }

  opened(): void {
    this.#end.openWindow(ackWindow);
    const { x, y, visible } = this.#cursor.place;
    this.#isVisible = visible;
    this.#send({
      name: "INIT",
      body: {
        position: { x, y },
        trailLength: 0,
        trailFrequency: 0,
        visible: visible ? 1 : 0,
        cursor: this.#encode(this.#cursor.shape),
      },
    });
    this.#cursor.addView(this);
  }

  closed(): void {
    this.#cursor.removeView(this);
  }

  message(id: number): void {
    throw this.#end.unknown(id);
  }

  writable(): void {
    this.#pump();
  }

  deadline(): number | null {
    return null;
  }

  timeout(): void {}

  snapshot(): unknown {
    return { cached: this.#cache.size, shapeDue: this.#isShapeDue, placeDue: this.#isPlaceDue };
  }

  shapeChanged(): void {
    this.#isShapeDue = true;
    this.#pump();
  }

  placeChanged(): void {
    this.#isPlaceDue = true;
    this.#pump();
  }

  #pump(): void {
    if (this.#isShapeDue && this.#end.canSend) this.#sendShape();
    if (this.#isPlaceDue && this.#end.canSend) this.#sendPlace();
  }

  #sendShape(): void {
    const { x, y, visible } = this.#cursor.place;
    this.#isShapeDue = false;
    this.#isPlaceDue = false;
    this.#isVisible = visible;
    const cursor = this.#encode(this.#cursor.shape);
    this.#send({ name: "SET", body: { position: { x, y }, visible: visible ? 1 : 0, cursor } });
  }

  #sendPlace(): void {
    const { x, y, visible } = this.#cursor.place;
    this.#isPlaceDue = false;
    if (visible && !this.#isVisible) {
      this.#sendShape();
    } else if (visible) {
      // In mode `client` the pointer is where the client has it.
      if (this.#mouseMode.current !== "server") return;
      this.#send({ name: "MOVE", body: { position: { x, y } } });
    } else if (this.#isVisible) {
      this.#isVisible = false;
      this.#send({ name: "HIDE", body: {} });
    }
  }

  #encode(shape: GuestCursor | null): WireCursor {
    if (shape === null) return { flags: CursorFlag.NONE, header: null, data: new Uint8Array(0) };
    const { key, type, width, height, hotSpotX, hotSpotY, data } = shape;
    const header = { unique: key ?? 0n, type, width, height, hotSpotX, hotSpotY };
    if (key === null) return { flags: 0, header, data };
    if (this.#cache.delete(key)) {
      this.#cache.add(key);
      return { flags: CursorFlag.FROM_CACHE, header, data: new Uint8Array(0) };
    }
    if (this.#cache.size >= cacheSize) {
      const [oldest] = this.#cache;
      this.#cache.delete(oldest!);
      this.#send({ name: "INVAL_ONE", body: { id: oldest! } });
    }
    this.#cache.add(key);
    return { flags: CursorFlag.CACHE_ME, header, data };
  }

  #send(message: ServerMessage<typeof Cursor>): void {
    this.#end.send(cursorCodec.server.encode(message));
  }
}
