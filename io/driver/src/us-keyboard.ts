// Text as key strokes of a US keyboard, for what has no keys of its own: text that a program or an
// input method brings. Codes are PC/AT set 1, extended ones 0xe0NN.

export interface KeyStroke {
  readonly scancode: number;
  readonly shift: boolean;
}

export const leftShift = 0x2a;

/** Rows of keys from a first code on: plain and shifted characters. */
const rows: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, "1234567890-=", "!@#$%^&*()_+"],
  [0x10, "qwertyuiop[]", "QWERTYUIOP{}"],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
  [0x39, " ", " "],
  [0x1c, "\n", "\n"],
  [0x0f, "\t", "\t"],
  [0x0e, "\b", "\b"],
  [0x01, "\x1b", "\x1b"],
];

const strokes = new Map<string, KeyStroke>();
for (const [first, plain, shifted] of rows) {
  for (const [index, character] of [...shifted].entries()) {
    strokes.set(character, { scancode: first + index, shift: true });
  }
  for (const [index, character] of [...plain].entries()) {
    strokes.set(character, { scancode: first + index, shift: false });
  }
}

/** Null for a character that a US keyboard does not have. */
export function strokeOf(character: string): KeyStroke | null {
  return strokes.get(character) ?? null;
}

/** The presses and releases that type `text`. Throws RangeError on a character without a key. */
export function typing(text: string): { readonly scancode: number; readonly down: boolean }[] {
  return [...text].flatMap((character) => {
    const stroke = strokeOf(character);
    if (stroke === null) {
      throw new RangeError(`there is no key for ${JSON.stringify(character)} on a US keyboard`);
    }
    const { scancode, shift } = stroke;
    const key = [
      { scancode, down: true },
      { scancode, down: false },
    ];
    if (!shift) return key;
    return [{ scancode: leftShift, down: true }, ...key, { scancode: leftShift, down: false }];
  });
}
