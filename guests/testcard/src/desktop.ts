// All that the desktop is apart from its pixels: plain data that can be saved.

import type { Box } from "@caraway/canvas";
import type { CursorName } from "./cursor-shapes.ts";
import type { Point } from "./region.ts";
import { clockMaxMs, type Settings } from "./settings.ts";

export const windowNames = [
  "editor",
  "photo",
  "terminal",
  "paint",
  "motion",
  "formats",
  "operations",
  "chart",
  "video",
] as const;
export type WindowName = (typeof windowNames)[number];

export interface Monitor {
  readonly display: number;
  /** Which part of the display's primary surface it shows. */
  readonly box: Box;
}

export interface WindowPlace {
  readonly name: WindowName;
  readonly monitor: number;
  /** Upper left corner of the frame, on the display's primary surface. */
  readonly left: number;
  readonly top: number;
}

export interface Pointer extends Point {
  readonly monitor: number;
  /** `MouseButtonMask` bits that are held. */
  readonly buttons: number;
  /** Out of the way of somebody who types. */
  readonly isHidden: boolean;
}

/** What the left button holds: the topmost window's title, its inside, or nothing. */
export type Grab =
  | { readonly kind: "none" }
  /** Where in the frame the title was taken. */
  | { readonly kind: "title"; readonly dx: number; readonly dy: number }
  | { readonly kind: "inside" };

export interface Keyboard {
  /** Codes of keys that are down, in the order in which they went down. */
  readonly held: readonly number[];
  /** `KeyboardModifier` bits. */
  readonly leds: number;
}

/** What has arrived since the guest was made; each can be seen in the status bar. */
export interface Counters {
  readonly presses: number;
  readonly repeats: number;
  readonly releases: number;
  readonly clicks: number;
  readonly wheel: number;
}

export interface Editor {
  readonly text: string;
  readonly caret: number;
  /** On the desktop's clock: the caret begins to blink from here. */
  readonly touchedMs: number;
}

export interface Paint {
  /** Index of the colour. */
  readonly color: number;
  /** Index of the brush. */
  readonly tip: number;
  /** Where the last dab was, while the button is held. */
  readonly last: Point | null;
  /** Differs for paintings that differ, as far as 32 bits can tell. */
  readonly trace: number;
}

/** What moves by itself, as it was last drawn. */
export interface Shown {
  readonly second: number;
  readonly caret: boolean;
  readonly lines: number;
  readonly frame: number;
  /** How often the slide has changed by itself. */
  readonly slides: number;
  readonly video: number;
  /** Lit steps of the microphone's meter. */
  readonly level: number;
}

export interface Desktop {
  readonly settings: Settings;
  /** How long the guest has run. */
  runtimeMs: number;
  monitors: readonly Monitor[];
  /** From the lowest to the topmost. */
  windows: readonly WindowPlace[];
  pointer: Pointer;
  grab: Grab;
  /** The shape that was told last. */
  cursor: CursorName;
  keyboard: Keyboard;
  counters: Counters;
  editor: Editor;
  paint: Paint;
  /** How far the slides were turned by hand. */
  slideTurns: number;
  shown: Shown;
  /** The loudest of the samples of 16 bits that came from the microphone last. */
  loudness: number;
}

/** The desktop's own clock: it may be slower than the guest's, and stands still in the end. */
export function clockMs({ settings, runtimeMs }: Desktop): number {
  const ms = Math.floor((runtimeMs * settings.speedPercent) / 100);
  return Math.min(ms, settings.freezeAtMs ?? clockMaxMs, clockMaxMs);
}

/** How long the guest has run when the desktop's clock shows that time; null if it never will. */
export function runtimeAt({ settings }: Desktop, clock: number): number | null {
  const { speedPercent, freezeAtMs } = settings;
  if (speedPercent === 0 || clock > Math.min(freezeAtMs ?? clockMaxMs, clockMaxMs)) return null;
  return Math.ceil((clock * 100) / speedPercent);
}
