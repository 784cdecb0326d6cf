// All windows: what each of them is, and where it stands at first.

import type { Box } from "@caraway/canvas";
import { chartWindow } from "./chart-window.ts";
import type { Monitor, WindowName, WindowPlace } from "./desktop.ts";
import { editorWindow } from "./editor-window.ts";
import { formatsWindow } from "./formats-window.ts";
import { motionWindow } from "./motion-window.ts";
import { operationsWindow } from "./operations-window.ts";
import { paintWindow } from "./paint-window.ts";
import { photoWindow } from "./photo-window.ts";
import { intersectBoxes } from "./region.ts";
import { statusHeight } from "./status-bar.ts";
import { terminalWindow } from "./terminal-window.ts";
import { videoWindow } from "./video-window.ts";
import { outerBox, outerSize, type SurfaceShape, type WindowKind } from "./window-kind.ts";

export const windowKinds: Readonly<Record<WindowName, WindowKind>> = {
  editor: editorWindow,
  photo: photoWindow,
  terminal: terminalWindow,
  paint: paintWindow,
  motion: motionWindow,
  formats: formatsWindow,
  operations: operationsWindow,
  chart: chartWindow,
  video: videoWindow,
};

/** The surfaces off screen, on the first monitor's display. */
export const offScreenSurfaces: readonly SurfaceShape[] = Object.values(windowKinds).flatMap(
  ({ surfaces }) => surfaces ?? [],
);

/** Places on a monitor of 1024 by 768; on others the whole is in the middle. */
const firstPlaces: readonly (readonly [name: WindowName, left: number, top: number])[] = [
  ["operations", 11, 544],
  ["formats", 696, 303],
  ["motion", 368, 303],
  ["paint", 12, 303],
  ["terminal", 696, 62],
  ["photo", 368, 62],
  ["editor", 12, 62],
];

const videoPlace = ["video", 352, 236] as const;

/** From the lowest to the topmost. */
export function placeWindows(monitors: readonly Monitor[], hasVideo: boolean): WindowPlace[] {
  const { box } = monitors[0]!;
  const dx = box.left + Math.round((box.right - box.left - 1024) / 2);
  const dy = box.top + Math.round((box.bottom - box.top - 768) / 2);
  const places: WindowPlace[] = [];
  for (let monitor = 1; monitor < monitors.length; monitor++) {
    const { left, top, right, bottom } = monitors[monitor]!.box;
    const { width, height } = outerSize(chartWindow);
    places.push({
      name: "chart",
      monitor,
      left: left + Math.round((right - left - width) / 2),
      top: top + Math.round((bottom - top - height) / 2),
    });
  }
  const first = hasVideo ? [...firstPlaces, videoPlace] : firstPlaces;
  for (const [name, left, top] of first) {
    places.push({ name, monitor: 0, left: left + dx, top: top + dy });
  }
  return places.map((place) => keepOnMonitor(place, monitors));
}

/** The part of a monitor that windows may be on. */
export function workArea(monitors: readonly Monitor[], index: number): Box {
  const { box } = monitors[index]!;
  return index === 0 ? { ...box, bottom: box.bottom - statusHeight } : box;
}

/** The same window, moved so that all of it can be seen, or at least its upper left corner. */
export function keepOnMonitor(place: WindowPlace, monitors: readonly Monitor[]): WindowPlace {
  const area = workArea(monitors, place.monitor);
  const { width, height } = outerSize(windowKinds[place.name]);
  const left = Math.max(area.left, Math.min(area.right - width, place.left));
  const top = Math.max(area.top, Math.min(area.bottom - height, place.top));
  return { ...place, left, top };
}

/** What can be seen of a window when no other is in front; null if nothing can. */
export function visibleBox(place: WindowPlace, monitors: readonly Monitor[]): Box | null {
  const outer = outerBox(place, windowKinds[place.name]);
  return intersectBoxes(outer, workArea(monitors, place.monitor));
}
