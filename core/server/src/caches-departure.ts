// The account of a session's image caches and GLZ windows for the server that goes on with them:
// all of it while the guest runs, and then what has changed.

import { encodeLz, type GlzDictionary, type GlzSentImage, LzType } from "@caraway/codecs";
import { CachedImageFlag, type DisplayCachesPart } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import type { CacheEntry, PixmapCache } from "./pixmap-cache.ts";

export type CachesPart = Infer<typeof DisplayCachesPart>;
type PixmapsState = CachesPart["pixmapCaches"][number];
type WindowState = CachesPart["glzWindows"][number];

/** Pixels of a window that are told when the guest has stopped already: the newest. */
const latePixelsMax = 1 << 20;

/** What the other server knows of an image cache. */
interface KnownPixmaps {
  readonly clock: number;
  readonly keys: ReadonlySet<bigint>;
}

export class CachesDeparture {
  readonly #pixmaps: ReadonlyMap<number, PixmapCache>;
  readonly #dictionaries: ReadonlyMap<number, GlzDictionary>;
  readonly #knownPixmaps = new Map<number, KnownPixmaps>();
  /** Ids of the images that the other server will be told next. */
  readonly #knownWindows = new Map<number, number>();
  #partCount = 0;

  constructor(
    pixmaps: ReadonlyMap<number, PixmapCache>,
    dictionaries: ReadonlyMap<number, GlzDictionary>,
  ) {
    this.#pixmaps = pixmaps;
    this.#dictionaries = dictionaries;
  }

  /** Parts that were made. */
  get partCount(): number {
    return this.#partCount;
  }

  /** Whether something has changed since the last part. */
  get hasNews(): boolean {
    const hasUses = [...this.#pixmaps].some(([id, { clock }]) => {
      return clock !== (this.#knownPixmaps.get(id)?.clock ?? 0);
    });
    const hasImages = [...this.#dictionaries].some(([id, { nextId }]) => {
      return nextId !== (this.#knownWindows.get(id) ?? 0);
    });
    return hasUses || hasImages;
  }

  /** What has changed since the last part. `isLate`: somebody waits for it. */
  next(isLate: boolean): CachesPart {
    const sequence = this.#partCount++;
    return {
      sequence,
      pixmapCaches: [...this.#pixmaps].map(([id, cache]) => this.#pixmapsState(id, cache)),
      glzWindows: [...this.#dictionaries].map(([id, dictionary]) => {
        return this.#windowState(id, dictionary, isLate ? latePixelsMax : dictionary.windowPixels);
      }),
    };
  }

  #pixmapsState(cacheId: number, cache: PixmapCache): PixmapsState {
    const known = this.#knownPixmaps.get(cacheId) ?? { clock: 0, keys: new Set<bigint>() };
    const { capacity, clock } = cache;
    this.#knownPixmaps.set(cacheId, { clock, keys: new Set(cache.keys()) });
    return {
      cacheId,
      capacity,
      knownCount: known.keys.size,
      removed: [...known.keys].filter((key) => !cache.has(key)),
      images: cache.usedSince(known.clock).map(imageState),
    };
  }

  #windowState(dictionaryId: number, dictionary: GlzDictionary, pixelsMax: number): WindowState {
    const { windowPixels: size, headId, nextId } = dictionary;
    const known = Math.max(this.#knownWindows.get(dictionaryId) ?? 0, headId);
    this.#knownWindows.set(dictionaryId, nextId);
    const images = [...dictionary.imagesFrom(known)];
    let from = images.length;
    for (let room = pixelsMax; from > 0; from--) {
      room -= images[from - 1]!.pixels.length;
      if (room < 0) break;
    }
    return {
      dictionaryId,
      size,
      headId: BigInt(headId),
      firstId: BigInt(nextId - images.length + from),
      images: images.slice(from).map(windowImageState),
    };
  }
}

function imageState({ key, pixels, isLossy, isReplaced, uses }: CacheEntry) {
  return {
    imageId: key,
    pixels,
    flags: (isLossy ? CachedImageFlag.LOSSY : 0) | (isReplaced ? CachedImageFlag.REPLACED : 0),
    uses: [...uses].slice(0, 255).map(([displayId, serial]) => ({ displayId, serial })),
  };
}

function windowImageState({ type, pixels }: GlzSentImage): WindowState["images"][number] {
  const width = pixels.length;
  const hasAlpha = type === LzType.RGBA;
  const format = hasAlpha ? "argb" : "xrgb";
  const stream = encodeLz({ format, width, height: 1, pixels }, hasAlpha ? type : LzType.RGB32);
  return { kind: type, pixels: width, stream };
}
