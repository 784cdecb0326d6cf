import type { Screen } from "@caraway/driver";
import { describe, expect, it } from "vitest";
import { ScreenPainter } from "../src/screen-painter.ts";

const whole = { left: 0, top: 0, right: 100, bottom: 80 };
const screen = { channel: 0, monitor: 0, surface: 0, box: whole } as Screen;

function attached(): ScreenPainter {
  const painter = new ScreenPainter(screen, () => new Uint8ClampedArray(0));
  const context = { canvas: { width: 100, height: 80 }, putImageData: () => {} };
  const canvas = { getContext: () => context, addEventListener: () => {} };
  painter.attach(canvas as unknown as OffscreenCanvas, () => {});
  return painter;
}

describe("a painter of a screen", () => {
  it("keeps what is shown until half of a new surface is there, or a moment has passed", () => {
    const painter = attached();
    painter.begin(1000);
    painter.damage([{ ...whole, bottom: 30 }]);
    expect(painter.fillsUntil).toBe(1250);
    painter.damage([{ ...whole, top: 30 }]);
    expect(painter.fillsUntil).toBeNull();
    expect(painter.isDirty).toBe(true);
  });

  it("counts only what lies on its screen", () => {
    const painter = attached();
    painter.begin(0);
    painter.damage([{ left: 100, top: 0, right: 1000, bottom: 1000 }]);
    expect(painter.fillsUntil).toBe(250);
  });
});
