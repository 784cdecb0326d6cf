// Takes over a session's image caches and GLZ windows from another server, part by part, with
// whichever display channels the parts come.

import { decodeLz, GlzDictionary, LzType, readLzHeader } from "@caraway/codecs";
import { CachedImageFlag } from "@caraway/protocol";
import { expectState } from "./bad-state.ts";
import {
  cachePixelsMax,
  cachesPartsMax,
  glzIdMax,
  glzWindowPixelsMax,
  movedCachesMax,
} from "./cache-bounds.ts";
import type { CachesPart } from "./caches-departure.ts";
import { PixmapCache } from "./pixmap-cache.ts";

type PixmapsState = CachesPart["pixmapCaches"][number];
type WindowState = CachesPart["glzWindows"][number];

export class CachesArrival {
  readonly #pixmaps: Map<number, PixmapCache>;
  readonly #dictionaries: Map<number, GlzDictionary>;
  #partCount: number | null = null;
  /** Those that wait for an earlier one. */
  readonly #waiting = new Map<number, CachesPart>();
  #taken = 0;

  /** Fills `pixmaps` and `dictionaries`, which nobody else changes until `isComplete`. */
  constructor(pixmaps: Map<number, PixmapCache>, dictionaries: Map<number, GlzDictionary>) {
    this.#pixmaps = pixmaps;
    this.#dictionaries = dictionaries;
  }

  get isComplete(): boolean {
    return this.#taken === this.#partCount;
  }

  /**
   * So many parts there are.
   *
   * @throws BadState when that cannot be.
   */
  expect(partCount: number): void {
    const isSame = (this.#partCount ?? partCount) === partCount;
    const most = Math.max(this.#taken, ...[...this.#waiting.keys()].map((at) => at + 1));
    const isPossible = isSame && most <= partCount && partCount <= cachesPartsMax;
    expectState(isPossible, `${partCount} parts of the caches`);
    this.#partCount = partCount;
  }

  /** @throws BadState or CodecError when the part cannot be what the client has. */
  take(part: CachesPart): void {
    const { sequence } = part;
    const isNew = sequence >= this.#taken && !this.#waiting.has(sequence);
    const partCount = this.#partCount ?? cachesPartsMax;
    expectState(isNew && sequence < partCount, `part ${sequence} of the caches`);
    this.#waiting.set(sequence, part);
    for (;;) {
      const next = this.#waiting.get(this.#taken);
      if (next === undefined) return;
      this.#waiting.delete(this.#taken);
      this.#taken += 1;
      for (const state of next.pixmapCaches) this.#takePixmaps(state);
      for (const state of next.glzWindows) this.#takeWindow(state);
    }
  }

  #takePixmaps({ cacheId, capacity, knownCount, removed, images }: PixmapsState): void {
    expectState(capacity <= cachePixelsMax, `an image cache of ${capacity} pixels`);
    const known = this.#pixmaps.get(cacheId) ?? new PixmapCache(capacity);
    const isNext = known.size === knownCount && known.capacity === capacity;
    expectState(isNext, `an image cache of ${knownCount} images`);
    this.#pixmaps.set(cacheId, known);
    expectState(this.#pixmaps.size <= movedCachesMax, "too many image caches");
    for (const key of removed) expectState(known.drop(key), "an image that is not there goes");
    for (const { imageId: key, pixels, flags, uses } of images) {
      const entry = {
        key,
        pixels,
        isLossy: (flags & CachedImageFlag.LOSSY) !== 0,
        isReplaced: (flags & CachedImageFlag.REPLACED) !== 0,
        uses: new Map(uses.map(({ displayId, serial }) => [displayId, serial])),
      };
      expectState(pixels > 0 && known.put(entry), "an image has no room in its cache");
    }
  }

  #takeWindow({ dictionaryId, size, headId, firstId, images }: WindowState): void {
    expectState(size > 0 && size <= glzWindowPixelsMax, `a GLZ window of ${size} pixels`);
    const areIds = headId <= firstId + BigInt(images.length) && firstId < glzIdMax;
    expectState(areIds, `GLZ images from ${headId} and ${firstId}`);
    const first = Number(firstId);
    const known = this.#dictionaries.get(dictionaryId);
    const goesOn = known?.nextId === first && known.windowPixels === size;
    expectState(known === undefined || known.nextId <= first, `GLZ image ${first} comes again`);
    const dictionary = goesOn ? known : new GlzDictionary(size, first);
    this.#dictionaries.set(dictionaryId, dictionary);
    expectState(this.#dictionaries.size <= movedCachesMax, "too many GLZ windows");
    for (const image of images) dictionary.remember(windowImage(image, size));
    dictionary.dropBefore(Number(headId));
  }
}

function windowImage({ kind, pixels: count, stream }: WindowState["images"][number], size: number) {
  const { type, width, height } = readLzHeader(stream);
  const streamType = kind === LzType.RGBA ? LzType.RGBA : LzType.RGB32;
  const isRow = type === streamType && width === count && height === 1;
  expectState(isRow && count < size, `a GLZ image of ${width} by ${height} pixels`);
  const { pixels } = decodeLz(stream, null);
  return { type: kind, pixels: pixels as Uint32Array };
}
