// What the display channels of one client share: its image cache and its GLZ window.

import { GlzDictionary } from "@caraway/codecs";
import { PixmapCache } from "./pixmap-cache.ts";

/** The client may offer more; the server keeps a copy of every pixel in the window. */
const glzWindowPixelsMax = 1 << 22;
const cachePixelsMax = 1 << 25;
/** Smaller windows are not worth their hash tables. */
const glzWindowPixelsMin = 1 << 10;

export class ClientCaches {
  readonly #pixmaps = new Map<number, PixmapCache>();
  readonly #dictionaries = new Map<number, GlzDictionary>();
  #isBroken = false;

  /** By the id that the client gave it; `pixels` counts when it is new. */
  pixmaps(id: number, pixels: bigint): PixmapCache | null {
    if (this.#isBroken) return null;
    const known = this.#pixmaps.get(id);
    if (known !== undefined) return known;
    const size = Number(pixels < 0n ? 0n : pixels > cachePixelsMax ? cachePixelsMax : pixels);
    const cache = new PixmapCache(size);
    this.#pixmaps.set(id, cache);
    return cache;
  }

  /** Made when the first image asks for it: an idle client takes no memory. */
  dictionary(id: number, pixels: number): GlzDictionary | null {
    if (this.#isBroken || pixels < glzWindowPixelsMin) return null;
    const known = this.#dictionaries.get(id);
    if (known !== undefined) return known;
    const dictionary = new GlzDictionary(Math.min(pixels, glzWindowPixelsMax));
    this.#dictionaries.set(id, dictionary);
    return dictionary;
  }

  /**
   * A display channel ended while others go on: images that they would refer to may never have
   * arrived. So nothing is referred to any more.
   */
  break(): void {
    this.#isBroken = true;
    this.#pixmaps.clear();
    this.#dictionaries.clear();
  }

  snapshot(): unknown {
    return {
      isBroken: this.#isBroken,
      pixmaps: [...this.#pixmaps.values()].map((cache) => cache.snapshot()),
      glzIds: [...this.#dictionaries.values()].map(({ nextId }) => nextId),
    };
  }
}
