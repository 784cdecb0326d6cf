// Text as keys: what an input method composed, what an on-screen keyboard or a program brings.

import type { InputCommand } from "@caraway/client";
import { leftShift, strokeOf } from "@caraway/driver";

/**
 * What to do with a character that a US keyboard lacks: pass over it, or enter its number the way
 * that GTK, Qt with IBus and ChromeOS know (Ctrl+Shift+U, digits, Enter).
 */
export type UnicodeEntry = "none" | "ctrl-shift-u";

export interface TypedText {
  readonly commands: readonly InputCommand[];
  /** Characters that could not be typed. */
  readonly refused: string;
}

const leftControl = 0x1d;
const enter = 0x1c;

/** `capsLock`: the guest's, which turns letters over. */
export function typeText(text: string, unicode: UnicodeEntry, capsLock: boolean): TypedText {
  const commands: InputCommand[] = [];
  let refused = "";
  for (const character of text.replaceAll("\r\n", "\n")) {
    const keys = keysOf(character, unicode, capsLock);
    if (keys === null) refused += character;
    else commands.push(...keys);
  }
  return { commands, refused };
}

function keysOf(
  character: string,
  unicode: UnicodeEntry,
  capsLock: boolean,
): InputCommand[] | null {
  const stroke = strokeOf(character);
  if (stroke !== null) {
    const shift = stroke.shift !== (capsLock && /[a-z]/i.test(character));
    return shift ? within([leftShift], tap(stroke.scancode)) : tap(stroke.scancode);
  }
  if (unicode === "none") return null;
  const number = character.codePointAt(0)!.toString(16);
  const digits = [...number].flatMap((digit) => tap(strokeOf(digit)!.scancode));
  const begin = within([leftControl, leftShift], tap(strokeOf("u")!.scancode));
  return [...begin, ...digits, ...tap(enter)];
}

function tap(scancode: number): InputCommand[] {
  return [
    { kind: "key-down", scancode },
    { kind: "key-up", scancode },
  ];
}

function within(modifiers: readonly number[], keys: readonly InputCommand[]): InputCommand[] {
  return [
    ...modifiers.map((scancode): InputCommand => ({ kind: "key-down", scancode })),
    ...keys,
    ...modifiers.toReversed().map((scancode): InputCommand => ({ kind: "key-up", scancode })),
  ];
}
