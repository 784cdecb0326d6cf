import { AlphaFlag, CompositeFlag, SurfaceFormat } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { operatorCount } from "../src/operator.ts";
import {
  type Body,
  base,
  box,
  clipTo,
  copy,
  createSurface,
  fill,
  fromSurface,
  picture,
  Scene,
} from "./scene.ts";

const nearest = 3 << 8;
const argb = SurfaceFormat["32_ARGB"];

/** What an operator makes of one pixel onto another, on a surface with alpha. */
function compose(operator: number, source: number, dest: number): number {
  const scene = new Scene();
  scene.apply(createSurface(1, 1, argb));
  scene.apply(fill(box(0, 0, 1, 1), dest));
  composite(scene, { flags: operator | nearest, srcBitmap: picture([[source]], { alpha: true }) });
  return scene.raw()[0]!;
}

function composite(scene: Scene, more: Partial<Body<"DRAW_COMPOSITE">>): void {
  const body: Body<"DRAW_COMPOSITE"> = {
    base: base(box(0, 0, 1, 1)),
    flags: nearest | 3,
    srcBitmap: picture([[0]]),
    maskBitmap: null,
    srcTransform: null,
    maskTransform: null,
    srcOrigin: { x: 0, y: 0 },
    maskOrigin: { x: 0, y: 0 },
    ...more,
  };
  scene.apply({ name: "DRAW_COMPOSITE", body });
}

describe("DRAW_COMPOSITE", () => {
  it.each([
    ["CLEAR", 0x00, 0],
    ["SRC", 0x01, 0x80400020],
    ["DST", 0x02, 0xff00ff00],
    ["OVER", 0x03, 0xff407f20],
    ["OVER_REVERSE", 0x04, 0xff00ff00],
    ["IN", 0x05, 0x80400020],
    ["IN_REVERSE", 0x06, 0x80008000],
    ["OUT", 0x07, 0],
    ["OUT_REVERSE", 0x08, 0x7f007f00],
    ["ATOP", 0x09, 0xff407f20],
    ["XOR", 0x0b, 0x7f007f00],
    ["ADD", 0x0c, 0xff40ff20],
    ["a gap between the groups", 0x0e, 0],
    ["disjoint OVER", 0x13, 0xff407f20],
    ["conjoint OVER", 0x23, 0xff407f20],
    ["MULTIPLY", 0x30, 0xff007f00],
    ["SCREEN", 0x31, 0xff40ff20],
    ["DIFFERENCE", 0x39, 0xff40ff20],
  ])("%s (0x%s) gives what Porter and Duff or PDF say", (_name, operator, expected) => {
    expect(compose(operator, 0x80400020, 0xff00ff00).toString(16)).toBe(expected.toString(16));
  });

  it("has no operator that throws, and fails at those that do not exist", () => {
    for (let operator = 0; operator < 256; operator++) {
      const scene = new Scene();
      scene.apply(createSurface(1, 1));
      const srcBitmap = picture([[0x80ff4020]], { alpha: true });
      composite(scene, { flags: operator | nearest, srcBitmap });
      expect(scene.ofType("failed")).toHaveLength(operator < operatorCount ? 0 : 1);
    }
  });

  it("fails at filters that need numbers the wire does not have", () => {
    for (const filter of [5, 6, 7]) {
      const scene = new Scene();
      scene.apply(createSurface(1, 1));
      composite(scene, { flags: 3 | (filter << 8) });
      expect(scene.ofType("failed")).toMatchObject([{ error: { code: "CANVAS_INVALID" } }]);
    }
  });

  it("weighs the source by a mask, or each of its channels", () => {
    for (const [flags, expected] of [
      [0, 0xff7f7f7f],
      [CompositeFlag.COMPONENT_ALPHA, 0xff00ff80],
    ] as const) {
      const scene = new Scene();
      scene.apply(createSurface(1, 1, argb));
      scene.apply(fill(box(0, 0, 1, 1), 0xff000000));
      composite(scene, {
        flags: flags | CompositeFlag.HAS_MASK | nearest | (3 << 11) | 3,
        srcBitmap: picture([[0xffffffff]], { alpha: true }),
        maskBitmap: picture([[0x7f00ff80]], { alpha: true }),
      });
      expect(scene.raw()[0]!.toString(16)).toBe(expected.toString(16));
    }
  });

  it("reads the source through its transform and repeats it as it is told", () => {
    const turned = { t00: 0, t01: 0x10000, t02: 0, t10: 0x10000, t11: 0, t12: 0 };
    const repeats = { none: [1, 3, 0], normal: [1, 3, 1], pad: [1, 3, 3], reflect: [1, 3, 3] };
    Object.values(repeats).forEach((expected, repeat) => {
      const scene = new Scene();
      scene.apply(createSurface(3, 1));
      const area = box(0, 0, 3, 1);
      composite(scene, {
        base: base(area),
        flags: 1 | nearest | (repeat << 14) | CompositeFlag.HAS_SRC_TRANSFORM,
        srcBitmap: picture([
          [1, 2],
          [3, 4],
        ]),
        srcTransform: turned,
      });
      expect(scene.colors().map((color) => color & 0xff)).toEqual(expected);
    });
  });

  it("draws a surface onto itself as it was before", () => {
    const scene = new Scene();
    scene.apply(createSurface(3, 1));
    scene.apply(copy(box(0, 0, 3, 1), picture([[1, 2, 3]])));
    const area = box(1, 0, 3, 1);
    composite(scene, { base: base(area), flags: 1 | nearest, srcBitmap: fromSurface(0) });
    expect(scene.colors().map((color) => color & 0xff)).toEqual([1, 1, 2]);
  });

  it("draws nothing where a coordinate leaves 16 bits", () => {
    const scene = new Scene();
    scene.apply(createSurface(1, 1));
    const far = { t00: 0x7fffffff, t01: 0, t02: 0x7fffffff, t10: 0, t11: 0x10000, t12: 0 };
    const flags = 1 | nearest | (1 << 14) | CompositeFlag.HAS_SRC_TRANSFORM;
    composite(scene, { flags, srcBitmap: picture([[5]]), srcTransform: far });
    expect(scene.raw()).toEqual([0]);
  });
});

describe("DRAW_ALPHA_BLEND", () => {
  const blend = (scene: Scene, more: Partial<Body<"DRAW_ALPHA_BLEND">>) => {
    const body: Body<"DRAW_ALPHA_BLEND"> = {
      base: base(box(0, 0, 1, 1)),
      alphaFlags: 0,
      alpha: 255,
      srcBitmap: picture([[0x80400000]], { alpha: true }),
      srcArea: box(0, 0, 1, 1),
      ...more,
    };
    scene.apply({ name: "DRAW_ALPHA_BLEND", body });
  };

  it("puts the source over the destination with both alphas", () => {
    const scene = new Scene();
    scene.apply(createSurface(2, 1));
    scene.apply(fill(box(0, 0, 2, 1), 0x0000ff));
    blend(scene, {});
    blend(scene, { base: base(box(1, 0, 2, 1)), alpha: 128 });
    expect(scene.colors().map((color) => color.toString(16))).toEqual(["ff40007f", "ff2000bf"]);
  });

  it("looks at the alpha of surfaces that have none in their format when it is told to", () => {
    for (const [alphaFlags, expected] of [
      [0, 0xff400000],
      [AlphaFlag.SRC_SURFACE_HAS_ALPHA, 0xff40007f],
    ] as const) {
      const scene = new Scene();
      scene.apply(createSurface(1, 1));
      scene.apply(fill(box(0, 0, 1, 1), 0x0000ff));
      scene.apply(createSurface(1, 1, SurfaceFormat["32_xRGB"], 4));
      const there = { base: base(box(0, 0, 1, 1), undefined, 4) };
      scene.apply(fill(box(0, 0, 1, 1), 0x80400000, there));
      blend(scene, { alphaFlags, srcBitmap: fromSurface(4) });
      expect(scene.colors()[0]!.toString(16)).toBe(expected.toString(16));
    }
  });

  it("draws the same in two clips as in one", () => {
    const pixels = Array.from({ length: 4 }, (_, i) => [0x80400000 + i, 0x10080808, 0xffffffff]);
    const draw = (...clips: ReturnType<typeof clipTo>[]) => {
      const scene = new Scene();
      scene.apply(createSurface(6, 6, argb));
      scene.apply(fill(box(0, 0, 6, 6), 0xff00ff00));
      const area = box(0, 0, 6, 6);
      for (const clip of clips) {
        const srcBitmap = picture(pixels, { alpha: true });
        blend(scene, { base: base(area, clip), srcBitmap, srcArea: box(0, 0, 3, 4) });
      }
      return scene.raw();
    };
    expect(draw(clipTo(box(0, 0, 6, 2)), clipTo(box(0, 2, 6, 6)))).toEqual(
      draw(clipTo(box(0, 0, 6, 6))),
    );
  });
});
