// What a testcard can be asked for, and the bounds of it.

import type { CounterUse } from "./counter-stream.ts";
import { TestcardError } from "./errors.ts";
import { usbSlotsMax } from "./usb-slot.ts";

export interface TestcardOptions {
  /** Size of each monitor in pixels: 1024 by 768 if nothing is said. */
  readonly width?: number;
  readonly height?: number;
  /** 1 to 4 monitors. */
  readonly monitors?: number;
  /**
   * `displays`: each monitor is a display device of its own. `heads`: all are parts of one wide
   * surface of one display.
   */
  readonly layout?: "displays" | "heads";
  /** Drawing commands and surfaces, or updates of a plain framebuffer. Both show the same pixels. */
  readonly output?: "drawing" | "framebuffer";
  /** Whether an agent runs in it, for clipboards, files and monitors: yes if nothing is said. */
  readonly agent?: boolean;
  /** Whether it plays a tune and listens: no if nothing is said. */
  readonly sound?: boolean;
  /** Whether a window plays video, which flashes where the tune clicks: no if nothing is said. */
  readonly video?: boolean;
  /** How fast the desktop's clock goes: 1 as real time, 0 for a desktop that stands still. */
  readonly speed?: number;
  /** Milliseconds of the desktop's clock after which it stands still; input is still heard. */
  readonly freezeAtMs?: number | null;
  /** Chooses pictures and texts: 32 bits. */
  readonly seed?: number;
  /** Devices that count (`counterBytes`), by their kind; ids count from 0. At most 8. */
  readonly counters?: readonly CounterUse[];
  /**
   * USB slots, 0 to 4; their ids count on from those of `counters`. It writes to a stick that is
   * plugged in, from the first block on, and checks what it reads.
   */
  readonly usb?: number;
  /** Whether it has a smartcard reader, and reads the card of its client: no if nothing is said. */
  readonly smartcard?: boolean;
  /** Drawings between two pauses of the painter, 1 to 1000: 1 can be stopped after every drawing. */
  readonly batch?: number;
}

/** The same, complete and checked. Speed is in hundredths, so that the clock stays in integers. */
export interface Settings {
  readonly layout: "displays" | "heads";
  readonly output: "drawing" | "framebuffer";
  readonly agent: boolean;
  readonly sound: boolean;
  readonly video: boolean;
  readonly speedPercent: number;
  readonly freezeAtMs: number | null;
  readonly seed: number;
  readonly batch: number;
}

/** Sides of a monitor. */
export const monitorSideMin = 240;
export const monitorSideMax = 4096;
const monitorsMax = 4;
/** All monitors together, so that a state of few bytes cannot ask for gigabytes. */
export const monitorPixelsMax = 1 << 25;
const speedPercentMax = 1000;
const batchMax = 1000;
export const countersMax = 8;
/** The desktop's clock ends after three weeks and a half, and stands still from then on. */
export const clockMaxMs = 0x7fffffff;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** @throws TestcardError TESTCARD_OPTIONS */
export function readOptions(options: TestcardOptions): {
  readonly settings: Settings;
  readonly sizes: readonly Size[];
  readonly counters: readonly CounterUse[];
  readonly usb: number;
  readonly smartcard: boolean;
} {
  const { width = 1024, height = 768, monitors = 1, counters = [], usb = 0 } = options;
  const { smartcard = false } = options;
  const settings: Settings = {
    layout: options.layout ?? "displays",
    output: options.output ?? "drawing",
    agent: options.agent ?? true,
    sound: options.sound ?? false,
    video: options.video ?? false,
    speedPercent: Math.round((options.speed ?? 1) * 100),
    freezeAtMs: options.freezeAtMs ?? null,
    seed: options.seed ?? 1,
    batch: options.batch ?? 32,
  };
  const fault =
    faultIn("monitors", monitors, 1, monitorsMax) ??
    faultIn("counters", counters.length, 0, countersMax) ??
    faultIn("usb", usb, 0, usbSlotsMax) ??
    settingsFault(settings, Array<Size>(monitors).fill({ width, height }));
  if (fault !== null) throw new TestcardError("TESTCARD_OPTIONS", fault);
  return {
    settings,
    sizes: Array<Size>(monitors).fill({ width, height }),
    counters,
    usb,
    smartcard,
  };
}

/** What is wrong with them, in words; null if nothing is. */
export function settingsFault(settings: Settings, sizes: readonly Size[]): string | null {
  const pixels = sizes.reduce((sum, { width, height }) => sum + width * height, 0);
  return (
    faultIn("monitors", sizes.length, 1, monitorsMax) ??
    sizes.reduce<string | null>(
      (fault, { width, height }) =>
        fault ??
        faultIn("width", width, monitorSideMin, monitorSideMax) ??
        faultIn("height", height, monitorSideMin, monitorSideMax),
      null,
    ) ??
    faultIn("pixels of all monitors", pixels, 1, monitorPixelsMax) ??
    faultIn("speed in percent", settings.speedPercent, 0, speedPercentMax) ??
    faultIn("freezeAtMs", settings.freezeAtMs ?? 0, 0, clockMaxMs) ??
    faultIn("seed", settings.seed, 0, 0xffffffff) ??
    faultIn("batch", settings.batch, 1, batchMax)
  );
}

function faultIn(name: string, value: number, least: number, most: number): string | null {
  if (Number.isInteger(value) && value >= least && value <= most) return null;
  return `${name}: ${value}, but it must be an integer from ${least} to ${most}`;
}
