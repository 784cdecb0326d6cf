// The window that plays: a picture that flows, 25 times a second, with a white flash in its middle
// at the turn of each second, when the sound clicks. Below it stands how loud the microphone is.
// Each frame is new to every client, as those of a player are.

import { BitmapFormat } from "@caraway/protocol";
import type { GuestPixels } from "@caraway/server";
import { wave } from "./arithmetic.ts";
import { color } from "./colors.ts";
import { clockMs, type Desktop } from "./desktop.ts";
import { lazyFor } from "./images.ts";
import { boxAt } from "./region.ts";
import type { WindowKind } from "./window-kind.ts";

export const videoWidth = 320;
export const videoHeight = 192;
const meterHeight = 22;
const framePeriodMs = 40;
/** Frames of a second that are lit, from its turn on. */
const flashFrames = 2;
const flashSide = 96;
/** Where it flashes, inside of the window. */
export const flashBox = boxAt(
  (videoWidth - flashSide) / 2,
  (videoHeight - flashSide) / 2,
  flashSide,
  flashSide,
);

const meterSteps = 32;
const meterBox = boxAt(0, videoHeight, videoWidth, meterHeight);

export const videoWindow: WindowKind = {
  title: "Video",
  width: videoWidth,
  height: videoHeight + meterHeight,
  draw({ shown }, pen) {
    pen.copy(boxAt(0, 0, videoWidth, videoHeight), frameOf(shown.video));
    pen.fill(meterBox, color.night);
    pen.text(8, videoHeight + 7, "mic", 0x7f95a3);
    for (let step = 0; step < meterSteps; step++) {
      const lit = step < shown.level;
      const hue = step < 20 ? 0x5cc08a : step < 27 ? color.sun : 0xd85a4a;
      pen.fill(boxAt(38 + step * 8, videoHeight + 6, 6, 10), lit ? hue : 0x22323f);
    }
  },
  cursorAt: () => "arrow",
  tick(desktop, stage) {
    const video = videoBy(desktop);
    if (!desktop.settings.video || video === desktop.shown.video) return;
    const level = levelOf(desktop.loudness);
    stage.damage("video", boxAt(0, 0, videoWidth, videoHeight));
    if (level !== desktop.shown.level) stage.damage("video", meterBox);
    desktop.shown = { ...desktop.shown, video, level };
  },
  nextTick: ({ settings, shown }) => {
    return settings.video ? (shown.video + 1) * framePeriodMs : Number.POSITIVE_INFINITY;
  },
};

/** The frame that it is now. */
export function videoBy(desktop: Desktop): number {
  return desktop.settings.video ? Math.floor(clockMs(desktop) / framePeriodMs) : 0;
}

/** Lit steps of the meter for the loudest of samples of 16 bits: 3 dB each. */
export function levelOf(loudness: number): number {
  let level = 0;
  for (let least = 0x8000; level < meterSteps && loudness > 0; least *= 0.7079457843841379) {
    if (loudness >= least) return meterSteps - level;
    level += 1;
  }
  return 0;
}

const frameOf = lazyFor((frame: number): GuestPixels => {
  const data = new Uint8Array(videoWidth * videoHeight * 4);
  const isLit = (frame * framePeriodMs) % 1000 < flashFrames * framePeriodMs;
  const across = waves(videoWidth, frame);
  const down = waves(videoHeight, -frame);
  for (let y = 0; y < videoHeight; y++) {
    for (let x = 0; x < videoWidth; x++) {
      const at = (y * videoWidth + x) * 4;
      for (let part = 0; part < 3; part++) data[at + part] = across[part]![x]! + down[part]![y]!;
    }
  }
  if (isLit) {
    for (let y = flashBox.top; y < flashBox.bottom; y++) {
      data.fill(255, (y * videoWidth + flashBox.left) * 4, (y * videoWidth + flashBox.right) * 4);
    }
  }
  return {
    ...{ kind: "pixels", key: null, width: videoWidth, height: videoHeight, topDown: true },
    ...{ format: BitmapFormat["32BIT"], stride: videoWidth * 4, data, palette: null },
    highBitsSet: false,
  };
});

/** One for each of blue, green and red, from 2 to 98: with another of its kind, no part is full. */
function waves(length: number, frame: number): readonly Uint8Array[] {
  return [5, 7, 9].map((turn, part) => {
    return Uint8Array.from({ length }, (_, place) => {
      const angle = place * turn + frame * (6 + part * 3) + part * 300;
      return Math.round(50 + 34 * wave(angle) + 14 * wave(angle * 3 + frame * 5));
    });
  });
}
