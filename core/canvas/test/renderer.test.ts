import { ImageFlag, ImageType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import {
  base,
  box,
  clipTo,
  copy,
  createSurface,
  fill,
  fromCache,
  fromSurface,
  picture,
  Scene,
} from "./scene.ts";

const red = 0xff0000;
const green = 0x00ff00;

/** A QUIC image that does not decode. */
const broken = {
  id: 0n,
  type: ImageType.QUIC,
  flags: 0,
  width: 2,
  height: 1,
  data: new Uint8Array(40),
};

describe("a renderer", () => {
  it("applies messages in order and says so once for each", () => {
    const scene = new Scene();
    scene.apply(createSurface(3, 1));
    scene.apply(fill(box(0, 0, 3, 1), red));
    scene.apply(fill(box(1, 0, 2, 1), green));

    expect(scene.raw()).toEqual([red, green, red]);
    expect(scene.ofType("applied")).toHaveLength(3);
    expect(scene.ofType("damage").at(-1)).toMatchObject({ boxes: [box(1, 0, 2, 1)] });
  });

  it("ends only the display whose server draws on a surface that is not there", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1), 0);
    scene.apply(createSurface(1, 1), 1);
    scene.apply(
      fill(box(0, 0, 1, 1), red, { base: { ...base(box(0, 0, 1, 1)), surfaceId: 9 } }),
      0,
    );
    scene.apply(fill(box(0, 0, 1, 1), green), 0);
    scene.apply(fill(box(0, 0, 1, 1), green), 1);

    expect(scene.ofType("failed")).toMatchObject([
      { display: 0, error: { code: "CANVAS_NO_SURFACE" } },
    ]);
    expect(scene.raw(0, 0)).toEqual([0]);
    expect(scene.raw(0, 1)).toEqual([green]);
  });

  it("fails at an image that does not decode, after what came before it", () => {
    const scene = new Scene();
    scene.apply(createSurface(2, 1));
    scene.defer = true;
    scene.apply(copy(box(0, 0, 2, 1), broken));
    scene.apply(fill(box(0, 0, 2, 1), red));
    expect(scene.ofType("failed")).toEqual([]);

    scene.finish(0);

    expect(scene.ofType("failed")).toMatchObject([{ error: { code: "CODEC_INVALID_DATA" } }]);
    expect(scene.raw()).toEqual([0, 0]);
  });

  it("keeps later messages of a display waiting for an image, but not other displays", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1), 0);
    scene.apply(createSurface(1, 1), 1);
    scene.apply(copy(box(0, 0, 1, 1), fromCache(7n)), 0);
    scene.apply(fill(box(0, 0, 1, 1), green), 1);
    expect(scene.renderer.pending(0)).toBe(1);
    expect(scene.raw(0, 1)).toEqual([green]);

    scene.apply(copy(box(0, 0, 1, 1), picture([[red]], { id: 7n, flags: ImageFlag.CACHE_ME })), 1);

    expect(scene.renderer.pending(0)).toBe(0);
    expect(scene.raw(0, 0)).toEqual([red]);
  });

  it("caches an image whose drawing is clipped away", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1));
    const image = picture([[red]], { id: 7n, flags: ImageFlag.CACHE_ME });
    scene.apply(copy(box(5, 5, 6, 6), image));
    scene.apply(copy(box(0, 0, 1, 1), fromCache(7n)));

    expect(scene.raw()).toEqual([red]);
  });

  it("drops a cached image only when it was dropped as often as it was put", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1));
    const image = picture([[red]], { id: 7n, flags: ImageFlag.CACHE_ME });
    const drop = { name: "INVAL_LIST", body: { resources: [{ type: 1, id: 7n }] } } as const;
    scene.apply(copy(box(0, 0, 1, 1), image));
    scene.apply(copy(box(0, 0, 1, 1), image));
    scene.apply(drop);
    scene.apply(copy(box(0, 0, 1, 1), fromCache(7n)));
    expect(scene.renderer.pending(0)).toBe(0);

    scene.apply(drop);
    scene.apply(copy(box(0, 0, 1, 1), fromCache(7n)));
    expect(scene.renderer.pending(0)).toBe(1);
  });

  it("sets the high byte of an image where the image asks for it", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1));
    scene.apply(copy(box(0, 0, 1, 1), picture([[red]], { flags: ImageFlag.HIGH_BITS_SET })));
    expect(scene.raw()).toEqual([0xffff0000]);
  });

  it("copies a surface onto itself as it was before", () => {
    const scene = new Scene();
    scene.apply(createSurface(4, 1));
    scene.apply(copy(box(0, 0, 4, 1), picture([[1, 2, 3, 4]])));
    scene.apply(copy(box(1, 0, 4, 1), fromSurface(0), { srcArea: box(0, 0, 3, 1) }));
    expect(scene.raw()).toEqual([1, 1, 2, 3]);
  });

  it("draws where any rectangle of the clip is, once", () => {
    const scene = new Scene();
    scene.apply(createSurface(4, 2));
    const clip = clipTo(box(0, 0, 2, 2), box(1, 0, 3, 1), box(9, 9, 12, 12));
    scene.apply(
      fill(box(0, 0, 4, 2), 0xff, { base: base(box(0, 0, 4, 2), clip), ropDescriptor: 64 }),
    );
    expect(scene.raw()).toEqual([0xff, 0xff, 0xff, 0, 0xff, 0xff, 0, 0]);
  });

  it("keeps the primary surface when its display begins anew, and drops the others", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1));
    scene.apply(createSurface(1, 1, 32, 5));
    scene.apply(fill(box(0, 0, 1, 1), red));
    scene.handle({ type: "reset", display: 0 });
    expect(scene.renderer.surface(0, 5)).toBeNull();
    scene.apply(createSurface(1, 1));

    expect(scene.raw()).toEqual([red]);
    expect(scene.ofType("surface-destroy")).toMatchObject([{ surface: 5, isPrimary: false }]);
  });

  it("refuses surfaces beyond its bounds", () => {
    for (const [width, height] of [
      [0, 5],
      [40_000, 1],
      [30_000, 30_000],
    ] as const) {
      const scene = new Scene();
      scene.apply(createSurface(width, height));
      expect(scene.ofType("failed")).toMatchObject([{ error: { code: "CANVAS_LIMIT" } }]);
    }
  });
});
