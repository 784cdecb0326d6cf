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
import { isKnownState } from "./bad-state.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import {
  cachedShapesMax,
  decodeCursorState,
  encodeCursorState,
  isSameShape,
  type MovedCursor,
} from "./cursor-state.ts";
import type { GuestCursor } from "./guest.ts";
import type { MouseMode } from "./mouse-mode.ts";
import type { CursorView, ServedCursor } from "./served-cursor.ts";

const ackWindow = 20;

type CursorPlace = ServedCursor["place"];

const nowhere: CursorPlace = { x: 0, y: 0, visible: false };

type WireCursor = Infer<typeof CursorShape>;

export class CursorChannel implements ChannelHandler, CursorView {
  readonly #end: ChannelEnd;
  readonly #cursor: ServedCursor;
  readonly #mouseMode: MouseMode;
  /** Keys of the client's cache, least recently used first. */
  readonly #cache = new Set<bigint>();
  #isShapeDue = false;
  #isPlaceDue = false;
  /** As the client has them. */
  #shown: { shape: GuestCursor | null; place: CursorPlace } = { shape: null, place: nowhere };
  /** What another server said of the client. */
  #moved: MovedCursor | null = null;

  constructor(end: ChannelEnd, cursor: ServedCursor, mouseMode: MouseMode) {
    this.#end = end;
    this.#cursor = cursor;
    this.#mouseMode = mouseMode;
  }

  opened(): void {
    this.#end.openWindow(ackWindow);
    const { shape, place } = this.#cursor;
    const { x, y, visible } = place;
    this.#shown = { shape, place };
    this.#send({
      name: "INIT",
      body: {
        position: { x, y },
        trailLength: 0,
        trailFrequency: 0,
        visible: visible ? 1 : 0,
        cursor: this.#encode(shape),
      },
    });
    this.#cursor.addView(this);
  }

  // To another server.

  leaving(hasPeer: boolean): void {
    // A spice-server does not know what the client keeps, and would not say so.
    if (!hasPeer) this.#send({ name: "INVAL_ALL", body: {} });
  }

  finalState(): Uint8Array {
    return encodeCursorState({ ...this.#shown, cached: [...this.#cache] });
  }

  // From another server.

  restoreState(final: Uint8Array): void {
    if (isKnownState(final)) this.#moved = decodeCursorState(final);
  }

  moved(outcome: "kept" | "rebuilt"): void {
    const moved = outcome === "kept" ? this.#moved : null;
    if (moved === null) {
      // spice-gtk takes nothing else behind RESET.
      this.#send({ name: "RESET", body: {} });
      this.opened();
      return;
    }
    this.#end.openWindow(ackWindow);
    const { shape, place } = this.#cursor;
    for (const key of moved.cached) this.#cache.add(key);
    this.#shown = { shape: moved.shape, place: moved.place };
    this.#isShapeDue = !isSameShape(shape, moved.shape);
    this.#isPlaceDue = !isSamePlace(place, moved.place);
    this.#cursor.addView(this);
    this.#pump();
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
    const { shape, place } = this.#cursor;
    const { x, y, visible } = place;
    this.#isShapeDue = false;
    this.#isPlaceDue = false;
    this.#shown = { shape, place };
    const cursor = this.#encode(shape);
    this.#send({ name: "SET", body: { position: { x, y }, visible: visible ? 1 : 0, cursor } });
  }

  #sendPlace(): void {
    const { place } = this.#cursor;
    const { x, y, visible } = place;
    const wasVisible = this.#shown.place.visible;
    this.#isPlaceDue = false;
    if (visible && !wasVisible) {
      this.#sendShape();
      return;
    }
    // In mode `client` the pointer is where the client has it.
    if (visible && this.#mouseMode.current !== "server") return;
    if (visible) this.#send({ name: "MOVE", body: { position: { x, y } } });
    else if (wasVisible) this.#send({ name: "HIDE", body: {} });
    this.#shown = { ...this.#shown, place };
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
    if (this.#cache.size >= cachedShapesMax) {
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

function isSamePlace(one: CursorPlace, other: CursorPlace): boolean {
  return one.visible === other.visible && one.x === other.x && one.y === other.y;
}
