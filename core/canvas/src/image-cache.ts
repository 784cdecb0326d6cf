// The image cache of a session, which all its display channels share. The server decides what is in
// it: it counts pixels against the size that the client announced in DISPLAY_INIT and says what to
// drop (INVAL_LIST, INVAL_ALL_PIXMAPS).

import { CanvasError } from "./canvas-error.ts";
import type { Pixmap } from "./pixmap.ts";

interface Entry {
  readonly pixmap: Pixmap;
  readonly lossy: boolean;
  /** How often it was put: it is gone when it was dropped as often. */
  readonly count: number;
}

export class ImageCache {
  #entries = new Map<bigint, Entry>();
  #pixelCount = 0;
  readonly #maxPixels: number;

  constructor(maxPixels: number) {
    this.#maxPixels = maxPixels;
  }

  get imageCount(): number {
    return this.#entries.size;
  }

  get pixelCount(): number {
    return this.#pixelCount;
  }

  /** The image, or null while it is not there or, with `lossless`, only a lossy one is. */
  find(id: bigint, lossless: boolean): Pixmap | null {
    const entry = this.#entries.get(id);
    if (entry === undefined || (lossless && entry.lossy)) return null;
    return entry.pixmap;
  }

  /**
   * Keeps an image that nobody writes to any more.
   *
   * @throws CanvasError when the server puts more into the cache than it may.
   */
  put(id: bigint, pixmap: Pixmap, lossy: boolean): void {
    const count = (this.#entries.get(id)?.count ?? 0) + 1;
    this.#set(id, { pixmap, lossy, count });
  }

  /** Puts a lossless image in the place of a lossy one; it counts as put once if there is none. */
  replace(id: bigint, pixmap: Pixmap): void {
    const count = this.#entries.get(id)?.count ?? 1;
    this.#set(id, { pixmap, lossy: false, count });
  }

  /** Takes back one `put`; nothing happens when there is no such image. */
  drop(id: bigint): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.count > 1) {
      this.#entries.set(id, { ...entry, count: entry.count - 1 });
      return;
    }
    this.#entries.delete(id);
    this.#pixelCount -= entry.pixmap.pixels.length;
  }

  clear(): void {
    this.#entries.clear();
    this.#pixelCount = 0;
  }

  #set(id: bigint, entry: Entry): void {
    const replaced = this.#entries.get(id)?.pixmap.pixels.length ?? 0;
    const pixelCount = this.#pixelCount - replaced + entry.pixmap.pixels.length;
    if (pixelCount > this.#maxPixels) {
      throw new CanvasError("LIMIT", `the image cache would hold ${pixelCount} pixels`);
    }
    this.#entries.set(id, entry);
    this.#pixelCount = pixelCount;
  }
}
