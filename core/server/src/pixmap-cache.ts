// The server's account of a client's image cache, which all display channels of its session share:
// what is in it, in which order it was used, and on which channel last. The client drops nothing by
// itself, so every eviction has to be told, and told only when no channel needs the image any more.

export interface CachedImage {
  readonly isLossy: boolean;
  /** It took the place of one with losses: other channels may still have the old one. */
  readonly isReplaced: boolean;
}

interface Entry extends CachedImage {
  readonly pixels: number;
  /** Serial of the last message of each display channel that uses it. */
  readonly uses: Map<number, bigint>;
}

/** A message of another display channel that has to be handled before. */
export interface ChannelWait {
  readonly display: number;
  readonly serial: bigint;
}

/** Whatever the client's size: images of a pixel each are no reason to keep millions of entries. */
const imagesMax = 1 << 16;

export class PixmapCache {
  readonly #capacity: number;
  /** Least recently used first. */
  readonly #entries = new Map<bigint, Entry>();
  #pixels = 0;

  /** `capacity` in pixels, as the client announced it. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: bigint): CachedImage | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /**
   * Makes room and adds an image; false when there is no room beside the images that `isPinned`.
   * What went is added to `evicted`.
   */
  add(
    key: bigint,
    pixels: number,
    isLossy: boolean,
    isPinned: (key: bigint) => boolean,
    evicted: EvictedImages,
  ): boolean {
    const victims: bigint[] = [];
    let room = this.#capacity - this.#pixels;
    for (const [candidate, entry] of this.#entries) {
      const isFull = this.#entries.size - victims.length >= imagesMax;
      if (room >= pixels && !isFull) break;
      if (isPinned(candidate)) continue;
      victims.push(candidate);
      room += entry.pixels;
    }
    if (room < pixels) return false;
    for (const victim of victims) this.#evict(victim, evicted);
    this.#entries.set(key, { pixels, isLossy, isReplaced: false, uses: new Map() });
    this.#pixels += pixels;
    return true;
  }

  /** A lossless image has taken the place of a lossy one. */
  replaced(key: bigint): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.set(key, { ...entry, isLossy: false, isReplaced: true });
  }

  /** A message of a display channel uses these images. */
  used(keys: Iterable<bigint>, display: number, serial: bigint): void {
    for (const key of keys) this.#entries.get(key)?.uses.set(display, serial);
  }

  snapshot(): unknown {
    return { images: this.#entries.size, pixels: this.#pixels, capacity: this.#capacity };
  }

  #evict(key: bigint, evicted: EvictedImages): void {
    const entry = this.#entries.get(key)!;
    this.#entries.delete(key);
    this.#pixels -= entry.pixels;
    evicted.add(key, entry.uses);
  }
}

/** What one message drives out of the cache. */
export class EvictedImages {
  readonly keys: bigint[] = [];
  readonly #uses = new Map<number, bigint>();

  add(key: bigint, uses: ReadonlyMap<number, bigint>): void {
    this.keys.push(key);
    for (const [display, serial] of uses) {
      if ((this.#uses.get(display) ?? 0n) < serial) this.#uses.set(display, serial);
    }
  }

  /** What has to be waited for on this channel. */
  waits(display: number): ChannelWait[] {
    return [...this.#uses]
      .filter(([other]) => other !== display)
      .map(([other, serial]) => ({ display: other, serial }));
  }
}
