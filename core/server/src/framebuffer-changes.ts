// New pixels of a framebuffer as the least work that makes the picture: what is as it was is left
// out, what has moved is copied, and the rest is painted.

import { areaOf, type Box, boxAround } from "@caraway/canvas";
import { changedTiles, type PixelArea } from "./changed-tiles.ts";
import type { SurfacePixels } from "./guest-drawing.ts";
import { movedPixels, type PixelMove } from "./moved-pixels.ts";
import type { ServedSurface } from "./served-surface.ts";

export type FramebufferStep =
  | ({ readonly kind: "move" } & PixelMove)
  | { readonly kind: "paint"; readonly box: Box; readonly pixels: SurfacePixels };

/** Smaller changes are painted without a search. */
const searchMin = 128 * 64;
/** A move has to spare this part of what has changed. */
const worthwhile = 0.25;
/** Searches without a find after which fewer are made: video moves nothing. */
const vainMax = 8;
const restAfter = 16;

export class FramebufferChanges {
  #vain = 0;
  #resting = 0;

  /** Each step is to be taken before the next is asked for. */
  *steps(surface: ServedSurface, box: Box, pixels: SurfacePixels): Generator<FramebufferStep> {
    const before = areaOfSurface(surface);
    const next = before === null ? null : areaOfUpdate(pixels, before.mask);
    if (before === null || next === null || !surface.isDrawn) {
      yield { kind: "paint", box, pixels };
      return;
    }
    let changed = changedTiles(before, next, box);
    const move = this.#search(before, next, box, changed);
    if (move !== null) {
      yield { kind: "move", ...move };
      changed = changedTiles(before, next, box);
    }
    for (const part of changed) {
      const at = (part.top - box.top) * pixels.stride + (part.left - box.left) * 4;
      yield { kind: "paint", box: part, pixels: { ...pixels, data: pixels.data.subarray(at) } };
    }
  }

  #search(before: PixelArea, next: PixelArea, box: Box, changed: readonly Box[]): PixelMove | null {
    const size = changed.reduce((sum, part) => sum + areaOf(part), 0);
    if (size < searchMin) return null;
    if (this.#resting > 0) {
      this.#resting -= 1;
      return null;
    }
    const around = boxAround(changed);
    const offset = (around.top - box.top) * next.stride + (around.left - box.left);
    const move = movedPixels(before, { ...next, pixels: next.pixels.subarray(offset) }, around);
    if (move !== null && areaOf(move.to) >= size * worthwhile) {
      this.#vain = 0;
      return move;
    }
    this.#vain += 1;
    if (this.#vain >= vainMax) this.#resting = restAfter;
    return null;
  }
}

/** Null: its pixels have another size. */
function areaOfSurface({ surface, width }: ServedSurface): PixelArea | null {
  const { format, pixels } = surface.pixmap;
  if (!(pixels instanceof Uint32Array)) return null;
  return { pixels, stride: width, mask: format === "x8r8g8b8" ? 0xffffff : 0xffffffff };
}

function areaOfUpdate({ stride, data }: SurfacePixels, mask: number): PixelArea | null {
  if (stride % 4 !== 0) return null;
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  const pixels = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
  return { pixels, stride: stride / 4, mask };
}
