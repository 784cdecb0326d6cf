import { ClipType } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Box } from "../src/box.ts";
import { clipRegion, eachBox, maskRegion, maxRegionBoxes, RowClip } from "../src/region.ts";
import { box, clipTo } from "./scene.ts";

const side = 24;
const bounds = box(0, 0, side, side);
const coordinate = fc.integer({ min: -4, max: side + 4 });
const rects = fc.array(
  fc.tuple(coordinate, coordinate, coordinate, coordinate).map(([a, b, c, d]) => box(a, b, c, d)),
  { maxLength: 12 },
);

/** How often each pixel is visited. */
function counts(visit: (count: (box: Box) => void) => void): number[] {
  const pixels = new Array<number>(side * side).fill(0);
  visit(({ left, top, right, bottom }) => {
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) pixels[y * side + x]!++;
    }
  });
  return pixels;
}

function contains(rect: Box, x: number, y: number): boolean {
  return x >= rect.left && x < rect.right && y >= rect.top && y < rect.bottom;
}

describe("a region", () => {
  it("has each pixel of its clip once, and no other", () => {
    fc.assert(
      fc.property(rects, (clip) => {
        const region = clipRegion(bounds, bounds, clipTo(...clip));
        const visited = counts((count) => {
          eachBox(region, (left, top, right, bottom) => count(box(left, top, right, bottom)));
        });
        const expected = visited.map((_, at) => {
          const [x, y] = [at % side, Math.floor(at / side)];
          return clip.some((rect) => contains(rect, x, y)) ? 1 : 0;
        });
        expect(visited).toEqual(expected);
      }),
    );
  });

  it("gives the parts of a row that lie in it", () => {
    fc.assert(
      fc.property(rects, coordinate, coordinate, coordinate, (clip, y, a, b) => {
        const region = clipRegion(bounds, bounds, clipTo(...clip));
        const [left, right] = [Math.min(a, b), Math.max(a, b)];
        const found: number[] = [];
        new RowClip(region).eachPart(y, left, right, (from, to) => {
          for (let x = from; x < to; x++) found.push(x);
        });
        const expected: number[] = [];
        for (let x = Math.max(0, left); x < Math.min(side, right); x++) {
          const inside = y >= 0 && y < side && clip.some((rect) => contains(rect, x, y));
          if (inside) expected.push(x);
        }
        expect(found).toEqual(expected);
      }),
    );
  });

  it("under a mask has the open pixels that lie in the mask's picture", () => {
    const bits = Uint8Array.of(1, 0, 1, 1, 1, 0);
    const region = clipRegion(box(0, 0, 5, 3), bounds, { type: ClipType.NONE });
    const runs = (open: 0 | 1) => {
      const found: number[][] = [];
      const mask = { bits, width: 3, height: 2, left: 1, top: 1, open };
      eachBox(maskRegion(region, mask), (...run) => found.push(run));
      return found;
    };
    expect(runs(1)).toEqual([
      [1, 1, 2, 2],
      [3, 1, 4, 2],
      [1, 2, 3, 3],
    ]);
    expect(runs(0)).toEqual([
      [2, 1, 3, 2],
      [3, 2, 4, 3],
    ]);
  });

  it("is refused when its clip falls into more boxes than anybody draws", () => {
    // Bars across steps: each step starts a new band of all the bars.
    const count = Math.ceil(Math.sqrt(maxRegionBoxes)) + 2;
    const bars = Array.from({ length: count }, (_, i) => box(4 * i, 0, 4 * i + 1, 4 * count));
    const steps = Array.from({ length: count }, (_, i) =>
      box(4 * i + 2, 4 * i, 4 * i + 3, 4 * i + 2),
    );
    const large = box(0, 0, 4 * count, 4 * count);
    expect(() => clipRegion(large, large, clipTo(...bars, ...steps))).toThrow("too many boxes");
  });

  it("is empty when box and surface do not meet, at any coordinates", () => {
    const far = box(-0x80000000, -0x80000000, -0x7fffffff, 0x7fffffff);
    expect(clipRegion(far, bounds, { type: ClipType.NONE }).boxes).toEqual([]);
    const all = box(-0x80000000, -0x80000000, 0x7fffffff, 0x7fffffff);
    expect(clipRegion(all, bounds, clipTo(all)).boxes).toEqual([bounds]);
  });
});
