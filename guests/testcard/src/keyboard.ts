// The guest's keyboard: which keys are down, what they write in the US layout, and the lock LEDs.

import { KeyboardModifier } from "@caraway/protocol";
import type { KeyboardInput } from "@caraway/server";
import type { Counters, Keyboard } from "./desktop.ts";

/** More keys than hands can hold; further ones are counted only. */
export const keysHeldMax = 64;

/** What a key does to the text. */
export type Edit =
  | { readonly kind: "insert"; readonly text: string }
  | { readonly kind: "delete"; readonly forward: boolean }
  | { readonly kind: "move"; readonly to: CaretMove };
export type CaretMove = "left" | "right" | "up" | "down" | "start" | "end";

/** PC/AT set 1 codes of the keys that write, row by row, each with what it writes. */
const rows: readonly (readonly [firstCode: number, plain: string, shifted: string])[] = [
  [0x02, "1234567890-=", "!@#$%^&*()_+"],
  [0x10, "qwertyuiop[]", "QWERTYUIOP{}"],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
  [0x39, " ", " "],
  [0x56, "\\", "|"],
];

const writing = new Map<number, readonly [plain: string, shifted: string]>();
for (const [firstCode, plain, shifted] of rows) {
  for (let at = 0; at < plain.length; at++) {
    writing.set(firstCode + at, [plain[at]!, shifted[at]!]);
  }
}

const doing: Readonly<Record<number, Edit>> = {
  14: { kind: "delete", forward: false },
  15: { kind: "insert", text: "  " },
  28: { kind: "insert", text: "\n" },
  [0xe01c]: { kind: "insert", text: "\n" },
  [0xe035]: { kind: "insert", text: "/" },
  55: { kind: "insert", text: "*" },
  74: { kind: "insert", text: "-" },
  78: { kind: "insert", text: "+" },
  [0xe053]: { kind: "delete", forward: true },
  [0xe04b]: { kind: "move", to: "left" },
  [0xe04d]: { kind: "move", to: "right" },
  [0xe048]: { kind: "move", to: "up" },
  [0xe050]: { kind: "move", to: "down" },
  [0xe047]: { kind: "move", to: "start" },
  [0xe04f]: { kind: "move", to: "end" },
};

const keypadDigits = "789-456+1230.";
const keypadStart = 0x47;

const lockKeys: Readonly<Record<number, number>> = {
  58: KeyboardModifier.CAPS_LOCK,
  69: KeyboardModifier.NUM_LOCK,
  70: KeyboardModifier.SCROLL_LOCK,
};

const shiftKeys = [0x2a, 0x36];
const commandKeys = [0x1d, 0xe01d, 0x38, 0xe038];

export interface KeyOutcome {
  readonly keyboard: Keyboard;
  readonly counters: Counters;
  readonly edit: Edit | null;
}

export function pressKey(
  keyboard: Keyboard,
  counters: Counters,
  { code, down }: KeyboardInput,
): KeyOutcome {
  if (!down) {
    const held = keyboard.held.filter((other) => other !== code);
    const counted = { ...counters, releases: counters.releases + 1 };
    return { keyboard: { ...keyboard, held }, counters: counted, edit: null };
  }
  const edit = editOf(keyboard, code);
  if (keyboard.held.includes(code)) {
    return { keyboard, counters: { ...counters, repeats: counters.repeats + 1 }, edit };
  }
  const held = keyboard.held.length < keysHeldMax ? [...keyboard.held, code] : keyboard.held;
  const leds = keyboard.leds ^ (lockKeys[code] ?? 0);
  return {
    keyboard: { held, leds },
    counters: { ...counters, presses: counters.presses + 1 },
    edit,
  };
}

function editOf({ held, leds }: Keyboard, code: number): Edit | null {
  const isHeld = (codes: readonly number[]) => codes.some((one) => held.includes(one));
  if (isHeld(commandKeys)) return null;
  const written = writing.get(code);
  if (written !== undefined) {
    const isLetter = written[0] >= "a" && written[0] <= "z";
    const isCaps = isLetter && (leds & KeyboardModifier.CAPS_LOCK) !== 0;
    return { kind: "insert", text: isHeld(shiftKeys) !== isCaps ? written[1] : written[0] };
  }
  const action = doing[code];
  if (action !== undefined) return action;
  const digit = keypadDigits[code - keypadStart];
  if (digit === undefined) return null;
  if ((leds & KeyboardModifier.NUM_LOCK) !== 0) return { kind: "insert", text: digit };
  return doing[0xe000 | code] ?? null;
}
