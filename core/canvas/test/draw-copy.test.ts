import {
  BitmapFlag,
  BitmapFormat,
  ImageType,
  RopDescriptor,
  SurfaceFormat,
} from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import {
  base,
  box,
  copy,
  createSurface,
  fill,
  fromSurface,
  maskPicture,
  picture,
  Scene,
  solid,
} from "./scene.ts";

/** A scene with one surface, black, and offers its pixels. */
function blank(width: number, height: number, format: SurfaceFormat = SurfaceFormat["32_xRGB"]) {
  const scene = new Scene();
  scene.apply(createSurface(width, height, format));
  return scene;
}

describe("DRAW_COPY", () => {
  it("takes the area of the source that it names", () => {
    const scene = blank(2, 1);
    const srcArea = box(1, 1, 3, 2);
    scene.apply(
      copy(
        box(0, 0, 2, 1),
        picture([
          [1, 2, 3],
          [4, 5, 6],
        ]),
        { srcArea },
      ),
    );
    expect(scene.raw()).toEqual([5, 6]);
  });

  it("changes nothing where the source has no pixels", () => {
    const scene = blank(3, 1);
    scene.apply(fill(box(0, 0, 3, 1), 9));
    scene.apply(copy(box(0, 0, 3, 1), picture([[1]]), { srcArea: box(-1, 0, 2, 1) }));
    expect(scene.raw()).toEqual([9, 1, 9]);
  });

  it("repeats the nearest pixels when it is to stretch without smoothing", () => {
    const scene = blank(4, 2);
    scene.apply(
      copy(box(0, 0, 4, 2), picture([[1, 2]]), { srcArea: box(0, 0, 2, 1), scaleMode: 1 }),
    );
    expect(scene.raw()).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
  });

  it("smooths towards black at the edges of the source", () => {
    const scene = blank(4, 1);
    const source = picture([[0x808080, 0x808080]]);
    scene.apply(copy(box(0, 0, 4, 1), source, { srcArea: box(0, 0, 2, 1) }));
    expect(scene.colors().map((color) => color & 0xff)).toEqual([0x60, 0x80, 0x80, 0x60]);
  });

  it("combines with the destination by the operation", () => {
    const scene = blank(1, 1);
    scene.apply(fill(box(0, 0, 1, 1), 0x0f0f0f0f));
    scene.apply(
      copy(box(0, 0, 1, 1), picture([[0x00ff00ff]]), { ropDescriptor: RopDescriptor.OP_XOR }),
    );
    expect(scene.raw()).toEqual([0x0ff00ff0]);
  });

  it("draws through a mask, or through its holes", () => {
    const bitmap = maskPicture([[1, 0, 1]]);
    for (const [flags, expected] of [
      [0, [0, 7, 0, 7, 0]],
      [1, [0, 0, 7, 0, 0]],
    ] as const) {
      const scene = blank(5, 1);
      const mask = { flags, pos: { x: -1, y: 0 }, bitmap };
      scene.apply(copy(box(0, 0, 5, 1), picture([[7, 7, 7, 7, 7]]), { mask }));
      expect(scene.raw()).toEqual(expected);
    }
  });

  it("keeps the upper bits of colours on surfaces of 16 bits", () => {
    const cases = [
      [SurfaceFormat["16_555"], 0x7c1f],
      [SurfaceFormat["16_565"], 0xf81f],
    ] as const;
    for (const [format, expected] of cases) {
      const scene = blank(1, 1, format);
      scene.apply(copy(box(0, 0, 1, 1), picture([[0xff00ff]])));
      expect(scene.raw()).toEqual([expected]);
      expect(scene.colors()).toEqual([0xffff00ff]);
    }
  });

  it("keeps alpha on surfaces of alpha", () => {
    const scene = blank(2, 1, SurfaceFormat["8_A"]);
    scene.apply(copy(box(0, 0, 2, 1), picture([[0x40000000, 0xff123456]], { alpha: true })));
    expect(scene.raw()).toEqual([0x40, 0xff]);
  });

  it("copies one surface to another, and converts between depths", () => {
    const scene = blank(1, 1);
    scene.apply(createSurface(1, 1, SurfaceFormat["16_565"], 3));
    scene.apply(fill(box(0, 0, 1, 1), 0xffe0, { base: base(box(0, 0, 1, 1), undefined, 3) }));
    scene.apply(copy(box(0, 0, 1, 1), fromSurface(3)));
    expect(scene.colors()).toEqual([0xffffff00]);
  });

  it("reads palettes of 16-bit surfaces as 16-bit colours", () => {
    const indexed = {
      id: 0n,
      type: ImageType.BITMAP,
      flags: 0,
      width: 2,
      height: 1,
      format: BitmapFormat["8BIT"],
      bitmapFlags: BitmapFlag.TOP_DOWN,
      x: 2,
      y: 1,
      stride: 2,
      paletteId: null,
      palette: { unique: 1n, ents: [0x7c00, 0x001f] },
      data: Uint8Array.of(1, 0),
    } as const;
    const scene = blank(2, 1, SurfaceFormat["16_555"]);
    scene.apply(copy(box(0, 0, 2, 1), indexed));
    expect(scene.raw()).toEqual([0x001f, 0x7c00]);
  });
});

describe("DRAW_OPAQUE", () => {
  it("combines the brush with the source, not with what was there", () => {
    const scene = blank(2, 1);
    scene.apply(fill(box(0, 0, 2, 1), 0xffffff));
    const body = {
      base: base(box(0, 0, 2, 1)),
      srcBitmap: picture([[0x0000f0, 0x00000f]]),
      srcArea: box(0, 0, 2, 1),
      brush: solid(0x00003c),
      ropDescriptor: RopDescriptor.OP_AND,
      scaleMode: 0,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    };
    scene.apply({ name: "DRAW_OPAQUE", body });
    expect(scene.raw()).toEqual([0x30, 0x0c]);
  });
});

describe("DRAW_TRANSPARENT", () => {
  it("leaves out the pixels of one colour, whatever their high byte", () => {
    const scene = blank(3, 1);
    scene.apply(fill(box(0, 0, 3, 1), 9));
    const body = {
      base: base(box(0, 0, 3, 1)),
      srcBitmap: picture([[0x00112233, 5, 0xee112233]]),
      srcArea: box(0, 0, 3, 1),
      srcColor: 0,
      trueColor: 0x112233,
    };
    scene.apply({ name: "DRAW_TRANSPARENT", body });
    expect(scene.raw()).toEqual([9, 5, 9]);
  });
});

describe("COPY_BITS", () => {
  it.each([
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
    [2, 1],
    [-1, -2],
  ])("moves what was there by %i, %i, however source and destination overlap", (dx, dy) => {
    const rows = Array.from({ length: 5 }, (_, y) =>
      Array.from({ length: 6 }, (_, x) => 10 * y + x),
    );
    const scene = blank(6, 5);
    scene.apply(copy(box(0, 0, 6, 5), picture(rows)));
    const area = box(0, 0, 6, 5);
    scene.apply({ name: "COPY_BITS", body: { base: base(area), srcPos: { x: -dx, y: -dy } } });
    const expected = rows.flatMap((row, y) =>
      row.map((value, x) => rows[y - dy]?.[x - dx] ?? value),
    );
    expect(scene.raw()).toEqual(expected);
  });
});
