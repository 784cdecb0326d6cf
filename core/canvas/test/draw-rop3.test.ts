import { describe, expect, it } from "vitest";
import { base, box, copy, createSurface, noMask, picture, Scene, solid } from "./scene.ts";

const all = [0x00, 0x0f, 0x33, 0x55, 0x5a, 0xf0, 0xff, 0xa6];

describe("DRAW_ROP3", () => {
  it("is the truth table of brush, source and destination, for all 256 operations", () => {
    for (let rop3 = 0; rop3 < 256; rop3++) {
      const scene = new Scene();
      scene.apply(createSurface(all.length, 1));
      scene.apply(copy(box(0, 0, all.length, 1), picture([all])));
      const sources = [...all].reverse();
      const brush = 0x3c;
      const body = {
        base: base(box(0, 0, all.length, 1)),
        srcBitmap: picture([sources]),
        srcArea: box(0, 0, all.length, 1),
        brush: solid(brush),
        rop3,
        scaleMode: 0,
        mask: noMask,
      };
      scene.apply({ name: "DRAW_ROP3", body });

      const expected = all.map((d, i) => {
        let result = 0;
        for (let bit = 0; bit < 32; bit++) {
          const place =
            4 * ((brush >>> bit) & 1) + 2 * ((sources[i]! >>> bit) & 1) + ((d >>> bit) & 1);
          result |= ((rop3 >> place) & 1) << bit;
        }
        return result >>> 0;
      });
      expect(scene.raw()).toEqual(expected);
    }
  });

  it("refuses a source that is smaller than the area taken of it", () => {
    const scene = new Scene();
    scene.apply(createSurface(4, 1));
    const body = {
      base: base(box(0, 0, 4, 1)),
      srcBitmap: picture([[1, 2]]),
      srcArea: box(0, 0, 4, 1),
      brush: solid(0),
      rop3: 0xca,
      scaleMode: 0,
      mask: noMask,
    };
    scene.apply({ name: "DRAW_ROP3", body });
    expect(scene.ofType("failed")).toMatchObject([{ error: { code: "CANVAS_BAD_IMAGE" } }]);
  });
});
