// The window in which something moves all the time: a small surface of 16 bits (555), shown twice
// as large. Sprites have palettes of 8 and 4 bits whose colours are those of the surface.

import { BitmapFormat, RopDescriptor, ScaleMode, SurfaceFormat } from "@caraway/protocol";
import { wave } from "./arithmetic.ts";
import { clockMs, type Desktop } from "./desktop.ts";
import { lazy, picture, surfaceImage } from "./images.ts";
import type { Pen } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { SurfaceShape, WindowKind } from "./window-kind.ts";

const scale = 2;
const small: SurfaceShape = { id: 4, width: 157, height: 104, format: SurfaceFormat["16_555"] };
const width = small.width * scale;
const height = small.height * scale;
const framePeriodMs = 50;

export const motionWindow: WindowKind = {
  title: "Motion",
  width,
  height,
  surfaces: [small],
  setUp(desktop, stage) {
    drawFrame(stage.pen(small.id), desktop.shown.frame);
  },
  draw(_desktop, pen) {
    const area = boxAt(0, 0, small.width, small.height);
    const options = { area, scaleMode: ScaleMode.NEAREST };
    pen.copy(boxAt(0, 0, width, height), surfaceImage(small.id), options);
  },
  cursorAt: () => "hand",
  tick(desktop, stage) {
    const frame = frameBy(desktop);
    if (frame === desktop.shown.frame) return;
    desktop.shown = { ...desktop.shown, frame };
    drawFrame(stage.pen(small.id), frame);
    stage.damage("motion");
  },
  nextTick: ({ shown }) => (shown.frame + 1) * framePeriodMs,
};

/** The frame that it is now. */
export function frameBy(desktop: Desktop): number {
  return Math.floor(clockMs(desktop) / framePeriodMs);
}

/** Five bits each, as the surface has them. */
function narrow(rgb: number): number {
  return ((rgb >> 9) & 0x7c00) | ((rgb >> 6) & 0x3e0) | ((rgb >> 3) & 0x1f);
}

function drawFrame(pen: Pen, frame: number): void {
  const whole = boxAt(0, 0, small.width, small.height);
  pen.fill(whole, { image: hills(), x: -((frame >> 1) % hillsWidth), y: 0 });
  drawCurve(pen, frame);
  const ballX = bounce(frame * 2, small.width - ballSide);
  const ballY = 8 + Math.round((1 - Math.abs(wave(frame * 16))) * 56);
  pen.transparent(boxAt(ballX, ballY, ballSide, ballSide), ball(), keyColor);
  const kiteX = 12 + Math.round(52 + 52 * wave(frame * 5));
  pen.transparent(boxAt(kiteX, 10, 16, 16), kite(), keyColor);
  const bar = boxAt(bounce(frame, small.width - 18), 84, 18, 12);
  pen.fill(bar, narrow(0x80c0f8), RopDescriptor.OP_XOR);
  pen.text(4, 4, String(frame % 10000).padStart(4, "0"), narrow(0xffffff));
}

/** Back and forth between 0 and `span`. */
function bounce(way: number, span: number): number {
  const place = way % (2 * span);
  return place <= span ? place : 2 * span - place;
}

function drawCurve(pen: Pen, frame: number): void {
  const points = Array.from({ length: 49 }, (_, step) => ({
    x: 78 + Math.round(60 * wave(frame * 3 + step * 64)),
    y: 46 + Math.round(32 * wave(Math.round((step * 2048) / 48) + frame * 7)),
  }));
  const whole = boxAt(0, 0, small.width, small.height);
  pen.line(whole, points, narrow(0xe8f0c0));
  pen.line(
    whole,
    [
      { x: 0, y: 80 },
      { x: small.width, y: 80 },
    ],
    narrow(0xffffff),
    {
      dashes: [6, 4],
    },
  );
}

/** What sprites do not show; told with eight bits a part on every surface. */
const keyColor = 0xf800f8;

const hillsWidth = 128;
const hills = lazy(() => {
  const sky = (y: number) => narrow(((0x30 + y) << 16) | ((0x58 + y) << 8) | 0x78);
  return picture(
    BitmapFormat["16BIT"],
    hillsWidth,
    small.height,
    (x, y) => {
      const far = 64 + Math.round(8 * wave(x * 16));
      const near = 78 + Math.round(6 * wave(x * 8 + 300));
      if (y > near) return 0x2c5a50;
      if (y > far) return 0x3f7466;
      return widen(sky(y));
    },
    null,
    { padding: 2, bottomUp: true },
  );
});

function widen(narrowed: number): number {
  return ((narrowed & 0x7c00) << 9) | ((narrowed & 0x3e0) << 6) | ((narrowed & 0x1f) << 3);
}

const ballSide = 22;
const ball = lazy(() => {
  const shades = Array.from({ length: 16 }, (_, n) =>
    narrow(((0x70 + n * 9) << 16) | ((0x28 + n * 8) << 8) | (0x20 + n * 5)),
  );
  const colors = [narrow(keyColor), ...shades];
  return picture(
    BitmapFormat["8BIT"],
    ballSide,
    ballSide,
    (x, y) => {
      const [dx, dy] = [x - 10.5, y - 10.5];
      if (dx * dx + dy * dy > 115) return colors[0]!;
      const light = Math.round(15 - Math.sqrt((dx + 4) * (dx + 4) + (dy + 4) * (dy + 4)));
      return shades[Math.max(0, Math.min(15, light))]!;
    },
    colors,
    { padding: 2 },
  );
});

const kite = lazy(() => {
  const colors = [keyColor, 0xe0a048, 0xc06040, 0xf8f0e0].map(narrow);
  return picture(
    BitmapFormat["4BIT_BE"],
    16,
    16,
    (x, y) => {
      const span = 8 - Math.abs(y - 6) * (y < 6 ? 1.2 : 0.8);
      const off = Math.abs(x - 7.5);
      if (off > span) return colors[0]!;
      if (off < 1) return colors[3]!;
      return colors[x < 8 ? 1 : 2]!;
    },
    colors,
    { bottomUp: true },
  );
});
