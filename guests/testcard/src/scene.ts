// The picture of a display, from the back to the front: wallpaper, windows with their shadows, and
// the status bar. It is drawn for any part of the display alone, and every part only once.

import type { Drawing } from "@caraway/server";
import type { Desktop } from "./desktop.ts";
import { Pen } from "./pen.ts";
import { intersectRegion, type Region, subtractBox } from "./region.ts";
import { drawStatusBar, statusBox } from "./status-bar.ts";
import { drawWallpaper } from "./wallpaper.ts";
import { drawFrame, drawShadow } from "./window-frame.ts";
import { insideBox, outerBox, shadowBox } from "./window-kind.ts";
import { visibleBox, windowKinds, workArea } from "./windows.ts";

/** Draws a layer; the pen is clipped to what the layers in front leave of it. */
type Layer = (draw: (drawing: Drawing) => void) => void;

/** The drawings for a part of a display's primary surface. */
export function drawScene(desktop: Desktop, display: number, region: Region): Drawing[] {
  const layers: Layer[] = [];
  // From the front to the back, so that each layer knows what is left for it.
  let rest = drawBar(desktop, display, region, layers);
  for (let at = desktop.windows.length - 1; at >= 0; at--) {
    rest = drawWindow(desktop, display, at, rest, layers);
  }
  drawBackground(desktop, display, rest, layers);
  const drawings: Drawing[] = [];
  for (const layer of layers.reverse()) layer((drawing) => drawings.push(drawing));
  return drawings;
}

function drawBar(desktop: Desktop, display: number, region: Region, layers: Layer[]): Region {
  if (desktop.monitors[0]!.display !== display) return region;
  const bar = statusBox(desktop);
  const clip = intersectRegion(region, bar);
  if (clip.length === 0) return region;
  layers.push((out) => {
    const pen = new Pen(0, out, { x: bar.left, y: bar.top }, clip);
    drawStatusBar(desktop, pen, bar.right - bar.left);
  });
  return subtractBox(region, bar);
}

function drawWindow(
  desktop: Desktop,
  display: number,
  at: number,
  region: Region,
  layers: Layer[],
): Region {
  const place = desktop.windows[at]!;
  if (desktop.monitors[place.monitor]!.display !== display) return region;
  const kind = windowKinds[place.name];
  const outer = outerBox(place, kind);
  const visible = visibleBox(place, desktop.monitors);
  if (visible === null) return region;
  const rest = subtractBox(region, visible);
  const clip = intersectRegion(region, visible);
  if (clip.length > 0) {
    layers.push((out) => {
      const pen = new Pen(0, out, { x: 0, y: 0 }, clip);
      drawFrame(pen, outer, kind.title, at === desktop.windows.length - 1);
      kind.draw(desktop, pen.within(insideBox(place, kind)), place);
    });
  }
  const area = workArea(desktop.monitors, place.monitor);
  const shadow = intersectRegion(intersectRegion(rest, shadowBox(outer)), area);
  if (shadow.length > 0) {
    layers.push((out) => drawShadow(new Pen(0, out, { x: 0, y: 0 }, shadow), outer));
  }
  return rest;
}

function drawBackground(desktop: Desktop, display: number, region: Region, layers: Layer[]): void {
  let rest = region;
  desktop.monitors.forEach(({ display: own, box }, index) => {
    if (own !== display) return;
    const clip = intersectRegion(rest, box);
    rest = subtractBox(rest, box);
    if (clip.length === 0) return;
    layers.push((out) => {
      const pen = new Pen(0, out, { x: box.left, y: box.top }, clip);
      drawWallpaper(desktop, pen, box, index);
    });
  });
  // Beside a smaller monitor a shared surface has parts that nobody sees.
  for (const box of rest) {
    layers.push((out) => new Pen(0, out).black(box));
  }
}
