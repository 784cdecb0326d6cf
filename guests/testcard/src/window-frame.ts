// The frames of windows: a title that says which one is on top, an edge, and a shadow below.

import type { Box } from "@caraway/canvas";
import { BitmapFormat, RopDescriptor } from "@caraway/protocol";
import { mixColors } from "./arithmetic.ts";
import { color } from "./colors.ts";
import { lazy, maskPicture, picture } from "./images.ts";
import { Operator, type Pen, Repeat } from "./pen.ts";
import { boxAt } from "./region.ts";
import { shadowBox, titleHeight } from "./window-kind.ts";

/** Title and edge. */
export function drawFrame(pen: Pen, outer: Box, title: string, isOnTop: boolean): void {
  const width = outer.right - outer.left;
  const bar = boxAt(outer.left, outer.top, width, titleHeight);
  const { left, top } = bar;
  pen.fill(bar, { image: isOnTop ? titleSlopes().top : titleSlopes().other, x: left, y: top });
  pen.text(left + 10, top + 6, title, isOnTop ? color.white : 0xd4dddd);
  [0xe3a548, 0xfaf0d8, 0xc8623f].forEach((dot, index) => {
    const box = boxAt(outer.right - 46 + index * 13, top + 7, 9, 9);
    pen.fill(box, isOnTop ? dot : 0x9fb0b3, RopDescriptor.OP_PUT, { image: dotMask() });
  });
  pen.frame(outer, isOnTop ? color.deep : 0x42606b);
}

/**
 * A quarter of the shadow for each corner: an image of the corner whose last row and column go on
 * without end.
 */
export function drawShadow(pen: Pen, outer: Box): void {
  const { left, top, right, bottom } = shadowBox(outer);
  const [middleX, middleY] = [(left + right) >> 1, (top + bottom) >> 1];
  const corner = corners();
  const draw = (box: Box, image: (typeof corner)["a"], from: { x: number; y: number }) =>
    pen.composite(box, Operator.OVER, image, { repeat: Repeat.PAD, from });
  const [leftWidth, rightWidth] = [middleX - left, right - middleX];
  const [topHeight, bottomHeight] = [middleY - top, bottom - middleY];
  const far = (size: number) => cornerSide - size;
  draw(boxAt(left, top, leftWidth, topHeight), corner.a, { x: 0, y: 0 });
  draw(boxAt(middleX, top, rightWidth, topHeight), corner.b, { x: far(rightWidth), y: 0 });
  draw(boxAt(left, middleY, leftWidth, bottomHeight), corner.c, { x: 0, y: far(bottomHeight) });
  draw(boxAt(middleX, middleY, rightWidth, bottomHeight), corner.d, {
    x: far(rightWidth),
    y: far(bottomHeight),
  });
}

const cornerSide = 22;

/** From the shadow's edge inward; colours are black, so alpha is all there is. */
function shadowAt(x: number, y: number): number {
  const fall = (at: number) => {
    const share = Math.min(1, (at + 0.5) / (cornerSide - 2));
    return share * share * (3 - 2 * share);
  };
  return (Math.round(fall(x) * fall(y) * 96) << 24) >>> 0;
}

const corners = lazy(() => {
  const last = cornerSide - 1;
  const make = (turnX: boolean, turnY: boolean) =>
    picture(BitmapFormat.RGBA, cornerSide, cornerSide, (x, y) =>
      shadowAt(turnX ? last - x : x, turnY ? last - y : y),
    );
  return { a: make(false, false), b: make(true, false), c: make(false, true), d: make(true, true) };
});

const titleSlopes = lazy(() => {
  const make = (from: number, to: number) =>
    picture(BitmapFormat["24BIT"], 8, titleHeight, (_x, y) =>
      mixColors(from, to, y / (titleHeight - 1)),
    );
  return { top: make(0x3a8f94, 0x286a72), other: make(0x6a838c, 0x566f79) };
});

const dotMask = lazy(() =>
  maskPicture(BitmapFormat["1BIT_BE"], 9, 9, (x, y) => (x - 4) * (x - 4) + (y - 4) * (y - 4) < 19),
);
