// The pointer of one display as the guest has it, and the channels that show it.

import { CodecError, decodeCursor } from "@caraway/codecs";
import type { CursorOutput, GuestCursor } from "./guest.ts";

export interface CursorView {
  shapeChanged(): void;
  placeChanged(): void;
}

export class ServedCursor {
  readonly #views = new Set<CursorView>();
  #shape: GuestCursor | null = null;
  #place = { x: 0, y: 0, visible: false };

  get shape(): GuestCursor | null {
    return this.#shape;
  }

  get place(): { readonly x: number; readonly y: number; readonly visible: boolean } {
    return this.#place;
  }

  addView(view: CursorView): void {
    this.#views.add(view);
  }

  removeView(view: CursorView): void {
    this.#views.delete(view);
  }

  /** @throws CodecError when a shape is none. */
  handle(output: CursorOutput): void {
    if (output.type === "cursor-shape") {
      if (output.shape !== null) checkShape(output.shape);
      this.#shape = output.shape;
      for (const view of this.#views) view.shapeChanged();
      return;
    }
    const { x, y, visible } = output;
    this.#place = { x: place(x), y: place(y), visible };
    for (const view of this.#views) view.placeChanged();
  }

  snapshot(): unknown {
    return { shape: this.#shape?.key ?? null, ...this.#place, views: this.#views.size };
  }
}

/** The wire has 16 bits and a sign. */
function place(value: number): number {
  return Math.max(-0x8000, Math.min(0x7fff, Math.round(value)));
}

function checkShape(shape: GuestCursor): void {
  decodeCursor(shape);
  const isInside = shape.hotSpotX <= shape.width && shape.hotSpotY <= shape.height;
  if (!isInside) throw new CodecError("cursor", 0, "its hot spot lies outside of it");
}
