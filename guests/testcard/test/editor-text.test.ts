import { describe, expect, test } from "vitest";
import { edit, editorTextMax, layOut } from "../src/editor-text.ts";

const editor = (text: string, caret = text.length) => ({ text, caret, touchedMs: 0 });

describe("the editor's text", () => {
  test("falls into lines at breaks and where a line is full", () => {
    expect(layOut(editor("ab\ncdefgh\n\nx"), 4).lines).toEqual(["ab", "cdef", "gh", "", "x"]);
  });

  test("takes no empty line for a break right behind a full line", () => {
    expect(layOut(editor("abcd\nef"), 4).lines).toEqual(["abcd", "ef"]);
  });

  test("has its caret on a line of its own behind a full line", () => {
    const { caretLine, caretColumn } = layOut(editor("abcd"), 4);
    expect([caretLine, caretColumn]).toEqual([1, 0]);
  });

  test("loses its oldest letters when it is full", () => {
    const full = editor("a".repeat(editorTextMax - 1));
    const more = edit(
      edit(full, { kind: "insert", text: "b" }, 40),
      { kind: "insert", text: "c" },
      40,
    );
    expect(more.text).toBe(`${"a".repeat(editorTextMax - 2)}bc`);
    expect(more.caret).toBe(editorTextMax);
  });

  test("stays as it is where there is nothing to delete", () => {
    const some = editor("ab", 0);
    expect(edit(some, { kind: "delete", forward: false }, 40)).toBe(some);
    const end = editor("ab");
    expect(edit(end, { kind: "delete", forward: true }, 40)).toBe(end);
  });

  test("keeps the column, as far as there is one, when the caret goes up and down", () => {
    const some = editor("abcd\nx\nefgh");
    const up = edit(some, { kind: "move", to: "up" }, 40);
    expect(up.caret).toBe(6);
    expect(
      edit(edit(up, { kind: "move", to: "up" }, 40), { kind: "move", to: "up" }, 40).caret,
    ).toBe(0);
  });
});
