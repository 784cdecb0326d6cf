import { GlzWindow, LzType } from "@caraway/codecs";
import { describe, expect, it } from "vitest";
import type { CachesPart } from "../src/caches-departure.ts";
import { ClientCaches } from "../src/client-caches.ts";
import { EvictedImages, type PixmapCache } from "../src/pixmap-cache.ts";

const never = () => false;

function add(cache: PixmapCache, key: number, pixels = 100): bigint[] {
  const evicted = new EvictedImages();
  cache.add(BigInt(key), pixels, key % 2 === 1, never, evicted);
  return evicted.keys;
}

/** The keys in the order in which they would go. */
function order(cache: PixmapCache): bigint[] {
  const evicted = new EvictedImages();
  const pixels = cache.capacity;
  cache.add(1_000_000n, pixels, false, never, evicted);
  return evicted.keys;
}

const picture = (count: number, seed: number) => ({
  format: "xrgb" as const,
  width: count,
  height: 1,
  pixels: Uint32Array.from({ length: count }, (_, at) => {
    return (Math.imul(at + seed * 100_000, 0x9e3779b1) >>> 3) & 0xffffff;
  }),
});

describe("the caches of a client, at another server", () => {
  it("have the same images, in the order of use, with their losses and uses", () => {
    const source = new ClientCaches();
    const cache = source.pixmaps(3, 1000n)!;
    for (let key = 1; key <= 6; key++) add(cache, key);
    cache.used([1n, 2n], 0, 7n);
    const early = source.early(0, true)!;
    expect(source.early(1, true)).toBeNull();
    add(cache, 7, 10);
    const more = source.early(1, false)!;
    expect(source.early(0, false)).toBeNull();
    // Since then some are used, one is replaced, one comes and others go.
    cache.find(2n);
    cache.used([2n], 1, 9n);
    cache.find(1n);
    cache.replaced(1n);
    expect(add(cache, 8, 690)).toEqual([3n, 4n, 5n]);
    const first = source.final();
    const second = source.final();
    expect([first.partCount, second.partCount]).toEqual([3, 3]);
    expect(second.parts).toEqual([]);

    const target = new ClientCaches();
    target.take({ ...second, parts: [more] });
    target.takeEarly(early);
    expect(target.pixmaps(3, 1000n)).toBeNull();
    target.take(first);
    const there = target.pixmaps(3, 5n)!;
    expect(there.find(1n)).toMatchObject({ isLossy: false, isReplaced: true });
    expect(there.find(8n)).toMatchObject({ isLossy: false, isReplaced: false });
    expect(there.find(3n)).toBeNull();
    expect([there.lastUse(0), there.lastUse(1)]).toEqual([7n, 9n]);
    expect([there.size, there.pixels, there.capacity]).toEqual([cache.size, cache.pixels, 1000]);
    cache.find(1n);
    cache.find(8n);
    expect(order(there)).toEqual(order(cache));
  });

  it("have the window, and go on with its ids", () => {
    const source = new ClientCaches();
    const window = new GlzWindow();
    const decode = (bytes: Uint8Array | null) => {
      const outcome = window.decode(bytes!);
      return outcome.kind === "decoded" ? outcome.image.pixels : null;
    };
    const images = [0, 1, 2].map((seed) => picture(5000, seed));
    decode(source.dictionary(1, 1 << 16)!.encode(images[0]!));
    const early = source.early(0, true)!;
    decode(source.dictionary(1, 1 << 16)!.encode(images[1]!, LzType.RGB16));
    decode(source.dictionary(1, 1 << 16)!.encode(images[2]!));
    const final = source.final();
    const target = new ClientCaches();
    target.take({ ...final, parts: [early, ...final.parts] });
    const dictionary = target.dictionary(1, 1 << 16)!;
    for (const image of [images[0]!, images[2]!]) {
      const stream = dictionary.encode(image)!;
      expect(stream.length).toBeLessThan(100);
      expect(decode(stream)).toEqual(image.pixels);
    }
    const narrow = dictionary.encode(images[1]!, LzType.RGB16)!;
    expect(narrow.length).toBeLessThan(100);
    expect(decode(narrow)).not.toBeNull();
    expect(dictionary.nextId).toBe(6);
  });

  it("have the newest images of a window when nothing was told in time", () => {
    const source = new ClientCaches();
    const window = new GlzWindow();
    const dictionary = source.dictionary(1, 1 << 22)!;
    for (let seed = 0; seed < 5; seed++) window.decode(dictionary.encode(picture(300_000, seed))!);
    const target = new ClientCaches();
    const account = source.final();
    expect(account.parts[0]!.glzWindows[0]).toMatchObject({ headId: 0n, firstId: 2n });
    target.take(account);
    const there = target.dictionary(1, 1 << 22)!;
    expect([there.headId, there.nextId]).toEqual([2, 5]);
    for (const [seed, isKnown] of [
      [0, false],
      [4, true],
    ] as const) {
      const stream = there.encode(picture(300_000, seed))!;
      expect(stream.length < 10_000).toBe(isKnown);
      expect(window.decode(stream).kind).toBe("decoded");
    }
  });

  it("are told anew for another move, and not at all when they are broken", () => {
    const source = new ClientCaches();
    add(source.pixmaps(1, 1000n)!, 1);
    expect(source.early(0, true)!.pixmapCaches[0]).toMatchObject({ knownCount: 0 });
    expect(source.early(0, true)).toMatchObject({ sequence: 0, pixmapCaches: [{ knownCount: 0 }] });
    source.break();
    expect(source.early(0, true)).toBeNull();
    expect(source.final()).toEqual({ partCount: 0, parts: [] });
    const target = new ClientCaches();
    target.take(source.final());
    expect(target.pixmaps(1, 1000n)).toBeNull();
    expect(target.dictionary(1, 1 << 20)).toBeNull();
  });

  it("are refused when they contradict themselves or are too many", () => {
    const source = new ClientCaches();
    add(source.pixmaps(1, 1000n)!, 1);
    source.dictionary(1, 1 << 16)!.encode(picture(500, 1));
    const part = source.early(0, true)!;
    const [cache] = part.pixmapCaches;
    const [window] = part.glzWindows;
    const [image] = cache!.images;
    const [sent] = window!.images;
    const wrong: [string, Partial<CachesPart>][] = [
      ["a number that is not expected", { sequence: 2 }],
      ["a cache beyond all bounds", { pixmapCaches: [{ ...cache!, capacity: 1 << 26 }] }],
      ["images that nobody told of", { pixmapCaches: [{ ...cache!, knownCount: 1 }] }],
      ["one goes that is not there", { pixmapCaches: [{ ...cache!, removed: [5n] }] }],
      ["no pixels", { pixmapCaches: [{ ...cache!, images: [{ ...image!, pixels: 0 }] }] }],
      ["no room", { pixmapCaches: [{ ...cache!, images: [{ ...image!, pixels: 1001 }] }] }],
      [
        "too many caches",
        { pixmapCaches: Array.from({ length: 9 }, (_, cacheId) => ({ ...cache!, cacheId })) },
      ],
      ["no window", { glzWindows: [{ ...window!, size: 0 }] }],
      ["a window beyond all bounds", { glzWindows: [{ ...window!, size: 1 << 23 }] }],
      ["a head behind all images", { glzWindows: [{ ...window!, headId: 2n }] }],
      ["ids beyond all bounds", { glzWindows: [{ ...window!, firstId: 1n << 60n }] }],
      ["ids that come again", { glzWindows: [window!, { ...window!, images: [] }] }],
      [
        "an image of another size",
        { glzWindows: [{ ...window!, images: [{ ...sent!, pixels: 499 }] }] },
      ],
      [
        "an image of another type",
        { glzWindows: [{ ...window!, images: [{ ...sent!, kind: 9 }] }] },
      ],
      [
        "too many windows",
        {
          glzWindows: Array.from({ length: 9 }, (_, id) => {
            return { ...window!, dictionaryId: id, images: [] };
          }),
        },
      ],
    ];
    for (const [what, change] of wrong) {
      const target = new ClientCaches();
      const take = () => target.take({ partCount: 2, parts: [{ ...part, ...change }] });
      expect(take, what).toThrowError(expect.objectContaining({ code: "BAD_STATE" }));
    }
    const damaged = { ...sent!, stream: sent!.stream.slice(0, -2) };
    const target = new ClientCaches();
    const parts = [{ ...part, glzWindows: [{ ...window!, images: [damaged] }] }];
    expect(() => target.take({ partCount: 1, parts })).toThrowError(
      expect.objectContaining({ code: "CODEC_INVALID_DATA" }),
    );
    expect(() => target.take({ partCount: 2, parts: [] })).toThrowError(/2 parts/);
    expect(() => new ClientCaches().take({ partCount: 256, parts: [] })).toThrowError(/256 parts/);
  });
});
