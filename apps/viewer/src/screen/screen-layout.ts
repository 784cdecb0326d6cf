// Where screens stand and how large they are: the arithmetic between guest pixels and the page.

import type { ScreenInfo, ScreenKey } from "@caraway/browser";

/**
 * `fit`: as large as the space allows. `none`: one guest pixel is one pixel, and what does not fit
 * is panned. `resize`: the guest is asked to have the size of the space; until it has, as `fit`
 * but never enlarged.
 */
export const scalings = ["fit", "none", "resize"] as const;
export type Scaling = (typeof scalings)[number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A screen's place among the others, in guest pixels. */
export interface PlacedScreen extends Size {
  readonly key: ScreenKey;
  readonly left: number;
  readonly top: number;
}

export interface Arrangement extends Size {
  readonly screens: readonly PlacedScreen[];
}

/**
 * Screens of one channel stand as the guest has them on its surface; channels, which know nothing
 * of each other, from left to right.
 */
export function arrange(screens: readonly ScreenInfo[]): Arrangement {
  const placed: PlacedScreen[] = [];
  let [left, height] = [0, 0];
  for (const channel of new Set(screens.map((screen) => screen.channel))) {
    const group = screens.filter((screen) => screen.channel === channel);
    const minX = Math.min(...group.map(({ x }) => x));
    const minY = Math.min(...group.map(({ y }) => y));
    for (const { key, x, y, width, height: screenHeight } of group) {
      const top = y - minY;
      placed.push({ key, left: left + x - minX, top, width, height: screenHeight });
      height = Math.max(height, top + screenHeight);
    }
    left += Math.max(...group.map(({ x, width }) => x + width)) - minX;
  }
  return { screens: placed, width: left, height };
}

export interface ScaleInput {
  readonly scaling: Scaling;
  /** The space that there is, in CSS pixels. */
  readonly space: Size;
  readonly content: Size;
  /** Device pixels of a CSS pixel. */
  readonly devicePixelRatio: number;
  /** Whether a guest pixel is to be a device pixel rather than a CSS pixel. */
  readonly highDpi: boolean;
  /** How much the user has enlarged it: 1 and above. */
  readonly zoom: number;
}

/** CSS pixels of a guest pixel. */
export function scaleOf(input: ScaleInput): number {
  const { scaling, space, content, zoom } = input;
  const native = nativeScale(input);
  if (content.width <= 0 || content.height <= 0 || space.width <= 0 || space.height <= 0) {
    return native;
  }
  if (scaling === "none") return native * zoom;
  const fit = Math.min(space.width / content.width, space.height / content.height);
  return (scaling === "resize" ? Math.min(native, fit) : fit) * zoom;
}

/** CSS pixels of a guest pixel that is shown as it is. */
export function nativeScale(input: Pick<ScaleInput, "devicePixelRatio" | "highDpi">): number {
  return input.highDpi ? 1 / input.devicePixelRatio : 1;
}

/** Enlarged by whole numbers, pixels shall stay squares. */
export function isPixelated(scale: number, devicePixelRatio: number): boolean {
  const devicePixels = scale * devicePixelRatio;
  return devicePixels >= 1 && Math.abs(devicePixels - Math.round(devicePixels)) < 0.001;
}

/** What a guest's monitor may be asked to be. */
const sideMin = 320;
const sideMax = 16_384;

export interface WantedMonitor extends Size {
  readonly x: number;
  readonly y: number;
}

/** The monitors that would fill the space: as many as wanted, side by side. */
export function monitorsFor(
  space: Size,
  count: number,
  input: Pick<ScaleInput, "devicePixelRatio" | "highDpi">,
): WantedMonitor[] {
  const native = nativeScale(input);
  // Modes of video cards have widths that are multiples of eight.
  const width = clamp(Math.floor(space.width / native / count / 8) * 8);
  const height = clamp(Math.floor(space.height / native));
  return Array.from({ length: count }, (_, index) => ({ width, height, x: index * width, y: 0 }));
}

function clamp(side: number): number {
  return Math.max(sideMin, Math.min(sideMax, side));
}
