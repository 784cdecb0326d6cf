// Monitors: how they lie on their displays' surfaces, and how they take another size.

import { SurfaceFormat } from "@caraway/protocol";
import type { GuestOutput, MonitorWish } from "@caraway/server";
import type { Desktop, Monitor } from "./desktop.ts";
import { boxAt, isInside, type Point } from "./region.ts";
import {
  monitorPixelsMax,
  monitorSideMax,
  monitorSideMin,
  type Settings,
  type Size,
} from "./settings.ts";

export const primaryFormat = SurfaceFormat["32_xRGB"];

/** Each on a display of its own, or all side by side on one. */
export function layMonitors(sizes: readonly Size[], layout: Settings["layout"]): Monitor[] {
  let left = 0;
  return sizes.map(({ width, height }, index) => {
    if (layout === "displays") return { display: index, box: boxAt(0, 0, width, height) };
    const box = boxAt(left, 0, width, height);
    left += width;
    return { display: 0, box };
  });
}

/** Display numbers, from 0. */
export function displaysOf(monitors: readonly Monitor[]): number[] {
  return [...new Set(monitors.map(({ display }) => display))];
}

/** The size of a display's primary surface. */
export function primarySize(monitors: readonly Monitor[], display: number): Size {
  const own = monitors.filter((monitor) => monitor.display === display);
  return {
    width: Math.max(...own.map(({ box }) => box.right)),
    height: Math.max(...own.map(({ box }) => box.bottom)),
  };
}

export function monitorsOutput(monitors: readonly Monitor[], display: number): GuestOutput {
  const heads = monitors
    .filter((monitor) => monitor.display === display)
    .map(({ box }, monitorId) => ({
      monitorId,
      surfaceId: 0,
      width: box.right - box.left,
      height: box.bottom - box.top,
      x: box.left,
      y: box.top,
      flags: 0,
    }));
  return { type: "monitors", display, maxAllowed: heads.length, heads };
}

/** The sizes that the wishes ask for, within bounds; null if nothing changes. */
export function wishedSizes(
  monitors: readonly Monitor[],
  wishes: readonly MonitorWish[],
): Size[] | null {
  const side = (value: number) =>
    Math.max(monitorSideMin, Math.min(monitorSideMax, Math.floor(value)));
  let isSame = true;
  let pixels = 0;
  const sizes = monitors.map(({ box }, index) => {
    const old = { width: box.right - box.left, height: box.bottom - box.top };
    const wish = wishes.find(({ id }) => id === index);
    // Nothing wide or high is a window that is not there.
    const isWished = wish !== undefined && wish.width > 0 && wish.height > 0;
    const size = isWished ? { width: side(wish.width), height: side(wish.height) } : old;
    if (size.width !== old.width || size.height !== old.height) isSame = false;
    pixels += size.width * size.height;
    return size;
  });
  return isSame || pixels > monitorPixelsMax ? null : sizes;
}

/** The monitor that shows a place of a display; the first of the display if none does. */
export function monitorAt(desktop: Desktop, display: number, at: Point): number | null {
  const found = desktop.monitors.findIndex(
    (monitor) => monitor.display === display && isInside(monitor.box, at),
  );
  if (found >= 0) return found;
  const first = desktop.monitors.findIndex((monitor) => monitor.display === display);
  return first < 0 ? null : first;
}

export function clampTo({ box }: Monitor, { x, y }: Point): Point {
  return {
    x: Math.max(box.left, Math.min(box.right - 1, x)),
    y: Math.max(box.top, Math.min(box.bottom - 1, y)),
  };
}
