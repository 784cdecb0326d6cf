// The palettes that one display channel remembers, by their keys.

import { BitmapFlag, type Palette } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import { CanvasError } from "./canvas-error.ts";

/** More than the 128 that the reference server keeps for a channel. */
const maxPalettes = 1024;
/** No image refers to more entries. */
const maxEntries = 256;

/** What an image of the wire says about its palette. */
export interface PaletteReference {
  readonly bitmapFlags: number;
  readonly paletteId: bigint | null;
  readonly palette: Infer<typeof Palette> | null;
}

export class PaletteCache {
  #palettes = new Map<bigint, Uint32Array>();

  get size(): number {
    return this.#palettes.size;
  }

  /**
   * The palette of an image, or null when it has none. It is put into the cache or taken from
   * there as the image says.
   *
   * @throws CanvasError when it is not in the cache, or the cache is full.
   */
  resolve(reference: PaletteReference): Uint32Array | null {
    if (reference.paletteId !== null) {
      const found = this.#palettes.get(reference.paletteId);
      if (found === undefined) {
        throw new CanvasError("NO_PALETTE", `palette ${reference.paletteId} is not in the cache`);
      }
      return found;
    }
    if (reference.palette === null) return null;
    const palette = Uint32Array.from(reference.palette.ents.slice(0, maxEntries));
    if ((reference.bitmapFlags & BitmapFlag.PAL_CACHE_ME) !== 0) {
      this.#palettes.set(reference.palette.unique, palette);
      if (this.#palettes.size > maxPalettes) {
        throw new CanvasError("LIMIT", `the palette cache would hold more than ${maxPalettes}`);
      }
    }
    return palette;
  }

  drop(id: bigint): void {
    this.#palettes.delete(id);
  }

  clear(): void {
    this.#palettes.clear();
  }
}
