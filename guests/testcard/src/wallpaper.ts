// What lies behind the windows: a quiet slope of colour with the grid and the circle of a
// television's test card, and on the first monitor the title.

import type { Box } from "@caraway/canvas";
import { BitmapFormat } from "@caraway/protocol";
import { hash, mixColors, wave } from "./arithmetic.ts";
import { color, paintColors } from "./colors.ts";
import type { Desktop } from "./desktop.ts";
import { textWidth } from "./font.ts";
import { lazyFor, picture } from "./images.ts";
import type { Pen } from "./pen.ts";
import { boxAt } from "./region.ts";

const title = "Caraway testcard";
const gridStep = 64;

/** The pen's origin is the monitor's corner. */
export function drawWallpaper(desktop: Desktop, pen: Pen, monitor: Box, index: number): void {
  const width = monitor.right - monitor.left;
  const height = monitor.bottom - monitor.top;
  pen.fill(boxAt(0, 0, width, height), { image: slope(height), x: 0, y: 0 });
  drawGrid(pen, width, height);
  drawCircle(pen, width, height);
  if (index === 0) drawTitle(desktop, pen, width, height);
}

function drawGrid(pen: Pen, width: number, height: number): void {
  const line = 0x49707a;
  const dashes = [1, 7];
  for (let x = ((width / 2) % gridStep) | 0; x < width; x += gridStep) {
    pen.line(
      boxAt(x, 0, 1, height),
      [
        { x, y: 0 },
        { x, y: height },
      ],
      line,
      { dashes },
    );
  }
  for (let y = ((height / 2) % gridStep) | 0; y < height; y += gridStep) {
    pen.line(
      boxAt(0, y, width, 1),
      [
        { x: 0, y },
        { x: width, y },
      ],
      line,
      { dashes },
    );
  }
}

/** Four curves, as near to a circle as curves of that kind come. */
function drawCircle(pen: Pen, width: number, height: number): void {
  const [x, y] = [width >> 1, height >> 1];
  const radius = Math.round(Math.min(width, height) * 0.415);
  for (const far of [radius, radius - 6]) {
    const near = Math.round(far * 0.5523);
    const around = [
      [0, -far],
      [near, -far],
      [far, -near],
      [far, 0],
      [far, near],
      [near, far],
      [0, far],
      [-near, far],
      [-far, near],
      [-far, 0],
      [-far, -near],
      [-near, -far],
      [0, -far],
    ] as const;
    const points = around.map(([dx, dy]) => ({ x: x + dx, y: y + dy }));
    pen.curve(boxAt(x - far, y - far, 2 * far + 1, 2 * far + 1), points, 0x5f8a90);
  }
}

function drawTitle({ settings }: Desktop, pen: Pen, width: number, height: number): void {
  pen.text(17, 15, title, color.night, "large");
  pen.text(16, 14, title, color.white, "large");
  pen.bars(16, 50, 2, fading(), color.sun);
  const left = 16 + textWidth(title, "large") + 26;
  pen.text(left, 16, "every drawing command, every surface", 0xbfd3d4);
  const form = settings.output === "drawing" ? "drawing commands" : "framebuffer";
  pen.text(left, 33, `${width} x ${height}, ${form}, seed ${settings.seed}`, 0xbfd3d4);
  const side = 22;
  const right = width - 16;
  paintColors.forEach((bar, index) => {
    pen.fill(boxAt(right - (paintColors.length - index) * side, 15, side, 16), bar);
    const grey = Math.round((index * 255) / (paintColors.length - 1));
    const box = boxAt(right - (paintColors.length - index) * side, 31, side, 12);
    pen.fill(box, (grey << 16) | (grey << 8) | grey);
  });
}

/** A rule that fades away to the right. */
function fading(): Uint8Array {
  return Uint8Array.from({ length: 286 }, (_, x) => Math.round(255 * wave(256 + (x * 256) / 286)));
}

/** One tile of the slope; what is lost to eight bits is strewn, so that no steps show. */
const slope = lazyFor((height: number) =>
  picture(BitmapFormat["32BIT"], 32, height, (x, y) => {
    const strewn = (hash(x, y) / 0xffffffff - 0.5) * 0.012;
    const place = Math.max(0, Math.min(1, y / height + strewn));
    return place < 0.5
      ? mixColors(0x1f3a4c, 0x34616a, place * 2)
      : mixColors(0x34616a, 0x6f8f7c, place * 2 - 1);
  }),
);
