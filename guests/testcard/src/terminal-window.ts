// The window with a terminal that prints a line now and then and scrolls: a surface of 16 bits
// (565) on which COPY_BITS moves the older lines up.

import { SurfaceFormat } from "@caraway/protocol";
import { hash } from "./arithmetic.ts";
import { clockMs, type Desktop } from "./desktop.ts";
import { surfaceImage } from "./images.ts";
import { Operator, type Pen } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { SurfaceShape, WindowKind } from "./window-kind.ts";

const width = 314;
const height = 208;
const lineHeight = 16;
const lineCount = height / lineHeight;
const linePeriodMs = 700;

const screen: SurfaceShape = { id: 3, width, height, format: SurfaceFormat["16_565"] };
const whole = boxAt(0, 0, width, height);

/** Colours of 5, 6 and 5 bits for what is filled, and of 5 bits each for text. */
const ground = 0x1106;
const narrow = (rgb: number) => ((rgb >> 9) & 0x7c00) | ((rgb >> 6) & 0x3e0) | ((rgb >> 3) & 0x1f);
const ink = { time: narrow(0x7fa0b0), plain: narrow(0xe4e8e0), good: narrow(0x8fd08a) };

/** Lines that are there when the guest boots. */
export const firstLines = lineCount;

export const terminalWindow: WindowKind = {
  title: "Log",
  width,
  height,
  surfaces: [screen],
  setUp(desktop, stage) {
    printLines(desktop, stage.pen(screen.id), desktop.shown.lines);
  },
  // PEER: spice-gtk copies between surfaces of different depth only when it scales or composes.
  draw(_desktop, pen) {
    pen.composite(whole, Operator.SRC, surfaceImage(screen.id));
  },
  cursorAt: () => "block",
  tick(desktop, stage) {
    const lines = linesBy(desktop);
    const fresh = lines - desktop.shown.lines;
    if (fresh === 0) return;
    const pen = stage.pen(screen.id);
    if (fresh < lineCount) {
      const kept = height - fresh * lineHeight;
      pen.copyBits(boxAt(0, 0, width, kept), { x: 0, y: fresh * lineHeight });
    }
    desktop.shown = { ...desktop.shown, lines };
    printLines(desktop, pen, Math.min(fresh, lineCount));
    stage.damage("terminal");
  },
  nextTick: ({ shown }) => (shown.lines - firstLines + 1) * linePeriodMs,
};

/** Lines that are printed until now. */
export function linesBy(desktop: Desktop): number {
  return firstLines + Math.floor(clockMs(desktop) / linePeriodMs);
}

/** The latest lines, at the bottom. */
function printLines(desktop: Desktop, pen: Pen, count: number): void {
  const { lines } = desktop.shown;
  pen.fill(boxAt(0, height - count * lineHeight, width, count * lineHeight), ground);
  for (let back = count; back > 0; back--) {
    const number = lines - back;
    const top = height - back * lineHeight + 2;
    const time = (Math.max(0, number - firstLines + 1) * linePeriodMs) / 1000;
    pen.text(6, top, time.toFixed(1).padStart(7), ink.time);
    const isGood = hash(desktop.settings.seed, number) % 4 === 0;
    pen.text(62, top, lineText(desktop.settings.seed, number), isGood ? ink.good : ink.plain);
  }
}

const subjects = ["disk", "net", "cpu", "mem", "usb", "clock", "audio", "task"] as const;

/** At most 34 letters. */
function lineText(seed: number, number: number): string {
  const some = hash(seed, number * 2 + 1);
  const subject = subjects[some % subjects.length]!;
  const value = (some >>> 8) % 1000;
  const texts = [
    `${subject}: ${value} of 1000 done`,
    `${subject}: ready after ${value} us`,
    `${subject}: ok, ${value % 60} in the queue`,
    `${subject}: block ${some >>> 16} written`,
  ];
  return `${String(number).padStart(4, "0")} ${texts[(some >>> 4) % texts.length]!}`;
}
