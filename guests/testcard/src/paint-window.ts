// The window to paint in. The painting is a surface with alpha (32_ARGB) that lies over the paper;
// brushes are masks in a surface of alpha only (8_A).

import { BitmapFormat, RopDescriptor, SurfaceFormat } from "@caraway/protocol";
import { hash } from "./arithmetic.ts";
import { color, paintColors } from "./colors.ts";
import type { Desktop } from "./desktop.ts";
import { alphaPicture, lazy, maskPicture, picture, surfaceImage } from "./images.ts";
import { CompositeFilter, Operator, type Pen, Repeat } from "./pen.ts";
import { boxAt, isInside, type Point } from "./region.ts";
import type { Stage, SurfaceShape, WindowKind } from "./window-kind.ts";

const width = 342;
const height = 208;
const toolsWidth = 40;

const painting: SurfaceShape = {
  id: 1,
  width: width - toolsWidth,
  height,
  format: SurfaceFormat["32_ARGB"],
};
/** Soft discs side by side, each in a square of its own. */
const tipSide = 24;
export const tipRadii: readonly number[] = [2, 5, 10];
const tips: SurfaceShape = {
  id: 2,
  width: tipSide * tipRadii.length,
  height: tipSide,
  format: SurfaceFormat["8_A"],
};

const area = boxAt(toolsWidth, 0, painting.width, painting.height);
const colorButtons = paintColors.map((_, index) =>
  boxAt(6 + (index % 2) * 15, 8 + (index >> 1) * 17, 13, 13),
);
const tipButtons = tipRadii.map((_, index) => boxAt(6, 84 + index * 30, 28, 28));
const clearButton = boxAt(4, 184, 32, 18);

export const paintWindow: WindowKind = {
  title: "Paint",
  width,
  height,
  surfaces: [painting, tips],
  setUp(_desktop, stage) {
    const pen = stage.pen(tips.id);
    pen.fill(boxAt(0, 0, tips.width, tips.height), 0);
    pen.copy(boxAt(0, 0, tips.width, tips.height), tipsPicture());
    drawGreeting(stage.pen(painting.id));
  },
  draw(desktop, pen) {
    drawTools(desktop, pen);
    pen.fill(area, { image: graphPaper(), x: area.left, y: area.top });
    const whole = boxAt(0, 0, painting.width, painting.height);
    pen.alphaBlend(area, surfaceImage(painting.id), whole, 255);
  },
  cursorAt: (at) => (isInside(area, at) ? "cross" : "arrow"),
  press(desktop, stage, at) {
    const chosen = colorButtons.findIndex((button) => isInside(button, at));
    const tip = tipButtons.findIndex((button) => isInside(button, at));
    if (chosen >= 0) desktop.paint = { ...desktop.paint, color: chosen };
    if (tip >= 0) desktop.paint = { ...desktop.paint, tip };
    if (chosen >= 0 || tip >= 0) stage.damage("paint", boxAt(0, 0, toolsWidth, height));
    if (isInside(clearButton, at)) {
      stage.pen(painting.id).fill(boxAt(0, 0, painting.width, painting.height), 0);
      stage.damage("paint", area);
      desktop.paint = { ...desktop.paint, trace: hash(desktop.paint.trace, 0) };
    }
    if (isInside(area, at)) paintTo(desktop, stage, at);
  },
  drag(desktop, stage, at) {
    if (desktop.paint.last !== null) paintTo(desktop, stage, at);
  },
  release(desktop) {
    desktop.paint = { ...desktop.paint, last: null };
  },
  wheel(desktop, stage, steps) {
    const tip = Math.max(0, Math.min(tipRadii.length - 1, desktop.paint.tip - steps));
    if (tip === desktop.paint.tip) return;
    desktop.paint = { ...desktop.paint, tip };
    stage.damage("paint", boxAt(0, 0, toolsWidth, height));
  },
};

/** More dabs than this in one go lie further apart. */
const dabsMax = 64;

/** Dabs from where the last one was to here. */
function paintTo(desktop: Desktop, stage: Stage, at: Point): void {
  const { last, tip, color: index, trace } = desktop.paint;
  const radius = tipRadii[tip]!;
  const to = { x: at.x - area.left, y: at.y - area.top };
  const from = last ?? to;
  const reach = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  const count = Math.min(dabsMax, Math.ceil(reach / Math.max(1, radius / 2)));
  const pen = stage.pen(painting.id);
  const dab = (x: number, y: number) => {
    const box = boxAt(x - tipSide / 2, y - tipSide / 2, tipSide, tipSide);
    pen.composite(box, Operator.OVER, solid(paintColors[index]!), {
      repeat: Repeat.NORMAL,
      filter: CompositeFilter.NEAREST,
      mask: surfaceImage(tips.id),
      maskFrom: { x: tip * tipSide, y: 0 },
    });
    stage.damage("paint", boxAt(box.left + area.left, box.top + area.top, tipSide, tipSide));
  };
  if (count === 0) dab(to.x, to.y);
  for (let step = 1; step <= count; step++) {
    const x = from.x + Math.round(((to.x - from.x) * step) / count);
    const y = from.y + Math.round(((to.y - from.y) * step) / count);
    dab(x, y);
  }
  const way = hash(hash(from.x, from.y), hash(to.x, to.y));
  const brush = index * tipRadii.length + tip + 1;
  desktop.paint = { ...desktop.paint, last: to, trace: hash(hash(trace, brush), way) };
}

function drawTools(desktop: Desktop, pen: Pen): void {
  pen.fill(boxAt(0, 0, toolsWidth, height), color.shade);
  pen.fill(boxAt(toolsWidth - 1, 0, 1, height), color.line);
  colorButtons.forEach((button, index) => {
    pen.fill(button, paintColors[index]!);
    if (index === desktop.paint.color) pen.frame(button, color.white);
  });
  tipButtons.forEach((button, index) => {
    const isChosen = index === desktop.paint.tip;
    pen.fill(button, isChosen ? color.paper : color.shade);
    if (isChosen) pen.frame(button, color.line);
    const from = { x: 0, y: 0 };
    pen.fill(button, paintColors[desktop.paint.color]!, RopDescriptor.OP_PUT, {
      image: tipMasks()[index]!,
      from,
    });
  });
  pen.label(clearButton, clearButton.left + 2, clearButton.top + 4, "New", color.ink, color.paper);
}

/** A leaf, so that there is something to see. */
function drawGreeting(pen: Pen): void {
  pen.fill(boxAt(0, 0, painting.width, painting.height), 0);
  const place = (x: number, y: number) => ({ x, y });
  for (let vein = 0; vein < 9; vein++) {
    const x = 66 + vein * 20;
    const rise = 40 - Math.abs(vein - 4) * 8;
    const points = [
      place(x, 126),
      place(x + 12, 116),
      place(x + 22, 110 - rise),
      place(x + 34, 96 - rise),
    ];
    pen.curve(boxAt(0, 0, painting.width, painting.height), points, argb(color.leaf));
    const under = points.map((point) => place(point.x, 252 - point.y));
    pen.curve(boxAt(0, 0, painting.width, painting.height), under, argb(color.leaf));
  }
  const stem = [place(30, 128), place(110, 120), place(190, 132), place(276, 126)];
  for (const drop of [0, 1, 2]) {
    const lowered = stem.map((point) => place(point.x, point.y + drop - 1));
    pen.curve(boxAt(0, 0, painting.width, painting.height), lowered, argb(color.teal));
  }
}

function argb(rgb: number): number {
  return (rgb | 0xff000000) >>> 0;
}

function solid(rgb: number) {
  return solids().get(rgb)!;
}

const solids = lazy(
  () =>
    new Map(
      paintColors.map((rgb) => [rgb, picture(BitmapFormat.RGBA, 1, 1, () => argb(rgb))] as const),
    ),
);

const tipsPicture = lazy(() =>
  alphaPicture(tips.width, tips.height, (x, y) => {
    const radius = tipRadii[Math.floor(x / tipSide)]!;
    const dx = (x % tipSide) + 0.5 - tipSide / 2;
    const dy = y + 0.5 - tipSide / 2;
    const edge = radius + 0.5 - Math.sqrt(dx * dx + dy * dy);
    return Math.round(Math.max(0, Math.min(1, edge)) * 230);
  }),
);

const tipMasks = lazy(() =>
  tipRadii.map((radius) =>
    maskPicture(BitmapFormat["1BIT_LE"], 28, 28, (x, y) => {
      const [dx, dy] = [x - 13.5, y - 13.5];
      return dx * dx + dy * dy < radius * radius;
    }),
  ),
);

/** Two colours, so it fits into one bit a pixel. */
const graphPaper = lazy(() => {
  const colors = [color.paper, 0xeef0ea];
  const colorAt = (x: number, y: number) => (x === 0 || y === 0 ? colors[1]! : colors[0]!);
  return picture(BitmapFormat["1BIT_BE"], 16, 16, colorAt, colors);
});
