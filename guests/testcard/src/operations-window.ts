// The window with a sample of every drawing command. Samples begin with the same strip of a
// landscape, so that one sees what a command does to what was there.

import { BitmapFormat, MaskFlag, RopDescriptor, ScaleMode, SurfaceFormat } from "@caraway/protocol";
import { mixColors, noise, wave } from "./arithmetic.ts";
import { color } from "./colors.ts";
import { lazy, maskPicture, picture, surfaceImage } from "./images.ts";
import { CompositeFilter, Operator, type Pen, Repeat } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { Stage, SurfaceShape, WindowKind } from "./window-kind.ts";

const columns = 7;
const cellWidth = 142;
const cellHeight = 84;
const width = columns * cellWidth + 4;
const height = 2 * cellHeight + 1;
const sampleWidth = 126;
const sampleHeight = 54;
const sample = boxAt(0, 0, sampleWidth, sampleHeight);
const put = RopDescriptor.OP_PUT;

const moved: SurfaceShape = {
  id: 11,
  width: sampleWidth,
  height: sampleHeight,
  format: SurfaceFormat["32_xRGB"],
};

export const operationsWindow: WindowKind = {
  title: "Drawing commands",
  width,
  height,
  surfaces: [moved],
  setUp(_desktop, stage) {
    drawMoved(stage);
  },
  draw(_desktop, pen) {
    pen.fill(boxAt(0, 0, width, height), color.paper);
    samples.forEach(([label, drawSample], index) => {
      const left = 10 + (index % columns) * cellWidth;
      const top = 8 + Math.floor(index / columns) * cellHeight;
      const box = boxAt(left, top, sampleWidth, sampleHeight);
      const samplePen = pen.within(box);
      samplePen.copy(sample, strip());
      drawSample(samplePen);
      pen.frame(boxAt(left - 1, top - 1, sampleWidth + 2, sampleHeight + 2), color.line);
      pen.text(left, top + sampleHeight + 5, label, color.softInk);
    });
  },
  cursorAt: () => "arrow",
};

const samples: readonly (readonly [label: string, draw: (pen: Pen) => void])[] = [
  ["DRAW_FILL", drawFills],
  ["DRAW_OPAQUE", drawOpaque],
  ["DRAW_COPY", drawCopies],
  ["COPY_BITS", (pen) => pen.copy(sample, surfaceImage(moved.id))],
  ["DRAW_BLEND", drawBlends],
  ["DRAW_BLACKNESS", (pen) => pen.black(sample, { image: dots() })],
  [
    "DRAW_WHITENESS",
    (pen) => pen.white(sample, { image: dots(), flags: MaskFlag.INVERS, from: { x: 4, y: 4 } }),
  ],
  ["DRAW_INVERS", (pen) => pen.invert(boxAt(32, 8, 62, 38))],
  ["DRAW_ROP3", drawRop3],
  ["DRAW_STROKE", drawStrokes],
  ["DRAW_TEXT", drawTexts],
  ["DRAW_TRANSPARENT", drawTransparent],
  ["DRAW_ALPHA_BLEND", drawAlphaBlends],
  ["DRAW_COMPOSITE", drawComposites],
];

function drawFills(pen: Pen): void {
  pen.fill(boxAt(8, 8, 30, 38), color.teal);
  pen.fill(boxAt(44, 8, 34, 38), { image: weave(), x: 44, y: 8 });
  pen.fill(boxAt(82, 8, 38, 38), color.sun, put, { image: disc() });
}

function drawOpaque(pen: Pen): void {
  const box = boxAt(10, 8, 106, 38);
  pen.opaque(
    box,
    strip(),
    { image: weave(), x: 10, y: 8 },
    {
      area: boxAt(0, 8, 106, 38),
      rop: RopDescriptor.OP_AND,
    },
  );
}

/** As it is, through a mask, larger with sharp pixels, and larger and smooth. */
function drawCopies(pen: Pen): void {
  const area = boxAt(2, 2, 12, 12);
  pen.copy(boxAt(8, 10, 16, 16), badge());
  pen.copy(boxAt(8, 30, 16, 16), badge(), { rop: put | RopDescriptor.INVERS_SRC });
  pen.copy(boxAt(32, 9, 38, 38), badge(), { area, scaleMode: ScaleMode.NEAREST });
  pen.copy(boxAt(78, 9, 38, 38), badge(), { area, scaleMode: ScaleMode.INTERPOLATE });
}

function drawBlends(pen: Pen): void {
  const area = boxAt(0, 0, 34, 38);
  pen.blend(boxAt(8, 8, 34, 38), ramp(), { area, rop: RopDescriptor.OP_AND });
  pen.blend(boxAt(46, 8, 34, 38), ramp(), { area, rop: RopDescriptor.OP_OR });
  pen.blend(boxAt(84, 8, 34, 38), ramp(), { area, rop: RopDescriptor.OP_XOR });
}

/** Where the paint is white the image is taken, where it is black the destination stays. */
function drawRop3(pen: Pen): void {
  pen.rop3(boxAt(10, 8, 106, 38), ramp(), { image: checks(), x: 8, y: 4 }, 0xca);
}

function drawStrokes(pen: Pen): void {
  pen.fill(sample, color.paper);
  const line = (shift: number) =>
    Array.from({ length: 37 }, (_, step) => ({
      x: 8 + step * 3,
      y: 18 + shift + Math.round(9 * wave(step * 57 + shift * 12)),
    }));
  pen.line(sample, line(0), color.clay);
  pen.line(sample, line(9), color.teal, { dashes: [6, 3] });
  pen.line(sample, line(18), color.plum, { dashes: [1, 2, 5, 2] });
  const ends = [
    { x: 8, y: 46 },
    { x: 48, y: 6 },
    { x: 78, y: 90 },
    { x: 118, y: 14 },
  ];
  pen.curve(sample, ends, { image: weave(), x: 0, y: 0 });
}

function drawTexts(pen: Pen): void {
  pen.fill(sample, color.paper);
  pen.text(8, 7, "one bit a pixel", color.ink);
  pen.text(8, 20, "four bits", { image: ramp(), x: 0, y: 0 }, "medium");
  const columnsOfBars = new Uint8Array(110);
  for (let x = 0; x < 110; x++) columnsOfBars[x] = Math.round(127 + 127 * wave(x * 37));
  pen.bars(8, 44, 7, columnsOfBars, color.plum);
}

function drawTransparent(pen: Pen): void {
  for (const [x, y] of [
    [10, 28],
    [34, 12],
    [58, 30],
    [84, 14],
    [102, 32],
  ] as const) {
    pen.transparent(boxAt(x, y, 16, 16), sprite(), color.key);
  }
}

function drawAlphaBlends(pen: Pen): void {
  const area = boxAt(0, 0, 26, 38);
  [64, 128, 192, 255].forEach((alpha, index) => {
    pen.alphaBlend(boxAt(8 + index * 28, 8, 26, 38), glass(), area, alpha);
  });
}

/** A glow that is added, one that covers, and a badge that is turned. */
function drawComposites(pen: Pen): void {
  pen.composite(boxAt(6, 6, 42, 42), Operator.ADD, glow());
  pen.composite(boxAt(44, 6, 42, 42), Operator.OVER, glow());
  pen.composite(boxAt(84, 8, 38, 38), Operator.OVER, badgeOnce(), {
    repeat: Repeat.NONE,
    filter: CompositeFilter.BILINEAR,
    transform: turned(96, 38, 16, 2),
  });
}

/** From a box of `side` pixels to an image of `size`, turned around its middle and enlarged. */
function turned(turn: number, side: number, size: number, zoom: number) {
  const cos = Math.round((wave(turn + 256) * 0x10000) / zoom);
  const sin = Math.round((wave(turn) * 0x10000) / zoom);
  const [middle, half] = [side / 2, size / 2];
  return {
    t00: cos,
    t01: sin,
    t02: Math.round(half * 0x10000 - (cos + sin) * middle),
    t10: -sin,
    t11: cos,
    t12: Math.round(half * 0x10000 - (cos - sin) * middle),
  };
}

/** Four rows of squares, made of one by copying. */
function drawMoved(stage: Stage): void {
  const pen = stage.pen(moved.id);
  pen.copy(sample, strip());
  pen.copy(boxAt(9, 8, 16, 16), badge());
  pen.copyBits(boxAt(32, 8, 16, 16), { x: 9, y: 8 });
  pen.copyBits(boxAt(55, 8, 39, 16), { x: 9, y: 8 });
  pen.copyBits(boxAt(101, 8, 16, 16), { x: 9, y: 8 });
  pen.copyBits(boxAt(9, 30, 108, 16), { x: 9, y: 8 });
}

const strip = lazy(() =>
  picture(BitmapFormat["32BIT"], sampleWidth, sampleHeight, (x, y) => {
    const far = 26 - noise(11, x / 24) * 12;
    const near = 44 - noise(12, x / 15) * 9;
    if (y > near) return mixColors(0x6f9a72, 0x4e7f68, (y - near) / 16);
    if (y > far) return mixColors(0x9fbcc0, 0xc4d4cb, (y - far) / 26);
    return mixColors(0xb9d3e2, 0xf6ead2, y / 26);
  }),
);

const weave = lazy(() => {
  const colors = [0xffffff, 0xd5e4e2, 0x8fb7b5, color.teal];
  const colorAt = (x: number, y: number) =>
    colors[((x + y) % 8 < 4 ? 0 : 1) + (y % 8 < 4 ? 0 : 2)]!;
  return picture(BitmapFormat["4BIT_BE"], 8, 8, colorAt, colors);
});

const checks = lazy(() => {
  const colors = [color.black, color.white];
  const colorAt = (x: number, y: number) => colors[x < 13 === y < 13 ? 1 : 0]!;
  return picture(BitmapFormat["1BIT_BE"], 26, 26, colorAt, colors);
});

const ramp = lazy(() =>
  picture(BitmapFormat["24BIT"], 106, 38, (x, y) =>
    mixColors(mixColors(0x6f568f, 0xe3a548, x / 105), 0xffffff, (y / 37) * 0.35),
  ),
);

const disc = lazy(() =>
  maskPicture(BitmapFormat["1BIT_LE"], 38, 38, (x, y) => {
    const [dx, dy] = [x - 18.5, y - 18.5];
    const far = dx * dx + dy * dy;
    return far < 330 && (far > 150 || far < 60);
  }),
);

const dots = lazy(() =>
  maskPicture(BitmapFormat["1BIT_BE"], 140, 70, (x, y) => {
    const [dx, dy] = [(x % 14) - 6.5, (y % 14) - 6.5];
    return dx * dx + dy * dy < 4 + (x / 140) * 34;
  }),
);

function badgeColor(x: number, y: number): number {
  const [dx, dy] = [x - 7.5, y - 7.5];
  if (x === 0 || y === 0 || x === 15 || y === 15) return 0x7a3a24;
  if (Math.abs(dx) + Math.abs(dy) < 5) return 0xfaf0d8;
  return mixColors(0xe3a548, 0xc8623f, y / 15);
}

const badge = lazy(() => picture(BitmapFormat["32BIT"], 16, 16, badgeColor));

/** PEER: spice-gtk keeps the transform with a cached picture, so this one is not to be cached. */
const badgeOnce = lazy(() =>
  picture(BitmapFormat.RGBA, 16, 16, (x, y) => (badgeColor(x, y) | 0xff000000) >>> 0, null, {
    isPassing: true,
  }),
);

const sprite = lazy(() =>
  picture(BitmapFormat["32BIT"], 16, 16, (x, y) => {
    const petal = wave(Math.round(((Math.abs(x - 7.5) - Math.abs(y - 7.5)) * 1024) / 24));
    const [dx, dy] = [x - 7.5, y - 7.5];
    const far = Math.sqrt(dx * dx + dy * dy);
    if (far < 2.2) return color.sun;
    return far < 4.4 + petal * petal * 3.2 ? mixColors(0xffffff, color.rose, far / 8) : color.key;
  }),
);

/** A pane that is clear in the middle. */
const glass = lazy(() =>
  picture(BitmapFormat.RGBA, 26, 38, (x, y) => {
    const edge = Math.min(x, y, 25 - x, 37 - y);
    const alpha = edge < 2 ? 255 : 255 - Math.min(120, edge * 14);
    const part = (value: number) => Math.floor((value * alpha) / 255);
    return ((alpha << 24) | (part(0x2f) << 16) | (part(0x5f) << 8) | part(0x8f)) >>> 0;
  }),
);

const glow = lazy(() =>
  picture(BitmapFormat.RGBA, 42, 42, (x, y) => {
    const [dx, dy] = [(x - 20.5) / 21, (y - 20.5) / 21];
    const share = Math.max(0, 1 - dx * dx - dy * dy);
    const alpha = Math.round(share * share * 255);
    const part = (value: number) => Math.floor((value * alpha) / 255);
    return ((alpha << 24) | (part(0xf0) << 16) | (part(0x98) << 8) | part(0x50)) >>> 0;
  }),
);
