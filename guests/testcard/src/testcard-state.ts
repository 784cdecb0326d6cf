// All that a testcard is and that is saved: the desktop, its pixels, and what is under way.

import type { KeyboardInput, MonitorWish, PointerInput } from "@caraway/server";
import type { AgentProgramState } from "./agent-program.ts";
import { type CardSlotState, firstCardSlot } from "./card-slot.ts";
import { type CounterState, type CounterUse, firstCounter } from "./counter-stream.ts";
import { firstCursor } from "./cursor-shapes.ts";
import type { Desktop } from "./desktop.ts";
import { firstEditor } from "./editor-window.ts";
import { firstSound, type SoundState } from "./melody.ts";
import { displaysOf, layMonitors, primaryFormat, primarySize } from "./monitors.ts";
import type { Region } from "./region.ts";
import { Screen } from "./screen.ts";
import type { Settings, Size } from "./settings.ts";
import { firstLines } from "./terminal-window.ts";
import { firstUsbSlot, type UsbSlotState } from "./usb-slot.ts";
import type { SurfaceShape } from "./window-kind.ts";
import { offScreenSurfaces, placeWindows } from "./windows.ts";

/** What a stopped guest hears, to act on it when it runs again. */
export type DeviceInput = KeyboardInput | PointerInput;

/** Further ones are lost, as in any device; motions become one, so they do not count. */
export const waitingMax = 1024;

/** The painter's work that is not done yet. */
export interface Painting {
  /** By display, what is drawn. */
  readonly damage: ReadonlyMap<number, Region>;
  /** Drawings of it that are done. */
  readonly done: number;
  /** When, in the time that the guest has run, the next ones are due. */
  readonly dueMs: number;
}

export interface TestcardState {
  readonly desktop: Desktop;
  readonly screen: Screen;
  /** Whether the surfaces have been drawn for the first time. */
  isSetUp: boolean;
  painting: Painting | null;
  waiting: readonly DeviceInput[];
  wishes: readonly MonitorWish[];
  counters: readonly CounterState[];
  /** USB slots. */
  slots: readonly UsbSlotState[];
  /** The smartcard reader; null: there is none. */
  card: CardSlotState | null;
  readonly sound: SoundState;
  /** Null before an agent has run. */
  agent: AgentProgramState | null;
}

/** Devices beside those of every desktop. */
export interface DeviceChoice {
  readonly counters: readonly CounterUse[];
  readonly usb: number;
  readonly smartcard: boolean;
}

export function firstState(
  settings: Settings,
  sizes: readonly Size[],
  { counters, usb, smartcard }: DeviceChoice,
): TestcardState {
  const monitors = layMonitors(sizes, settings.layout);
  const { box } = monitors[0]!;
  const desktop: Desktop = {
    settings,
    runtimeMs: 0,
    monitors,
    windows: placeWindows(monitors, settings.video),
    pointer: {
      monitor: 0,
      x: (box.left + box.right) >> 1,
      y: box.top + 30,
      buttons: 0,
      isHidden: false,
    },
    grab: { kind: "none" },
    cursor: firstCursor,
    keyboard: { held: [], leds: 0 },
    counters: { presses: 0, repeats: 0, releases: 0, clicks: 0, wheel: 0 },
    editor: firstEditor,
    paint: { color: 1, tip: 1, last: null, trace: 0 },
    slideTurns: 0,
    shown: { second: 0, caret: true, lines: firstLines, frame: 0, slides: 0, video: 0, level: 0 },
    loudness: 0,
  };
  const screen = new Screen();
  for (const [display, shape] of surfacesOf(desktop)) {
    screen.create(display, shape.id, shape.width, shape.height, shape.format);
  }
  const nothing = { isSetUp: false, painting: null, waiting: [], wishes: [], agent: null };
  return {
    desktop,
    screen,
    ...nothing,
    sound: { ...firstSound },
    counters: counters.map(firstCounter),
    slots: Array.from({ length: usb }, (_, index) => firstUsbSlot(counters.length + index)),
    card: smartcard ? firstCardSlot(0) : null,
  };
}

/** All surfaces with their displays: the primary ones, and those of windows. */
export function surfacesOf({ monitors }: Desktop): (readonly [number, SurfaceShape])[] {
  const primaries = displaysOf(monitors).map((display) => {
    return [display, { id: 0, ...primarySize(monitors, display), format: primaryFormat }] as const;
  });
  const { display } = monitors[0]!;
  return [...primaries, ...offScreenSurfaces.map((shape) => [display, shape] as const)];
}
