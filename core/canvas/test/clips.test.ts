import {
  BrushType,
  CompositeFlag,
  PathFlag,
  RopDescriptor,
  StringFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DisplayMessage } from "../src/index.ts";
import type { Clip } from "../src/region.ts";
import {
  base,
  box,
  clipTo,
  copy,
  createSurface,
  fill,
  maskPicture,
  noMask,
  picture,
  Scene,
} from "./scene.ts";

const side = 16;
const whole = box(0, 0, side, side);
const source = picture(
  Array.from({ length: 9 }, (_, y) =>
    Array.from({ length: 7 }, (_, x) => 0x20102030 * (x + 1) + y),
  ).map((row) => row.map((value) => value >>> 0)),
  { alpha: true },
);
const mask = {
  flags: 1,
  pos: { x: 0, y: 0 },
  bitmap: maskPicture(
    Array.from({ length: 16 }, (_, y) => Array.from({ length: 16 }, (_, x) => (x * y) & 1)),
  ),
};
const pattern = { type: BrushType.PATTERN, pat: source, pos: { x: 3, y: -2 } };
const turn = { t00: 0x8000, t01: 0x6000, t02: 0, t10: -0x6000, t11: 0x8000, t12: 0x40000 };

/** Messages that draw over the whole surface within a clip. */
const messages: Readonly<Record<string, (clip: Clip) => DisplayMessage>> = {
  "a fill with a pattern": (clip) =>
    fill(whole, 0, {
      base: base(whole, clip),
      brush: pattern,
      ropDescriptor: RopDescriptor.OP_XOR,
    }),
  "a smoothed copy under a mask": (clip) =>
    copy(whole, source, { base: base(whole, clip), srcArea: box(1, 1, 6, 8), mask }),
  "a ternary operation": (clip) => ({
    name: "DRAW_ROP3",
    body: {
      base: base(whole, clip),
      srcBitmap: source,
      srcArea: box(0, 0, 7, 9),
      brush: pattern,
      rop3: 0x6a,
      scaleMode: 1,
      mask: noMask,
    },
  }),
  "dashed lines": (clip) => ({
    name: "DRAW_STROKE",
    body: {
      base: base(whole, clip),
      path: {
        segments: [
          {
            flags: PathFlag.BEGIN | PathFlag.END | PathFlag.CLOSE,
            points: [
              { x: -60, y: 16 },
              { x: 250, y: 100 },
              { x: 90, y: 270 },
            ],
          },
        ],
      },
      attr: { flags: 8, styled: { style: [48, 32] } },
      brush: { type: BrushType.SOLID, color: 0xff00ff },
      foreMode: RopDescriptor.OP_XOR,
      backMode: 0,
    },
  }),
  "a text": (clip) => ({
    name: "DRAW_TEXT",
    body: {
      base: base(whole, clip),
      str: {
        length: 1,
        flags: StringFlag.RASTER_A8,
        glyphsA1: null,
        glyphsA4: null,
        glyphsA8: [
          {
            renderPos: { x: 2, y: 3 },
            glyphOrigin: { x: -1, y: -1 },
            width: 13,
            height: 11,
            data: Uint8Array.from({ length: 143 }, (_, i) => i),
          },
        ],
      },
      backArea: box(4, 4, 9, 9),
      foreBrush: pattern,
      backBrush: { type: BrushType.SOLID, color: 0xff123456 },
      foreMode: RopDescriptor.OP_PUT,
      backMode: 0,
    },
  }),
  "a turned and masked composition": (clip) => ({
    name: "DRAW_COMPOSITE",
    body: {
      base: base(whole, clip),
      flags:
        3 |
        (4 << 8) |
        (3 << 11) |
        (3 << 14) |
        (1 << 16) |
        CompositeFlag.HAS_MASK |
        CompositeFlag.COMPONENT_ALPHA,
      srcBitmap: source,
      maskBitmap: source,
      srcTransform: turn,
      maskTransform: null,
      srcOrigin: { x: -3, y: 2 },
      maskOrigin: { x: 1, y: 1 },
    },
  }),
};

function drawn(
  clips: readonly Clip[],
  message: (clip: Clip) => DisplayMessage,
  format: SurfaceFormat,
) {
  const scene = new Scene();
  scene.apply(createSurface(side, side, format));
  scene.apply(fill(box(0, 0, 9, side), 0x80336699));
  for (const clip of clips) scene.apply(message(clip));
  expect(scene.ofType("failed")).toEqual([]);
  return scene.raw();
}

describe("drawing in pieces", () => {
  const cut = fc.integer({ min: 0, max: side });
  const formats = fc.constantFrom(
    SurfaceFormat["32_ARGB"],
    SurfaceFormat["16_565"],
    SurfaceFormat["8_A"],
  );

  it.each(Object.keys(messages))("is the same as at once: %s", (name) => {
    const message = messages[name]!;
    fc.assert(
      fc.property(cut, cut, cut, formats, (x, y, other, format) => {
        // Two pieces above a line and two below it, cut at different places.
        const pieces = [
          clipTo(box(0, 0, x, y)),
          clipTo(box(x, 0, side, y)),
          clipTo(box(0, y, other, side)),
          clipTo(box(other, y, side, side), box(side, 0, side, side)),
        ];
        const atOnce = [clipTo(whole)];
        expect(drawn(pieces, message, format)).toEqual(drawn(atOnce, message, format));
      }),
      { numRuns: 40 },
    );
  });
});
