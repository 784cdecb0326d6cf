// The text of the editor: what a key does to it, and how it falls into lines.

import type { Editor } from "./desktop.ts";
import type { CaretMove, Edit } from "./keyboard.ts";

/** Older text goes when there is more. */
export const editorTextMax = 4096;

export interface TextLayout {
  readonly lines: readonly string[];
  readonly caretLine: number;
  readonly caretColumn: number;
}

/** Lines break after so many letters. */
export function layOut({ text, caret }: Editor, columns: number): TextLayout {
  const starts = lineStarts(text, columns);
  const caretLine = lineOf(starts, caret);
  const lines = starts.map((start, line) => {
    const end = starts[line + 1] ?? text.length;
    return text.slice(start, end).replace("\n", "");
  });
  return { lines, caretLine, caretColumn: caret - starts[caretLine]! };
}

export function edit(editor: Editor, change: Edit, columns: number): Editor {
  const { text, caret } = editor;
  switch (change.kind) {
    case "insert": {
      const joined = text.slice(0, caret) + change.text + text.slice(caret);
      const excess = Math.max(0, joined.length - editorTextMax);
      const moved = Math.max(0, caret + change.text.length - excess);
      return { ...editor, text: joined.slice(excess), caret: moved };
    }
    case "delete": {
      const at = change.forward ? caret : caret - 1;
      if (at < 0 || at >= text.length) return editor;
      return { ...editor, text: text.slice(0, at) + text.slice(at + 1), caret: at };
    }
    case "move":
      return { ...editor, caret: caretAfter(editor, change.to, columns) };
  }
}

function caretAfter({ text, caret }: Editor, to: CaretMove, columns: number): number {
  const starts = lineStarts(text, columns);
  const line = lineOf(starts, caret);
  const column = caret - starts[line]!;
  switch (to) {
    case "left":
      return Math.max(0, caret - 1);
    case "right":
      return Math.min(text.length, caret + 1);
    case "up":
      return line === 0 ? 0 : placeIn(text, starts, line - 1, column);
    case "down":
      return line + 1 === starts.length ? text.length : placeIn(text, starts, line + 1, column);
    case "start":
      return starts[line]!;
    case "end":
      return placeIn(text, starts, line, columns);
  }
}

/** Where each line begins. A text that ends with a full line has an empty one behind it. */
function lineStarts(text: string, columns: number): number[] {
  const starts = [0];
  for (let at = 0, column = 0; at < text.length; at++) {
    column++;
    if (text[at] === "\n" || column === columns) {
      // A break right behind a full line belongs to it.
      if (text[at] !== "\n" && text[at + 1] === "\n") continue;
      starts.push(at + 1);
      column = 0;
    }
  }
  return starts;
}

function lineOf(starts: readonly number[], caret: number): number {
  let line = 0;
  while (line + 1 < starts.length && starts[line + 1]! <= caret) line++;
  return line;
}

/** That column of a line, or the line's end. */
function placeIn(text: string, starts: readonly number[], line: number, column: number): number {
  const start = starts[line]!;
  const next = starts[line + 1];
  const end = next === undefined ? text.length : next - 1;
  return Math.min(start + column, end);
}
