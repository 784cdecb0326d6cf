// The hot loop of the QUIC decoder: the three colours of a pixel at once. Colours travel packed in
// one number, `red << 16 | green << 8 | blue`, whether a component has eight bits or five.

import { type BitInput, checkEnd, invalidPixels, peekBits } from "./bit-input.ts";
import { decodeRun } from "./decode-run.ts";
import { learn, nextWait, type Pass } from "./pass.ts";

/**
 * Decodes the columns `from` to `end` of the row that begins at `row`. The row above begins at
 * `above`; it is negative for the first row. The high bytes of the row above are ignored, those of
 * this row become 0.
 */
export function decodeColorSegment(
  pass: Pass,
  input: BitInput,
  pixels: Int32Array,
  above: number,
  row: number,
  from: number,
  end: number,
): void {
  const { entries, symbols, family } = pass;
  const { escapeFirst, escapeLength } = family;
  const { words } = input;
  const mask = family.mask;
  const masks = mask * 0x010101;
  const isFirstRow = above < 0;
  const runsAfter = isFirstRow ? end : 2;

  let position = input.position;
  let wait = pass.wait;
  let runStart = -1;
  let x = from;
  let up = isFirstRow ? 0 : pixels[above + Math.max(x - 1, 0)]! & 0xffffff;
  let left = x > 0 ? pixels[row + x - 1]! : up;
  let beforeLeft = x > 1 ? pixels[row + x - 2]! : -1;
  let context = symbols[Math.max(x - 1, 0)]!;

  while (x < end) {
    const upLeft = up;
    up = isFirstRow ? left : pixels[above + x]! & 0xffffff;
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      input.position = position;
      const run = decodeRun(pass, input, end - x);
      position = input.position;
      if (run > 0) {
        pixels.fill(left, row + x, row + x + run);
        x += run;
        up = pixels[above + x - 1]! & 0xffffff;
        context = symbols[x - 1]!;
      }
      continue;
    }

    // One window of 32 bits holds all three symbols, but for rare long ones. Bits that have been
    // shifted in from behind it are zeros, and a symbol that used them is longer than what is left.
    const index = position >>> 5;
    let window = (words[index]! << position) | ((words[index + 1]! >>> 1) >>> ~position);
    let bits: number;
    let red: number;
    let green: number;
    let blue: number;

    let entry = entries[context >>> 16]!;
    let code = entry & 7;
    let zeros = Math.clz32(window);
    let length: number;
    if (zeros < entry >>> 3) {
      length = zeros + code + 1;
      red = ((zeros - 1) << code) + (window >>> (32 - length));
    } else {
      length = escapeLength[code]!;
      red = escapeFirst[code]! + (window >>> (32 - length));
    }
    window <<= length;
    bits = length;

    entry = entries[0x100 | ((context >>> 8) & 0xff)]!;
    code = entry & 7;
    zeros = Math.clz32(window);
    if (zeros < entry >>> 3) {
      length = zeros + code + 1;
      green = ((zeros - 1) << code) + (window >>> (32 - length));
    } else {
      length = escapeLength[code]!;
      green = escapeFirst[code]! + (window >>> (32 - length));
    }
    window <<= length;
    bits += length;

    entry = entries[0x200 | (context & 0xff)]!;
    code = entry & 7;
    zeros = Math.clz32(window);
    if (zeros < entry >>> 3) {
      length = zeros + code + 1;
      blue = ((zeros - 1) << code) + (window >>> (32 - length));
    } else {
      length = escapeLength[code]!;
      blue = escapeFirst[code]! + (window >>> (32 - length));
    }
    bits += length;

    if (bits > 32) {
      input.position = position;
      red = decodeSymbol(pass, input, 0, context >>> 16);
      green = decodeSymbol(pass, input, 1, (context >>> 8) & 0xff);
      blue = decodeSymbol(pass, input, 2, context & 0xff);
      position = input.position;
    } else {
      position += bits;
    }
    if ((red | green | blue) > mask) throw invalidPixels(input, "a symbol out of range");

    const symbol = (red << 16) | (green << 8) | blue;
    const difference = ((symbol >>> 1) & 0x7f7f7f) ^ ((symbol & 0x010101) * mask);
    const average = (left & up) + (((left ^ up) & 0xfefefe) >>> 1);
    const sum = (average & 0x7f7f7f) + (difference & 0x7f7f7f);
    beforeLeft = left;
    left = (sum ^ ((average ^ difference) & 0x808080)) & masks;
    pixels[row + x] = left;
    symbols[x] = symbol;

    if (wait > 0) {
      wait--;
    } else {
      input.position = position;
      checkEnd(input);
      learn(pass, 0, context >>> 16, red);
      learn(pass, 1, (context >>> 8) & 0xff, green);
      learn(pass, 2, context & 0xff, blue);
      wait = nextWait(pass);
    }
    context = symbol;
    x++;
  }
  pass.wait = wait;
  input.position = position;
  checkEnd(input);
}

/** One symbol, however long. */
function decodeSymbol(pass: Pass, input: BitInput, component: number, context: number): number {
  const window = peekBits(input);
  const entry = pass.entries[(component << 8) | context]!;
  const code = entry & 7;
  const zeros = Math.clz32(window);
  if (zeros < entry >>> 3) {
    const length = zeros + code + 1;
    input.position += length;
    return ((zeros - 1) << code) + (window >>> (32 - length));
  }
  const length = pass.family.escapeLength[code]!;
  input.position += length;
  return pass.family.escapeFirst[code]! + (window >>> (32 - length));
}
