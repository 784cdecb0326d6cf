// The bar at the bottom of the first monitor: what arrived from keyboard and pointer, the lock
// LEDs, and the desktop's clock.

import type { Box } from "@caraway/canvas";
import { KeyboardModifier } from "@caraway/protocol";
import { color } from "./colors.ts";
import { clockMs, type Desktop } from "./desktop.ts";
import type { Pen } from "./pen.ts";
import { boxAt, moveBox } from "./region.ts";

export const statusHeight = 26;

interface Field {
  readonly name: string;
  readonly left: number;
  readonly width: number;
  text(desktop: Desktop): string;
}

const fields: readonly Field[] = [
  field("keys", 10, 190, ({ counters: { presses, repeats, releases } }) => {
    const repeated = repeats === 0 ? "" : ` +${repeats}`;
    return `${presses}${repeated} down ${releases} up`;
  }),
  field("held", 206, 158, ({ keyboard: { held } }) =>
    held.length === 0 ? "none" : held.slice(0, 4).map(hex).join(" "),
  ),
  field("clicks", 370, 90, ({ counters }) => String(counters.clicks)),
  field("wheel", 466, 84, ({ counters }) => signed(counters.wheel)),
  field("pointer", 556, 140, ({ pointer: { x, y } }) => `${x},${y}`),
];

const locks = [
  { name: "caps", left: 704, bit: KeyboardModifier.CAPS_LOCK },
  { name: "num", left: 762, bit: KeyboardModifier.NUM_LOCK },
  { name: "scroll", left: 814, bit: KeyboardModifier.SCROLL_LOCK },
];
const locksBox = boxAt(700, 2, 192, statusHeight - 3);
const clockWidth = 86;

/** Where the bar is, on the first monitor's display. */
export function statusBox({ monitors }: Desktop): Box {
  const { box } = monitors[0]!;
  return { ...box, top: box.bottom - statusHeight };
}

/** All that the bar says: what differs between two of them is to be drawn again. */
export interface StatusTexts {
  readonly fields: readonly string[];
  readonly locks: string;
  readonly clock: string;
}

export function statusTexts(desktop: Desktop): StatusTexts {
  return {
    fields: fields.map((one) => one.text(desktop)),
    locks: String(desktop.keyboard.leds),
    clock: clockText(desktop),
  };
}

/** The parts of the bar, which lies in that box, that differ. */
export function changedStatus(before: StatusTexts, after: StatusTexts, bar: Box): Box[] {
  const boxes: Box[] = [];
  fields.forEach(({ left, width: fieldWidth }, index) => {
    if (before.fields[index] !== after.fields[index]) {
      boxes.push(boxAt(left, 2, fieldWidth, statusHeight - 3));
    }
  });
  if (before.locks !== after.locks) boxes.push(locksBox);
  if (before.clock !== after.clock) boxes.push(clockBox(bar.right - bar.left));
  return boxes.map((box) => moveBox(box, bar.left, bar.top));
}

export function drawStatusBar(desktop: Desktop, pen: Pen, width: number): void {
  pen.fill(boxAt(0, 0, width, statusHeight), color.night);
  pen.fill(boxAt(0, 0, width, 1), color.teal);
  for (const one of fields) {
    const area = pen.within(boxAt(one.left, 2, one.width, statusHeight - 3));
    area.text(0, 6, one.name, 0x7f95a3);
    area.text((one.name.length + 1) * 7, 6, one.text(desktop), color.white);
  }
  for (const { name, left, bit } of locks) {
    const isOn = (desktop.keyboard.leds & bit) !== 0;
    pen.fill(boxAt(left, 10, 7, 7), isOn ? color.sun : 0x34485a);
    pen.text(left + 12, 8, name, isOn ? color.white : 0x7f95a3);
  }
  const box = clockBox(width);
  pen.label(box, box.left + 14, 8, clockText(desktop), color.white, color.deep);
}

/** When, on the desktop's clock, the bar shows another second. */
export function nextSecond(desktop: Desktop): number {
  return (desktop.shown.second + 1) * 1000;
}

function clockText(desktop: Desktop): string {
  const { second } = desktop.shown;
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
}

/** Takes over the second that it is now. */
export function tickClock(desktop: Desktop): void {
  const second = Math.floor(clockMs(desktop) / 1000);
  if (second !== desktop.shown.second) desktop.shown = { ...desktop.shown, second };
}

function clockBox(width: number): Box {
  return boxAt(width - clockWidth, 2, clockWidth, statusHeight - 3);
}

function field(
  name: string,
  left: number,
  width: number,
  text: (desktop: Desktop) => string,
): Field {
  return { name, left, width, text };
}

function hex(code: number): string {
  return code.toString(16);
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value);
}
