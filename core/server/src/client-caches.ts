// What the display channels of one client share: its image cache and its GLZ window.

import { GlzDictionary } from "@caraway/codecs";
import { expectState } from "./bad-state.ts";
import {
  cachePixelsMax,
  cachesPartsMax,
  glzIdMax,
  glzWindowPixelsMax,
  movedCachesMax,
} from "./cache-bounds.ts";
import { CachesArrival } from "./caches-arrival.ts";
import { CachesDeparture, type CachesPart } from "./caches-departure.ts";
import type { DisplayInit } from "./display-state.ts";
import { type ChannelWait, PixmapCache } from "./pixmap-cache.ts";

/** Smaller windows are not worth their hash tables. */
const glzWindowPixelsMin = 1 << 10;

/** Parts of an account for another server. */
export interface CachesAccount {
  /** Those that come with other channels included. */
  readonly partCount: number;
  readonly parts: readonly CachesPart[];
}

/** A move to another server that is under way. */
interface Departure {
  readonly account: CachesDeparture;
  /** Display channels that were asked for their first part. */
  readonly begun: Set<number>;
  isOver: boolean;
}

export class ClientCaches {
  readonly #pixmaps = new Map<number, PixmapCache>();
  readonly #dictionaries = new Map<number, GlzDictionary>();
  /** While another server is being told of them. */
  #departure: Departure | null = null;
  /** While another server has not told everything. */
  #arrival: CachesArrival | null = null;
  /** A channel goes on with what another server told. */
  #isTaken = false;
  #isFrozen = false;
  /** The message with which the client empties its image cache. */
  #restartedBy: ChannelWait | null = null;
  #isBroken = false;

  /** By the id that the client gave it; `pixels` counts when it is new. */
  pixmaps(id: number, pixels: bigint): PixmapCache | null {
    if (!this.#isUsable) return null;
    const known = this.#pixmaps.get(id);
    if (known !== undefined) return known;
    const size = Number(pixels < 0n ? 0n : pixels > cachePixelsMax ? cachePixelsMax : pixels);
    const cache = new PixmapCache(size);
    this.#pixmaps.set(id, cache);
    return cache;
  }

  /** Made when the first image asks for it: an idle client takes no memory. */
  dictionary(id: number, pixels: number): GlzDictionary | null {
    if (!this.#isUsable || pixels < glzWindowPixelsMin) return null;
    const known = this.#dictionaries.get(id);
    if (known !== undefined) return known;
    const dictionary = new GlzDictionary(Math.min(pixels, glzWindowPixelsMax));
    this.#dictionaries.set(id, dictionary);
    return dictionary;
  }

  get #isUsable(): boolean {
    return !this.#isBroken && this.#arrival?.isComplete !== false;
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

  // To another server.

  /**
   * A part of the account, while all goes on; null when there is nothing to tell. A move begins
   * with `isFirst` from each display channel.
   */
  early(display: number, isFirst: boolean): CachesPart | null {
    if (isFirst && this.#departure?.begun.has(display) === true) this.#departure = null;
    if (!this.#isMovable) return null;
    const { account, begun } = this.#depart();
    begun.add(display);
    const hasRoom = account.partCount < cachesPartsMax - 1;
    return hasRoom && account.hasNews ? account.next(false) : null;
  }

  /** The rest, when nothing changes any more, and how many parts there are in all. */
  final(): CachesAccount {
    if (!this.#isMovable) return { partCount: 0, parts: [] };
    const departure = this.#depart();
    const parts = departure.isOver ? [] : [departure.account.next(true)];
    departure.isOver = true;
    return { partCount: departure.account.partCount, parts };
  }

  get #isMovable(): boolean {
    const count = Math.max(this.#pixmaps.size, this.#dictionaries.size);
    return this.#isUsable && count <= movedCachesMax;
  }

  #depart(): Departure {
    this.#departure ??= {
      account: new CachesDeparture(this.#pixmaps, this.#dictionaries),
      begun: new Set(),
      isOver: false,
    };
    return this.#departure;
  }

  /** Whether this is the first to say what the caches are at the end. */
  freeze(): boolean {
    const isFirst = !this.#isFrozen;
    this.#isFrozen = true;
    return isFirst;
  }

  /** Serials with which display channels 0, 1, … used an image cache last. */
  lastUses(id: number, displays: number): bigint[] {
    const cache = this.#pixmaps.get(id);
    return Array.from({ length: displays }, (_, display) => cache?.lastUse(display) ?? 0n);
  }

  nextGlzId(id: number): bigint {
    return BigInt(this.#dictionaries.get(id)?.nextId ?? 0);
  }

  // From another server.

  /** The message with which another display channel of this session has the client empty its cache. */
  get restartedBy(): ChannelWait | null {
    return this.#restartedBy;
  }

  /**
   * Another server has not told what the client keeps: it has to be emptied, by the message `by`.
   * False when that is not to be: another channel did it, or knows what the client keeps.
   *
   * @throws BadState when the window cannot go on with `nextGlzId`.
   */
  restart(by: ChannelWait, init: DisplayInit, nextGlzId: bigint): boolean {
    expectState(nextGlzId < glzIdMax, `GLZ image ${nextGlzId}`);
    // Others may refer to what is there: from now on nobody does.
    if (this.#isTaken) this.break();
    if (this.#isTaken || this.#restartedBy !== null) return false;
    this.reset();
    this.#restartedBy = by;
    const { glzDictionaryId: id, glzDictionaryWindowSize: size } = init;
    if (nextGlzId > 0n && size > 0) {
      const window = Math.min(size, glzWindowPixelsMax);
      this.#dictionaries.set(id, new GlzDictionary(window, Number(nextGlzId)));
    }
    return true;
  }

  /**
   * Takes parts of another server's account: nothing is used until all are there, and never when
   * there is no account. Caches that were emptied stay so.
   *
   * @throws BadState or CodecError when they cannot be what the client has.
   */
  take({ partCount, parts }: CachesAccount): void {
    if (partCount === 0) this.break();
    if (this.#isBroken || this.#restartedBy !== null) return;
    const arrival = this.#arriving();
    arrival.expect(partCount);
    for (const part of parts) arrival.take(part);
    this.#isTaken = true;
  }

  /**
   * Takes a part ahead of the channel that it comes for.
   *
   * @throws as `take`.
   */
  takeEarly(part: CachesPart): void {
    if (!this.#isBroken) this.#arriving().take(part);
  }

  #arriving(): CachesArrival {
    this.#arrival ??= new CachesArrival(this.#pixmaps, this.#dictionaries);
    return this.#arrival;
  }

  /** The client begins anew, with nothing. */
  reset(): void {
    this.#pixmaps.clear();
    this.#dictionaries.clear();
    this.#arrival = null;
    this.#isBroken = false;
  }

  snapshot(): unknown {
    return {
      isBroken: this.#isBroken,
      pixmaps: [...this.#pixmaps.values()].map((cache) => cache.snapshot()),
      glzIds: [...this.#dictionaries.values()].map(({ nextId }) => nextId),
    };
  }
}
