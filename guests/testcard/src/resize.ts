// Monitors that take the size that clients wish for: new primary surfaces, and windows that stay
// where they can be seen.

import type { GuestOutput, MonitorWish } from "@caraway/server";
import { damageDisplays } from "./desktop-changes.ts";
import {
  clampTo,
  displaysOf,
  layMonitors,
  monitorsOutput,
  primaryFormat,
  primarySize,
  wishedSizes,
} from "./monitors.ts";
import type { DesktopStage } from "./stage.ts";
import type { TestcardState } from "./testcard-state.ts";
import { keepOnMonitor } from "./windows.ts";

export function resize(
  { desktop, screen }: TestcardState,
  stage: DesktopStage,
  wishes: readonly MonitorWish[],
  outputs: GuestOutput[],
): void {
  const before = desktop.monitors;
  const sizes = wishedSizes(before, wishes);
  if (sizes === null) return;
  const monitors = layMonitors(sizes, desktop.settings.layout);
  desktop.monitors = monitors;
  for (const display of displaysOf(monitors)) {
    const { width, height } = primarySize(monitors, display);
    const old = primarySize(before, display);
    if (width !== old.width || height !== old.height) {
      screen.destroy(display, 0);
      screen.create(display, 0, width, height, primaryFormat);
      outputs.push({ type: "surface-destroy", display, surface: 0 });
      outputs.push({
        type: "surface-create",
        display,
        surface: 0,
        width,
        height,
        format: primaryFormat,
        content: null,
      });
    }
    outputs.push(monitorsOutput(monitors, display));
  }
  // What stands on a monitor moves with it.
  const shift = (index: number) => monitors[index]!.box.left - before[index]!.box.left;
  desktop.windows = desktop.windows.map((place) =>
    keepOnMonitor({ ...place, left: place.left + shift(place.monitor) }, monitors),
  );
  const { pointer } = desktop;
  const at = { x: pointer.x + shift(pointer.monitor), y: pointer.y };
  desktop.pointer = { ...pointer, ...clampTo(monitors[pointer.monitor]!, at) };
  damageDisplays(desktop, stage);
}
