// What a testcard shows, and what it ought to show.

import { type Box, readColors } from "@caraway/canvas";
import type { Testcard } from "@caraway/testcard";
import { loadState } from "../src/load-state.ts";
import { primarySize } from "../src/monitors.ts";
import { boxAt } from "../src/region.ts";
import { drawScene } from "../src/scene.ts";

export function colorsOf(card: Testcard, display = 0, part?: Box): Uint32Array {
  const surface = card.surface(display, 0)!;
  return readColors(surface, part ?? boxAt(0, 0, surface.width, surface.height));
}

/** All of a display, drawn at once by a testcard of that state. */
export function drawnWhole(saved: Uint8Array, display = 0): Uint32Array {
  const { desktop, screen } = loadState(saved);
  const { width, height } = primarySize(desktop.monitors, display);
  const whole = boxAt(0, 0, width, height);
  const black = screen.surface(display, 0)!.pixmap.pixels;
  black.fill(0);
  for (const drawing of drawScene(desktop, display, [whole])) screen.draw(display, drawing);
  return readColors(screen.surface(display, 0)!, whole);
}

/** Where two pictures differ: null if they do not, a place to look at if they do. */
export function firstDifference(
  a: Uint32Array,
  b: Uint32Array,
  width: number,
): { x: number; y: number; a: string; b: string } | null {
  if (a.length !== b.length) return { x: -1, y: -1, a: `${a.length}`, b: `${b.length}` };
  const at = a.findIndex((color, index) => color !== b[index]);
  if (at < 0) return null;
  const hex = (color: number) => color.toString(16);
  return { x: at % width, y: Math.floor(at / width), a: hex(a[at]!), b: hex(b[at]!) };
}
