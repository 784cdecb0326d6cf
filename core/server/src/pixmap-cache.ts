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
  /** The cache's clock when it was used last. */
  usedAt: number;
}

/** An image of the cache, for another server that goes on with it. */
export interface CacheEntry extends CachedImage {
  readonly key: bigint;
  readonly pixels: number;
  readonly uses: ReadonlyMap<number, bigint>;
}

/** A message of another display channel that has to be handled before. */
export interface ChannelWait {
  readonly display: number;
  readonly serial: bigint;
}

/** Whatever the client's size: images of a pixel each are no reason to keep millions of entries. */
export const cachedImagesMax = 1 << 16;

export class PixmapCache {
  readonly #capacity: number;
  /** Least recently used first. */
  readonly #entries = new Map<bigint, Entry>();
  /** Serial of the last message of each display channel that used the cache. */
  readonly #lastUses = new Map<number, bigint>();
  #pixels = 0;
  #clock = 0;

  /** `capacity` in pixels, as the client announced it. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  get pixels(): number {
    return this.#pixels;
  }

  /** Counts uses; for `usedSince`. */
  get clock(): number {
    return this.#clock;
  }

  keys(): Iterable<bigint> {
    return this.#entries.keys();
  }

  has(key: bigint): boolean {
    return this.#entries.has(key);
  }

  lastUse(display: number): bigint {
    return this.#lastUses.get(display) ?? 0n;
  }

  find(key: bigint): CachedImage | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.usedAt = ++this.#clock;
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
      const isFull = this.#entries.size - victims.length >= cachedImagesMax;
      if (room >= pixels && !isFull) break;
      if (isPinned(candidate)) continue;
      victims.push(candidate);
      room += entry.pixels;
    }
    if (room < pixels) return false;
    for (const victim of victims) this.#evict(victim, evicted);
    const usedAt = ++this.#clock;
    this.#entries.set(key, { pixels, isLossy, isReplaced: false, uses: new Map(), usedAt });
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
    for (const key of keys) {
      this.#entries.get(key)?.uses.set(display, serial);
      this.#lastUses.set(display, serial);
    }
  }

  /** Images that were used after the clock stood so, least recently used first. */
  usedSince(clock: number): CacheEntry[] {
    return [...this.#entries]
      .filter(([, { usedAt }]) => usedAt > clock)
      .map(([key, entry]) => ({ key, ...entry }));
  }

  /** Another server added or used it, last of all; true when there is room. */
  put({ key, pixels, isLossy, isReplaced, uses }: CacheEntry): boolean {
    this.drop(key);
    const isFull = this.#entries.size >= cachedImagesMax || this.#pixels + pixels > this.#capacity;
    if (isFull) return false;
    const usedAt = ++this.#clock;
    this.#entries.set(key, { pixels, isLossy, isReplaced, uses: new Map(uses), usedAt });
    this.#pixels += pixels;
    for (const [display, serial] of uses) {
      if (this.lastUse(display) < serial) this.#lastUses.set(display, serial);
    }
    return true;
  }

  /** Another server evicted it; false when it was not there. */
  drop(key: bigint): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#pixels -= entry.pixels;
    return true;
  }

  snapshot(): unknown {
    return { images: this.#entries.size, pixels: this.#pixels, capacity: this.#capacity };
  }

  #evict(key: bigint, evicted: EvictedImages): void {
    const entry = this.#entries.get(key)!;
    this.drop(key);
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
