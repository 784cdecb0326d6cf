// The pointer: where it goes, which window it takes, drags or speaks to, and which shape it has.

import { MouseButtonMask } from "@caraway/protocol";
import type { GuestOutput, PointerInput } from "@caraway/server";
import { type CursorName, cursorShape } from "./cursor-shapes.ts";
import type { Desktop, Pointer, WindowPlace } from "./desktop.ts";
import { clampTo, monitorAt } from "./monitors.ts";
import {
  addBox,
  intersectBoxes,
  isInside,
  moveBox,
  type Point,
  type Region,
  subtractBox,
} from "./region.ts";
import type { DesktopStage } from "./stage.ts";
import { insideBox, outerBox, shadowBox, titleHeight } from "./window-kind.ts";
import { keepOnMonitor, visibleBox, windowKinds } from "./windows.ts";

/** Buttons that are pressed; the wheel's are not. */
const clickMask =
  MouseButtonMask.LEFT |
  MouseButtonMask.MIDDLE |
  MouseButtonMask.RIGHT |
  MouseButtonMask.SIDE |
  MouseButtonMask.EXTRA;

export function handlePointer(desktop: Desktop, stage: DesktopStage, input: PointerInput): void {
  const pointer = movedPointer(desktop, input);
  if (pointer === null) return;
  const before = desktop.pointer;
  desktop.pointer = pointer;
  if (pointer.x !== before.x || pointer.y !== before.y || pointer.monitor !== before.monitor) {
    moveGrabbed(desktop, stage);
  }
  const pressed = pointer.buttons & ~before.buttons & clickMask;
  const clicks = desktop.counters.clicks + countBits(pressed);
  desktop.counters = { ...desktop.counters, clicks };
  if ((pressed & MouseButtonMask.LEFT) !== 0) pressLeft(desktop, stage);
  if ((before.buttons & ~pointer.buttons & MouseButtonMask.LEFT) !== 0) release(desktop, stage);
  if (input.type === "wheel") turnWheel(desktop, stage, input.steps);
}

/** Shape and place of the pointer, as far as they changed since `before`. */
export function cursorOutputs(desktop: Desktop, before: Pointer): GuestOutput[] {
  const { pointer } = desktop;
  const outputs: GuestOutput[] = [];
  const { display } = desktop.monitors[pointer.monitor]!;
  const displayBefore = desktop.monitors[before.monitor]!.display;
  const hasMoved = pointer.x !== before.x || pointer.y !== before.y;
  if (display !== displayBefore) {
    const { x, y } = before;
    outputs.push({ type: "cursor-move", display: displayBefore, x, y, visible: false });
  }
  const cursor = cursorAt(desktop);
  if (cursor !== desktop.cursor || display !== displayBefore) {
    desktop.cursor = cursor;
    outputs.push({ type: "cursor-shape", display, shape: cursorShape(cursor) });
  }
  if (hasMoved || display !== displayBefore) {
    outputs.push({ type: "cursor-move", display, x: pointer.x, y: pointer.y, visible: true });
  }
  return outputs;
}

/** null when the input is for a display that there is not. */
function movedPointer(desktop: Desktop, input: PointerInput): Pointer | null {
  const { pointer } = desktop;
  const buttons = input.buttons & 0x7f;
  switch (input.type) {
    case "tablet-position": {
      const monitor = monitorAt(desktop, input.display, input);
      if (monitor === null) return null;
      const at = clampTo(desktop.monitors[monitor]!, input);
      return { ...at, monitor, buttons, isHidden: false };
    }
    case "mouse-motion":
      return { ...crossMonitors(desktop, input.dx, input.dy), buttons, isHidden: false };
    case "buttons":
    case "wheel":
      return { ...pointer, buttons };
  }
}

/** Monitors stand side by side: who leaves one to the right comes to the next from the left. */
function crossMonitors(desktop: Desktop, dx: number, dy: number): Point & { monitor: number } {
  const { monitors, pointer } = desktop;
  let { monitor } = pointer;
  let x = pointer.x + dx;
  let y = pointer.y + dy;
  const leave = (step: 1 | -1): boolean => {
    const next = monitors[monitor + step];
    if (next === undefined) return false;
    const { box } = monitors[monitor]!;
    const beyond = step === 1 ? x - box.right : x - box.left;
    x = step === 1 ? next.box.left + beyond : next.box.right + beyond;
    y += next.box.top - box.top;
    monitor += step;
    return true;
  };
  while (x >= monitors[monitor]!.box.right && leave(1));
  while (x < monitors[monitor]!.box.left && leave(-1));
  return { ...clampTo(monitors[monitor]!, { x, y }), monitor };
}

function pressLeft(desktop: Desktop, stage: DesktopStage): void {
  const at = windowAt(desktop);
  if (at === null) return;
  raise(desktop, stage, at);
  const place = desktop.windows.at(-1)!;
  const { x, y } = desktop.pointer;
  if (y < place.top + titleHeight) {
    desktop.grab = { kind: "title", dx: x - place.left, dy: y - place.top };
  } else {
    desktop.grab = { kind: "inside" };
    windowKinds[place.name].press?.(desktop, stage, placeInside(desktop, place));
  }
}

function release(desktop: Desktop, stage: DesktopStage): void {
  if (desktop.grab.kind === "inside") {
    windowKinds[desktop.windows.at(-1)!.name].release?.(desktop, stage);
  }
  desktop.grab = { kind: "none" };
}

function turnWheel(desktop: Desktop, stage: DesktopStage, steps: number): void {
  desktop.counters = { ...desktop.counters, wheel: desktop.counters.wheel + steps };
  const at = windowAt(desktop);
  if (at !== null) windowKinds[desktop.windows[at]!.name].wheel?.(desktop, stage, steps);
}

function moveGrabbed(desktop: Desktop, stage: DesktopStage): void {
  const place = desktop.windows.at(-1)!;
  const { grab, pointer, monitors } = desktop;
  const isSameDisplay = monitors[pointer.monitor]!.display === monitors[place.monitor]!.display;
  if (grab.kind === "none" || !isSameDisplay) return;
  if (grab.kind === "inside") {
    windowKinds[place.name].drag?.(desktop, stage, placeInside(desktop, place));
    return;
  }
  const wanted = { left: pointer.x - grab.dx, top: pointer.y - grab.dy };
  const moved = { ...place, ...wanted, monitor: pointer.monitor };
  moveTopWindow(desktop, stage, keepOnMonitor(moved, monitors));
}

/** The window's pixels are copied, and only what it uncovers is drawn again. */
function moveTopWindow(desktop: Desktop, stage: DesktopStage, to: WindowPlace): void {
  const from = desktop.windows.at(-1)!;
  const [dx, dy] = [to.left - from.left, to.top - from.top];
  if (dx === 0 && dy === 0 && to.monitor === from.monitor) return;
  desktop.windows = [...desktop.windows.slice(0, -1), to];
  const kind = windowKinds[to.name];
  const { display } = desktop.monitors[to.monitor]!;
  const shown = visibleBox(from, desktop.monitors);
  const shows = visibleBox(to, desktop.monitors);
  let stale: Region = [shadowBox(outerBox(from, kind))];
  stale = addBox(stale, shadowBox(outerBox(to, kind)));
  const kept =
    shown === null || shows === null ? null : intersectBoxes(moveBox(shown, dx, dy), shows);
  if (kept !== null && to.monitor === from.monitor) {
    stage.penOn(display, 0).copyBits(kept, { x: kept.left - dx, y: kept.top - dy });
    stale = subtractBox(stale, kept);
  }
  for (const box of stale) stage.damageOn(display, box);
}

function raise(desktop: Desktop, stage: DesktopStage, at: number): void {
  const place = desktop.windows[at]!;
  const below = desktop.windows.at(-1)!;
  if (place === below) return;
  desktop.windows = [...desktop.windows.filter((other) => other !== place), place];
  const displayOf = (one: WindowPlace) => desktop.monitors[one.monitor]!.display;
  stage.damageOn(displayOf(place), shadowBox(outerBox(place, windowKinds[place.name])));
  // The frame of the window that was on top looks different now.
  const kind = windowKinds[below.name];
  for (const box of subtractBox([outerBox(below, kind)], insideBox(below, kind))) {
    stage.damageOn(displayOf(below), box);
  }
}

/** The topmost window under the pointer. */
function windowAt({ windows, monitors, pointer }: Desktop): number | null {
  const { display } = monitors[pointer.monitor]!;
  for (let at = windows.length - 1; at >= 0; at--) {
    const place = windows[at]!;
    if (monitors[place.monitor]!.display !== display) continue;
    const box = visibleBox(place, monitors);
    if (box !== null && isInside(box, pointer)) return at;
  }
  return null;
}

function placeInside({ pointer }: Desktop, place: WindowPlace): Point {
  const { left, top } = insideBox(place, windowKinds[place.name]);
  return { x: pointer.x - left, y: pointer.y - top };
}

function cursorAt(desktop: Desktop): CursorName {
  if (desktop.pointer.isHidden) return "none";
  if (desktop.grab.kind === "title") return "move";
  const at = windowAt(desktop);
  if (at === null) return "arrow";
  const place = desktop.windows[at]!;
  if (desktop.pointer.y < place.top + titleHeight) return "move";
  return windowKinds[place.name].cursorAt(placeInside(desktop, place));
}

/** Whether the pointer is over the text that is written. */
export function isOverEditor(desktop: Desktop): boolean {
  const at = windowAt(desktop);
  return at !== null && desktop.windows[at]!.name === "editor";
}

function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
