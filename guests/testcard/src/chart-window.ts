// The window on every further monitor: colour bars, greys, and what the monitor is.

import { color } from "./colors.ts";
import type { Desktop, WindowPlace } from "./desktop.ts";
import type { Pen } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { WindowKind } from "./window-kind.ts";

const width = 420;
const height = 244;

const bars = [0xf4f4f0, 0xe0c840, 0x48b8c0, 0x50a858, 0xb858a8, 0xc04848, 0x4058b0];

export const chartWindow: WindowKind = {
  title: "Monitor",
  width,
  height,
  draw(desktop, pen, place) {
    bars.forEach((bar, index) => {
      pen.fill(boxAt(index * 60, 0, 60, 120), bar);
    });
    for (let step = 0; step < 14; step++) {
      const grey = Math.round((step * 255) / 13);
      pen.fill(boxAt(step * 30, 120, 30, 44), (grey << 16) | (grey << 8) | grey);
    }
    drawNames(desktop, pen, place);
  },
  cursorAt: () => "arrow",
};

function drawNames(desktop: Desktop, pen: Pen, { monitor: index }: WindowPlace): void {
  const { display, box } = desktop.monitors[index]!;
  const size = `${box.right - box.left} x ${box.bottom - box.top}`;
  const ground = boxAt(0, 164, width, height - 164);
  pen.fill(ground, color.deep);
  pen.text(20, 176, `Monitor ${index + 1}`, color.white, "large");
  pen.text(240, 182, `display ${display}`, color.line);
  pen.text(240, 200, size, color.line);
  pen.text(240, 218, `at ${box.left},${box.top}`, color.line);
}
