// From bytes, which come from a network, back to a testcard: whatever no testcard can be in is
// refused.

import { decodeFields, sizeOf } from "@caraway/wire";
import { paintColors } from "./colors.ts";
import { type CounterState, counterTickMs, counterUses, firstCounter } from "./counter-stream.ts";
import { cursorNames } from "./cursor-shapes.ts";
import { clockMs, type Desktop, type Grab, type WindowPlace, windowNames } from "./desktop.ts";
import { editorTextMax } from "./editor-text.ts";
import { hasLetter } from "./font.ts";
import { keysHeldMax } from "./keyboard.ts";
import { lateMaxMs } from "./melody.ts";
import { displaysOf, primarySize } from "./monitors.ts";
import { frameBy } from "./motion-window.ts";
import { tipRadii } from "./paint-window.ts";
import { slideCount, slidesBy } from "./photo-window.ts";
import { unpackPixels } from "./pixel-packing.ts";
import {
  boxAt,
  intersectBoxes,
  isInside,
  isSameBox,
  type Region,
  regionBoxesMax,
} from "./region.ts";
import { loadAgent } from "./saved-agent.ts";
import { loadCard } from "./saved-card.ts";
import { check, flag, wrongState } from "./saved-checks.ts";
import {
  never,
  type SavedInputValue,
  SavedTestcard,
  type SavedValue,
  savedMagic,
  savedVersion,
} from "./saved-layout.ts";
import { loadSlots } from "./saved-usb.ts";
import {
  clockMaxMs,
  countersMax,
  monitorSideMax,
  type Settings,
  settingsFault,
} from "./settings.ts";
import { firstLines, linesBy } from "./terminal-window.ts";
import {
  type DeviceInput,
  firstState,
  type Painting,
  surfacesOf,
  type TestcardState,
  waitingMax,
} from "./testcard-state.ts";
import { levelOf, videoBy } from "./video-window.ts";
import { keepOnMonitor } from "./windows.ts";

/**
 * @throws CarawayError when the bytes are not a state that `saveState` writes.
 */
export function loadState(bytes: Uint8Array): TestcardState {
  const saved = decodeFields(SavedTestcard, bytes);
  check(saved.magic === savedMagic, "it is no testcard's");
  check(saved.version === savedVersion, `its version is ${saved.version}`);
  check(sizeOf(SavedTestcard, saved) === bytes.length, "bytes follow it");
  const settings: Settings = {
    layout: flag(saved.isHeads) ? "heads" : "displays",
    output: flag(saved.isFramebuffer) ? "framebuffer" : "drawing",
    agent: flag(saved.hasAgent),
    sound: flag(saved.hasSound),
    video: flag(saved.hasVideo),
    speedPercent: saved.speedPercent,
    freezeAtMs: saved.freezeAtMs === never ? null : saved.freezeAtMs,
    seed: saved.seed,
    batch: saved.batch,
  };
  // Nothing is made of the sizes before they are known to be within bounds.
  const fault = settingsFault(settings, saved.monitors);
  check(fault === null, fault ?? "");
  const state = firstState(settings, saved.monitors, {
    ...{ counters: [], usb: 0, smartcard: false },
  });
  state.isSetUp = flag(saved.isSetUp);
  loadDesktop(state.desktop, saved);
  state.painting = loadPainting(state.desktop, saved);
  check(saved.waiting.length <= waitingMax, "too many inputs wait");
  state.waiting = saved.waiting.map(loadInput);
  check(saved.wishes.length <= saved.monitors.length, "there are more wishes than monitors");
  state.wishes = saved.wishes;
  state.counters = loadCounters(state.desktop, saved);
  state.slots = loadSlots(saved.usb, state.counters.length, state.desktop.runtimeMs);
  const { runtimeMs } = state.desktop;
  state.card = saved.card.length === 0 ? null : loadCard(saved.card, 0, runtimeMs);
  loadSound(state, saved);
  loadSurfaces(state, saved);
  check(saved.agent.length === 0 || settings.agent, "it has no agent");
  state.agent = saved.agent.length === 0 ? null : loadAgent(saved.agent);
  return state;
}

function loadDesktop(desktop: Desktop, saved: SavedValue): void {
  const { runtimeMs, keyboard, counters, paint, slideTurns } = {
    ...saved,
    runtimeMs: Number(saved.runtimeMs),
    keyboard: { held: saved.held, leds: saved.leds },
  };
  check(Number.isSafeInteger(runtimeMs), "it has run too long");
  desktop.runtimeMs = runtimeMs;
  desktop.windows = loadWindows(desktop, saved);
  const { held, leds } = keyboard;
  check(held.length <= keysHeldMax && new Set(held).size === held.length, "its keys are wrong");
  check(leds <= 7, "its LEDs are wrong");
  desktop.keyboard = keyboard;
  desktop.counters = counters;
  loadPointer(desktop, saved);
  loadEditor(desktop, saved);
  check(paint.color < paintColors.length && paint.tip < tipRadii.length, "its brush is wrong");
  const last = { x: paint.lastX, y: paint.lastY };
  check(isNear(last.x) && isNear(last.y), "its brush is far away");
  const { color, tip, trace } = paint;
  desktop.paint = { color, tip, last: flag(paint.hasLast) ? last : null, trace };
  check(slideTurns < slideCount, "its slide is wrong");
  desktop.slideTurns = slideTurns;
  const shown = { ...saved.shown, caret: flag(saved.shown.caret) };
  check(isPast(desktop, shown), "it shows what is yet to come");
  desktop.shown = shown;
}

function loadWindows(desktop: Desktop, { windows }: SavedValue): WindowPlace[] {
  const { monitors } = desktop;
  const expected = desktop.windows.map(({ name }) => name).sort();
  const places = windows.map((saved): WindowPlace => {
    const name = windowNames[saved.name];
    check(name !== undefined && saved.monitor < monitors.length, "there is no such window");
    const place = { ...saved, name };
    // A window's surfaces are on the first monitor's display, and it stays there with them.
    const { display } = monitors[place.monitor]!;
    check(name === "chart" || display === monitors[0]!.display, "a window is on a wrong display");
    const kept = keepOnMonitor(place, monitors);
    check(kept.left === place.left && kept.top === place.top, "a window is off its monitor");
    return place;
  });
  const names = places.map(({ name }) => name).sort();
  check(names.join() === expected.join(), "its windows are others");
  return places;
}

function loadPointer(desktop: Desktop, saved: SavedValue): void {
  const { pointer, grab } = saved;
  const monitor = desktop.monitors[pointer.monitor];
  check(monitor !== undefined && isInside(monitor.box, pointer), "the pointer is nowhere");
  check(pointer.buttons <= 0x7f, "its buttons are wrong");
  desktop.pointer = { ...pointer, isHidden: flag(pointer.isHidden) };
  const kind = (["none", "title", "inside"] as const)[grab.kind];
  check(kind !== undefined, "what the pointer holds is wrong");
  const grabbed: Grab = kind === "title" ? { kind, dx: grab.dx, dy: grab.dy } : { kind };
  desktop.grab = grabbed;
  const cursor = cursorNames[saved.cursor];
  check(cursor !== undefined, "there is no such pointer");
  desktop.cursor = cursor;
}

function loadEditor(desktop: Desktop, saved: SavedValue): void {
  const { editorText: text, editorCaret: caret, editorTouchedMs: touchedMs } = saved;
  check(text.length <= editorTextMax && caret <= text.length, "its text is too long");
  check(
    [...text].every((letter) => letter === "\n" || hasLetter(letter)),
    "its text is strange",
  );
  check(touchedMs <= clockMs(desktop), "its text is of the future");
  desktop.editor = { text, caret, touchedMs };
}

/** Nothing can be shown before its time. */
function isPast(desktop: Desktop, shown: Desktop["shown"]): boolean {
  const now = clockMs(desktop);
  return (
    shown.second * 1000 <= now &&
    shown.lines >= firstLines &&
    shown.lines <= linesBy(desktop) &&
    shown.frame <= frameBy(desktop) &&
    shown.slides <= slidesBy(desktop) &&
    shown.video <= videoBy(desktop) &&
    shown.level <= levelOf(0x8000)
  );
}

function loadPainting(desktop: Desktop, saved: SavedValue): Painting | null {
  if (saved.paintingDone === never) {
    check(saved.damage.length === 0 && saved.paintingDueMs === 0, "nothing is painted");
    return null;
  }
  const damage = new Map<number, Region>();
  for (const { display, ...box } of saved.damage) {
    check(displaysOf(desktop.monitors).includes(display), "there is no such display");
    const { width, height } = primarySize(desktop.monitors, display);
    const seen = intersectBoxes(box, boxAt(0, 0, width, height));
    check(seen !== null && isSameBox(seen, box), "it paints beside its display");
    const region = damage.get(display) ?? [];
    check(region.length < regionBoxesMax, "it paints too many parts");
    check(
      region.every((other) => intersectBoxes(other, box) === null),
      "it paints a part twice",
    );
    damage.set(display, [...region, box]);
  }
  check(damage.size > 0, "it paints nothing");
  check(Math.abs(saved.paintingDueMs) <= clockMaxMs, "it paints too late");
  return { damage, done: saved.paintingDone, dueMs: desktop.runtimeMs + saved.paintingDueMs };
}

function loadInput({ kind, a, b, c, buttons }: SavedInputValue): DeviceInput {
  switch (kind) {
    case 0:
      check(a >= 0, "there is no such key");
      return { type: "key", code: a, down: flag(b) };
    case 1:
      return { type: "mouse-motion", dx: a, dy: b, buttons };
    case 2:
      return { type: "tablet-position", display: a, x: b, y: c, buttons };
    case 3:
      return { type: "buttons", buttons };
    case 4:
      check(a === -1 || a === 1, "a wheel turns one step at a time");
      return { type: "wheel", steps: a, buttons };
    default:
      throw wrongState("there is no such input");
  }
}

function loadSurfaces({ desktop, screen }: TestcardState, { surfaces }: SavedValue): void {
  const expected = surfacesOf(desktop);
  check(surfaces.length === expected.length, "its surfaces are others");
  expected.forEach(([display, { id }], index) => {
    const saved = surfaces[index]!;
    check(saved.display === display && saved.id === id, "its surfaces are others");
    unpackPixels(saved.packed, screen.surface(display, id)!.pixmap);
  });
}

function loadCounters(desktop: Desktop, { counterDevices }: SavedValue): CounterState[] {
  check(counterDevices.length <= countersMax, "it has too many counters");
  return counterDevices.map((saved, id): CounterState => {
    const use = counterUses[saved.use];
    check(use !== undefined, "there is no such counter");
    const [said, heard, wrongAt] = [saved.said, saved.heard, saved.wrongAt].map(Number);
    const counts = [said!, heard!, wrongAt!];
    check(counts.every(Number.isSafeInteger) && wrongAt! <= heard!, "a counter is out of bounds");
    check(Math.abs(saved.dueMs) <= counterTickMs, "a counter ticks too late");
    return {
      ...firstCounter(use, id),
      isOpen: flag(saved.isOpen),
      said: said!,
      heard: heard!,
      wrongAt: flag(saved.hasWrong) ? wrongAt! : null,
      breaks: saved.breaks,
      dueMs: desktop.runtimeMs + saved.dueMs,
    };
  });
}

function loadSound({ desktop, sound }: TestcardState, saved: SavedValue): void {
  const { soundPlayedMs, soundHeardBytes, soundLoudest } = saved;
  check(soundPlayedMs <= 0 && soundPlayedMs >= -lateMaxMs, "its sound is out of time");
  check(soundHeardBytes <= Number.MAX_SAFE_INTEGER, "it has heard too much");
  check(soundLoudest <= 0x8000, "it has heard too loud a sound");
  sound.playedMs = desktop.runtimeMs + soundPlayedMs;
  sound.heardBytes = Number(soundHeardBytes);
  sound.loudest = soundLoudest;
  desktop.loudness = soundLoudest;
}

/** Where a pointer can be, or a window. */
function isNear(coordinate: number): boolean {
  return Math.abs(coordinate) <= 8 * monitorSideMax;
}
