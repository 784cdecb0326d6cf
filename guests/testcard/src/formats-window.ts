// The window with a sample of every surface format and of every bitmap format.

import { BitmapFormat, RopDescriptor, SurfaceFormat } from "@caraway/protocol";
import { mixColors, wave } from "./arithmetic.ts";
import { color } from "./colors.ts";
import { alphaPicture, lazy, maskPicture, picture, surfaceImage } from "./images.ts";
import { Operator, type Pen, Repeat } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { Stage, SurfaceShape, WindowKind } from "./window-kind.ts";

const width = 314;
const height = 208;
const columns = 4;
const cellWidth = 77;
const cellHeight = 50;
const sampleWidth = 66;
const sampleHeight = 30;
const sample = boxAt(0, 0, sampleWidth, sampleHeight);

const shapeOf = (id: number, format: SurfaceFormat): SurfaceShape => ({
  id,
  width: sampleWidth,
  height: sampleHeight,
  format,
});
const bits = shapeOf(5, SurfaceFormat["1_A"]);
const alpha = shapeOf(6, SurfaceFormat["8_A"]);
const narrow555 = shapeOf(7, SurfaceFormat["16_555"]);
const narrow565 = shapeOf(8, SurfaceFormat["16_565"]);
const opaque = shapeOf(9, SurfaceFormat["32_xRGB"]);
const translucent = shapeOf(10, SurfaceFormat["32_ARGB"]);

interface Cell {
  readonly label: string;
  /** Draws a sample at the pen's origin, which is light grey. */
  draw(pen: Pen): void;
}

export const formatsWindow: WindowKind = {
  title: "Surfaces and images",
  width,
  height,
  surfaces: [bits, alpha, narrow555, narrow565, opaque, translucent],
  setUp(_desktop, stage) {
    drawSurfaces(stage);
  },
  draw(_desktop, pen) {
    pen.fill(boxAt(0, 0, width, height), color.paper);
    cells.forEach((cell, index) => {
      const left = 3 + (index % columns) * cellWidth;
      const top = 5 + Math.floor(index / columns) * cellHeight;
      const box = boxAt(left + 5, top, sampleWidth, sampleHeight);
      pen.fill(box, color.shade);
      cell.draw(pen.within(box));
      pen.text(left + 5, top + sampleHeight + 4, cell.label, color.softInk);
    });
  },
  cursorAt: () => "arrow",
};

/** What every format shows as well as it can: from dark to light, and from one hue to the next. */
function rainbow(x: number, y: number): number {
  const ends = [0x4a86bd, 0x5f9a6b, 0xe3a548, 0xc8623f, 0x6f568f];
  const place = (x / (sampleWidth - 1)) * (ends.length - 1);
  const from = Math.min(ends.length - 2, Math.floor(place));
  const hue = mixColors(ends[from]!, ends[from + 1]!, place - from);
  return mixColors(hue, 0xffffff, 0.75 - (y / (sampleHeight - 1)) * 0.75);
}

function soft(x: number, y: number): number {
  const [dx, dy] = [(x - 32.5) / 33, (y - 14.5) / 15];
  return Math.round(255 * Math.max(0, 1 - dx * dx - dy * dy));
}

function faded(x: number, y: number): number {
  const share = soft(x, y);
  let result = share << 24;
  for (let shift = 16; shift >= 0; shift -= 8) {
    result |= Math.floor((((rainbow(x, y) >> shift) & 255) * share) / 255) << shift;
  }
  return result >>> 0;
}

function isLeaf(x: number, y: number): boolean {
  const [dx, dy] = [x - 32.5, y - 14.5];
  return Math.abs(dy) < 13 * (1 - (dx * dx) / 900) && Math.abs(dy) > 1.2;
}

const wide = {
  rgb32: lazy(() => picture(BitmapFormat["32BIT"], sampleWidth, sampleHeight, rainbow)),
  rgb24: lazy(() =>
    picture(BitmapFormat["24BIT"], sampleWidth, sampleHeight, rainbow, null, { padding: 2 }),
  ),
  rgb16: lazy(() =>
    picture(BitmapFormat["16BIT"], sampleWidth, sampleHeight, rainbow, null, { bottomUp: true }),
  ),
  rgba: lazy(() => picture(BitmapFormat.RGBA, sampleWidth, sampleHeight, faded)),
  alpha: lazy(() => alphaPicture(sampleWidth, sampleHeight, soft)),
  leafMask: lazy(() => maskPicture(BitmapFormat["1BIT_LE"], sampleWidth, sampleHeight, isLeaf)),
};

/** An image with a palette; with 1, 4 or 8 bits a pixel. */
function indexed(format: BitmapFormat, count: number, bottomUp: boolean) {
  return lazy(() => {
    const colors = Array.from({ length: count }, (_, n) =>
      mixColors(0x24505c, 0xf6e7c4, n / (count - 1)),
    );
    const colorAt = (x: number, y: number) => {
      const level = 0.5 + 0.3 * wave(x * 14) + 0.2 * wave(y * 40 + x * 6);
      return colors[Math.max(0, Math.min(count - 1, Math.floor(level * count)))]!;
    };
    return picture(format, sampleWidth, sampleHeight, colorAt, colors, { bottomUp });
  });
}

const indexedSamples = [
  ["1BIT_LE", indexed(BitmapFormat["1BIT_LE"], 2, false)],
  ["1BIT_BE", indexed(BitmapFormat["1BIT_BE"], 2, true)],
  ["4BIT_LE", indexed(BitmapFormat["4BIT_LE"], 16, true)],
  ["4BIT_BE", indexed(BitmapFormat["4BIT_BE"], 16, false)],
  ["8BIT", indexed(BitmapFormat["8BIT"], 200, false)],
] as const;

const ink = lazy(() => picture(BitmapFormat.RGBA, 1, 1, () => (color.teal | 0xff000000) >>> 0));

const cells: readonly Cell[] = [
  { label: "1_A", draw: (pen) => drawMasked(pen, bits.id) },
  { label: "8_A", draw: (pen) => drawMasked(pen, alpha.id) },
  { label: "16_555", draw: (pen) => pen.composite(sample, Operator.SRC, surfaceImage(7)) },
  { label: "16_565", draw: (pen) => pen.composite(sample, Operator.SRC, surfaceImage(8)) },
  { label: "32_xRGB", draw: (pen) => pen.copy(sample, surfaceImage(opaque.id)) },
  {
    label: "32_ARGB",
    draw(pen) {
      pen.composite(sample, Operator.OVER, surfaceImage(translucent.id));
    },
  },
  ...indexedSamples.map(([label, image]) => ({
    label,
    draw: (pen: Pen) => pen.copy(sample, image()),
  })),
  { label: "16BIT", draw: (pen) => pen.copy(sample, wide.rgb16()) },
  { label: "24BIT", draw: (pen) => pen.copy(sample, wide.rgb24()) },
  { label: "32BIT", draw: (pen) => pen.copy(sample, wide.rgb32()) },
  { label: "RGBA", draw: (pen) => pen.alphaBlend(sample, wide.rgba(), sample, 255) },
  {
    // Alpha alone is black where it is copied, so the sample cuts a leaf out of that.
    label: "8BIT_A",
    draw(pen) {
      const mask = { image: wide.leafMask() };
      pen.copy(sample, wide.alpha(), { mask });
    },
  },
];

/** One colour, as strong as the surface's alpha says. */
function drawMasked(pen: Pen, surface: number): void {
  const mask = surfaceImage(surface);
  pen.composite(sample, Operator.OVER, ink(), { repeat: Repeat.NORMAL, mask });
}

function drawSurfaces(stage: Stage): void {
  const bitPen = stage.pen(bits.id);
  bitPen.black(sample);
  bitPen.white(sample, { image: wide.leafMask() });
  bitPen.fill(boxAt(24, 12, 18, 7), 0);
  bitPen.text(24, 10, "bit", 1);
  const alphaPen = stage.pen(alpha.id);
  alphaPen.copy(sample, wide.alpha());
  alphaPen.fill(boxAt(30, 0, 6, sampleHeight), 0xff, RopDescriptor.OP_XOR);
  for (const { id } of [narrow555, narrow565, opaque]) {
    const pen = stage.pen(id);
    pen.copy(sample, wide.rgb32());
    pen.text(12, 10, "colour", id === opaque.id ? color.white : 0x7fff);
  }
  const clearPen = stage.pen(translucent.id);
  clearPen.fill(sample, 0);
  clearPen.copy(sample, wide.rgba());
  clearPen.text(16, 10, "clear", color.ink);
}
