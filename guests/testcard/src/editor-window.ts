// The window with a text that keys write into: letters of one bit, and a caret that inverts.

import { color } from "./colors.ts";
import type { CursorName } from "./cursor-shapes.ts";
import { clockMs, type Desktop, type Editor } from "./desktop.ts";
import { edit, layOut } from "./editor-text.ts";
import { letterAdvance } from "./font.ts";
import type { Edit } from "./keyboard.ts";
import type { Pen } from "./pen.ts";
import { boxAt } from "./region.ts";
import type { Stage, WindowKind } from "./window-kind.ts";

const width = 342;
const height = 208;
const margin = 14;
const lineHeight = 16;
const lineCount = Math.floor((height - 8) / lineHeight);
const columns = Math.floor((width - margin - 8) / letterAdvance());
const blinkMs = 530;

const greeting = [
  "Welcome to the Caraway testcard.",
  "",
  "Keys write here. Windows move by their",
  "title, the brush below paints, the wheel",
  "turns the photo.",
  "",
  "",
].join("\n");

export const firstEditor: Editor = { text: greeting, caret: greeting.length, touchedMs: 0 };

export const editorWindow: WindowKind = {
  title: "Notes",
  width,
  height,
  draw(desktop, pen) {
    pen.fill(boxAt(0, 0, width, height), color.paper);
    pen.fill(boxAt(margin - 6, 0, 1, height), 0xe6b8a8);
    const view = viewOf(desktop.editor);
    view.lines.forEach((line, row) => {
      const top = 4 + row * lineHeight;
      pen.fill(boxAt(margin - 5, top + lineHeight - 2, width - margin, 1), color.shade);
      pen.text(margin, top + 2, line, color.ink);
    });
    if (desktop.shown.caret) drawCaret(pen, view);
  },
  cursorAt: (): CursorName => "text",
  tick(desktop, stage) {
    const caret = isCaretOn(desktop);
    if (caret === desktop.shown.caret) return;
    desktop.shown = { ...desktop.shown, caret };
    stage.damage("editor", caretBox(viewOf(desktop.editor)));
  },
  nextTick(desktop) {
    const clock = clockMs(desktop);
    if (isCaretOn(desktop) !== desktop.shown.caret) return clock;
    const { touchedMs } = desktop.editor;
    const blinks = Math.floor((clock - touchedMs) / blinkMs);
    return touchedMs + (blinks + 1) * blinkMs;
  },
};

/** A key changes the text; only lines that differ are drawn again. */
export function editText(desktop: Desktop, stage: Stage, change: Edit): void {
  const before = viewOf(desktop.editor);
  desktop.editor = { ...edit(desktop.editor, change, columns), touchedMs: clockMs(desktop) };
  const after = viewOf(desktop.editor);
  desktop.shown = { ...desktop.shown, caret: true };
  for (let row = 0; row < lineCount; row++) {
    if (before.lines[row] !== after.lines[row]) {
      stage.damage("editor", boxAt(0, 4 + row * lineHeight, width, lineHeight));
    }
  }
  stage.damage("editor", caretBox(before));
  stage.damage("editor", caretBox(after));
}

interface View {
  readonly lines: readonly string[];
  readonly caretRow: number;
  readonly caretColumn: number;
}

/** The lines that are seen: the caret's is always among them. */
function viewOf(editor: Editor): View {
  const { lines, caretLine, caretColumn } = layOut(editor, columns);
  const first = Math.max(0, caretLine - lineCount + 1);
  const seen = lines.slice(first, first + lineCount);
  while (seen.length < lineCount) seen.push("");
  return { lines: seen, caretRow: caretLine - first, caretColumn };
}

function caretBox({ caretRow, caretColumn }: View) {
  const left = margin - 2 + caretColumn * letterAdvance();
  return boxAt(left, 4 + caretRow * lineHeight, 2, lineHeight - 2);
}

function drawCaret(pen: Pen, view: View): void {
  pen.invert(caretBox(view));
}

function isCaretOn(desktop: Desktop): boolean {
  return Math.floor((clockMs(desktop) - desktop.editor.touchedMs) / blinkMs) % 2 === 0;
}
