import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Box } from "../src/box.ts";
import { ChangedBoxes } from "../src/changed-boxes.ts";

const side = 64;

const box = fc
  .tuple(fc.nat(side), fc.nat(side), fc.nat(side), fc.nat(side))
  .map(([left, top, width, height]): Box => {
    return { left, top, right: left + width, bottom: top + height };
  });

function has(boxes: readonly Box[], x: number, y: number): boolean {
  return boxes.some((one) => x >= one.left && x < one.right && y >= one.top && y < one.bottom);
}

describe("changed boxes", () => {
  it("miss no pixel, and stay few", () => {
    fc.assert(
      fc.property(fc.array(box, { maxLength: 60 }), (added) => {
        const changed = new ChangedBoxes();
        for (const one of added) changed.add(one);
        const boxes = changed.takeAll();
        expect(boxes.length).toBeLessThanOrEqual(24);
        for (let y = 0; y < 2 * side; y++) {
          for (let x = 0; x < 2 * side; x++)
            if (has(added, x, y)) expect(has(boxes, x, y)).toBe(true);
        }
        expect(changed.isEmpty).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("keep boxes apart that lie apart, and join neighbours", () => {
    const changed = new ChangedBoxes();
    changed.add({ left: 0, top: 0, right: 100, bottom: 100 });
    changed.add({ left: 1000, top: 500, right: 1100, bottom: 600 });
    changed.add({ left: 100, top: 0, right: 200, bottom: 100 });
    expect(changed.takeAll()).toEqual([
      { left: 1000, top: 500, right: 1100, bottom: 600 },
      { left: 0, top: 0, right: 200, bottom: 100 },
    ]);
  });

  it("know nothing of empty boxes", () => {
    const changed = new ChangedBoxes();
    changed.add({ left: 5, top: 5, right: 5, bottom: 9 });
    expect(changed.isEmpty).toBe(true);
  });
});
