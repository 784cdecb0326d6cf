import { BitmapFormat, encodeBitmap, encodeLz4Image, GlzDictionary } from "@caraway/codecs";
import { ImageFlag, ImageType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import type { WireImage } from "../src/loaded-image.ts";
import { box, copy, createSurface, fromCache, picture, Scene } from "./scene.ts";

const area = box(0, 0, 64, 1);

/** GLZ images of one dictionary, of which each repeats the one before. */
function glzImages(count: number): WireImage[] {
  const dictionary = new GlzDictionary(1 << 16);
  const pixels = Uint32Array.from({ length: 64 }, (_, i) => (i * 0x012345) & 0xffffff);
  return Array.from({ length: count }, () => {
    const data = dictionary.encode({ format: "xrgb", width: 64, height: 1, pixels })!;
    return { id: 0n, type: ImageType.GLZ_RGB, flags: 0, width: 64, height: 1, data };
  });
}

function twoDisplays(options = {}): Scene {
  const scene = new Scene(options);
  scene.apply(createSurface(64, 1), 0);
  scene.apply(createSurface(64, 1), 1);
  return scene;
}

describe("what display channels share", () => {
  it("lets a GLZ image wait for the one before it, which comes on another channel", () => {
    const [first, second, third] = glzImages(3) as [WireImage, WireImage, WireImage];
    const scene = twoDisplays();
    scene.apply(copy(area, third), 1);
    scene.apply(copy(area, second), 1);
    expect(scene.renderer.pending(1)).toBe(2);
    expect(scene.renderer.snapshot().decoding.blocked).not.toEqual([]);

    scene.apply(copy(area, first), 0);
    expect(scene.renderer.pending(1)).toBe(0);
    expect(scene.raw(0, 1)).toEqual(scene.raw(0, 0));
  });

  it("decodes GLZ images of a channel that ended, as others may refer to them", () => {
    const [first, second] = glzImages(2) as [WireImage, WireImage];
    const scene = twoDisplays();
    scene.apply(copy(area, fromCache(99n)), 0);
    scene.apply(copy(area, first), 0);
    scene.handle({ type: "close", display: 0 });
    scene.apply(copy(area, second), 1);
    expect(scene.renderer.pending(1)).toBe(0);
  });

  it("begins a new GLZ sequence, and an empty cache, when the session does", () => {
    const scene = twoDisplays();
    scene.apply(copy(area, glzImages(1)[0]!), 0);
    scene.apply(copy(box(0, 0, 1, 1), picture([[7]], { id: 3n, flags: ImageFlag.CACHE_ME })), 0);
    scene.handle({ type: "reset-caches" });
    scene.apply(copy(area, glzImages(1)[0]!), 0);
    expect(scene.renderer.pending(0)).toBe(0);
    expect(scene.renderer.snapshot()).toMatchObject({ cachedImages: 0, cachedPixels: 0 });
  });

  it("waits with FROM_CACHE_LOSSLESS until the lossless image has replaced the lossy one", () => {
    const scene = twoDisplays();
    scene.defer = true;
    const lossy: WireImage = {
      id: 5n,
      type: ImageType.JPEG,
      flags: ImageFlag.CACHE_ME,
      width: 1,
      height: 1,
      data: new Uint8Array(4),
    };
    scene.apply(copy(box(0, 0, 1, 1), lossy), 0);
    const image = { format: "xrgb", width: 1, height: 1, pixels: Uint32Array.of(1) } as const;
    const { task } = scene.later.shift()!;
    scene.handle({ type: "decoded", task, outcome: { kind: "image", image } });
    scene.apply(copy(box(0, 0, 1, 1), fromCache(5n)), 1);
    scene.apply(copy(box(1, 0, 2, 1), fromCache(5n, true)), 1);
    expect(scene.renderer.pending(1)).toBe(1);

    const exact = picture([[2]], { id: 5n, flags: ImageFlag.CACHE_REPLACE_ME });
    scene.apply(copy(box(0, 0, 1, 1), exact), 0);
    expect(scene.raw(0, 1).slice(0, 2)).toEqual([1, 2]);
  });

  it("fails only the channel that puts more into the cache than it may", () => {
    const scene = twoDisplays({ maxCachePixels: 3 });
    const image = (id: bigint) => picture([[1, 2]], { id, flags: ImageFlag.CACHE_ME });
    scene.apply(copy(box(0, 0, 2, 1), image(1n)), 0);
    scene.apply(copy(box(0, 0, 2, 1), image(2n)), 0);
    scene.apply(copy(box(0, 0, 2, 1), fromCache(1n)), 1);
    expect(scene.ofType("failed")).toMatchObject([{ display: 0, error: { code: "CANVAS_LIMIT" } }]);
    expect(scene.raw(0, 1).slice(0, 2)).toEqual([1, 2]);
  });

  it("decodes ahead no more than it may hold, and all in the end", () => {
    const scene = new Scene({ maxAheadPixels: 2 * 64 });
    scene.defer = true;
    scene.apply(createSurface(64, 1));
    const pixels = new Uint32Array(64).fill(7);
    const bitmap = encodeBitmap(
      { format: "xrgb", width: 64, height: 1, pixels },
      BitmapFormat["32BIT"],
    );
    const lz4: WireImage = {
      id: 0n,
      type: ImageType.LZ4,
      flags: 0,
      width: 64,
      height: 1,
      data: encodeLz4Image(bitmap),
    };
    for (let i = 0; i < 5; i++) scene.apply(copy(area, lz4));
    expect(scene.later).toHaveLength(2);
    while (scene.later.length > 0) scene.finish(scene.later.length - 1);
    expect(scene.ofType("failed").map(({ error }) => error.message)).toEqual([]);
    expect(scene.renderer.pending(0)).toBe(0);
  });
});
