// The window that shows photos, one after the other, with all of them small below. Each image has
// a key, so that a client that keeps it gets it once.

import { ScaleMode } from "@caraway/protocol";
import { color } from "./colors.ts";
import { clockMs, type Desktop } from "./desktop.ts";
import { photoHeight, photoWidth, slidesOf } from "./photo-pictures.ts";
import { boxAt } from "./region.ts";
import type { Stage, WindowKind } from "./window-kind.ts";

const width = photoWidth;
const height = 208;
export const slideCount = 5;
const slidePeriodMs = 6000;

const photoBox = boxAt(0, 0, photoWidth, photoHeight);
const thumbnails = Array.from({ length: slideCount }, (_, index) =>
  boxAt(7 + index * 61, photoHeight + 6, 56, 30),
);

export const photoWindow: WindowKind = {
  title: "Photos",
  width,
  height,
  draw(desktop, pen) {
    const slides = slidesOf(desktop.settings.seed);
    const shown = slideOf(desktop);
    const { image, title } = slides[shown]!;
    pen.copy(photoBox, image);
    pen.text(9, photoHeight - 15, title, color.black);
    pen.text(8, photoHeight - 16, title, color.white);
    pen.fill(boxAt(0, photoHeight, width, height - photoHeight), color.deep);
    thumbnails.forEach((box, index) => {
      const scaleMode = index % 2 === 0 ? ScaleMode.INTERPOLATE : ScaleMode.NEAREST;
      pen.copy(box, slides[index]!.image, { area: photoBox, scaleMode });
      if (index === shown) pen.frame(box, color.sun);
    });
  },
  cursorAt: () => "lens",
  /** The next slide, or the one that was pointed at. */
  press(desktop, stage, at) {
    const chosen = thumbnails.findIndex((box) => at.x < box.right + 3);
    if (at.y < photoHeight) turn(desktop, stage, 1);
    else if (chosen >= 0) turn(desktop, stage, chosen - slideOf(desktop));
  },
  wheel: turn,
  tick(desktop, stage) {
    const slides = slidesBy(desktop);
    if (slides === desktop.shown.slides) return;
    desktop.shown = { ...desktop.shown, slides };
    stage.damage("photo");
  },
  nextTick: ({ shown }) => (shown.slides + 1) * slidePeriodMs,
};

function turn(desktop: Desktop, stage: Stage, steps: number): void {
  desktop.slideTurns = (desktop.slideTurns + steps + slideCount) % slideCount;
  stage.damage("photo");
}

/** How often the slide has changed by itself until now. */
export function slidesBy(desktop: Desktop): number {
  return Math.floor(clockMs(desktop) / slidePeriodMs);
}

function slideOf({ shown, slideTurns }: Desktop): number {
  return (shown.slides + slideTurns) % slideCount;
}
