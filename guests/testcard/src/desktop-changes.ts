// What changes the desktop as a whole: the first drawing, the clock, and keys.

import type { GuestOutput, KeyboardInput } from "@caraway/server";
import type { Desktop } from "./desktop.ts";
import { editText } from "./editor-window.ts";
import { pressKey } from "./keyboard.ts";
import { displaysOf, primarySize } from "./monitors.ts";
import { isOverEditor } from "./pointer.ts";
import { boxAt } from "./region.ts";
import type { DesktopStage } from "./stage.ts";
import { nextSecond, tickClock } from "./status-bar.ts";
import { windowKinds } from "./windows.ts";

const kinds = Object.values(windowKinds);

/** Draws all surfaces off screen, and has all displays painted. */
export function setUpDesktop(desktop: Desktop, stage: DesktopStage): void {
  for (const kind of kinds) kind.setUp?.(desktop, stage);
  damageDisplays(desktop, stage);
}

export function damageDisplays(desktop: Desktop, stage: DesktopStage): void {
  for (const display of displaysOf(desktop.monitors)) {
    const { width, height } = primarySize(desktop.monitors, display);
    stage.damageOn(display, boxAt(0, 0, width, height));
  }
}

/** Brings all that moves by itself to where it is by the clock. */
export function tickDesktop(desktop: Desktop, stage: DesktopStage): void {
  tickClock(desktop);
  for (const kind of kinds) kind.tick?.(desktop, stage);
}

/** When, on the desktop's clock, something moves next. */
export function nextChange(desktop: Desktop): number {
  const ticks = kinds.map((kind) => kind.nextTick?.(desktop) ?? Number.POSITIVE_INFINITY);
  return Math.min(nextSecond(desktop), ...ticks);
}

export function typeKey(
  desktop: Desktop,
  stage: DesktopStage,
  input: KeyboardInput,
  outputs: GuestOutput[],
): void {
  const { leds } = desktop.keyboard;
  const { keyboard, counters, edit } = pressKey(desktop.keyboard, desktop.counters, input);
  desktop.keyboard = keyboard;
  desktop.counters = counters;
  if (keyboard.leds !== leds) outputs.push({ type: "leds", modifiers: keyboard.leds });
  if (edit === null) return;
  editText(desktop, stage, edit);
  if (isOverEditor(desktop)) desktop.pointer = { ...desktop.pointer, isHidden: true };
}
