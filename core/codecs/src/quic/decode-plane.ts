// The QUIC decoder for one byte per pixel: a gray image, or the alpha of an RGBA image.

import { type BitInput, checkEnd, invalidPixels } from "./bit-input.ts";
import { decodeRun } from "./decode-run.ts";
import { learn, nextWait, type Pass } from "./pass.ts";

/**
 * Decodes the columns `from` to `end` of a row. A pixel is the byte at `row + column * step`; the
 * row above begins at `above`, which is negative for the first row.
 */
export function decodePlaneSegment(
  pass: Pass,
  input: BitInput,
  bytes: Uint8Array,
  step: number,
  above: number,
  row: number,
  from: number,
  end: number,
): void {
  const { entries, symbols, family } = pass;
  const { escapeFirst, escapeLength, mask } = family;
  const { words } = input;
  const isFirstRow = above < 0;
  const runsAfter = isFirstRow ? end : 2;

  let position = input.position;
  let wait = pass.wait;
  let runStart = -1;
  let x = from;
  let up = isFirstRow ? 0 : bytes[above + Math.max(x - 1, 0) * step]!;
  let left = x > 0 ? bytes[row + (x - 1) * step]! : up;
  let beforeLeft = x > 1 ? bytes[row + (x - 2) * step]! : -1;
  let context = symbols[Math.max(x - 1, 0)]!;

  while (x < end) {
    const upLeft = up;
    up = isFirstRow ? left : bytes[above + x * step]!;
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      input.position = position;
      const runEnd = x + decodeRun(pass, input, end - x);
      position = input.position;
      if (runEnd > x) {
        for (; x < runEnd; x++) bytes[row + x * step] = left;
        up = bytes[above + (x - 1) * step]!;
        context = symbols[x - 1]!;
      }
      continue;
    }

    const index = position >>> 5;
    const window = (words[index]! << position) | ((words[index + 1]! >>> 1) >>> ~position);
    const entry = entries[context]!;
    const code = entry & 7;
    const zeros = Math.clz32(window);
    let length: number;
    let symbol: number;
    if (zeros < entry >>> 3) {
      length = zeros + code + 1;
      symbol = ((zeros - 1) << code) + (window >>> (32 - length));
    } else {
      length = escapeLength[code]!;
      symbol = escapeFirst[code]! + (window >>> (32 - length));
      if (symbol > mask) throw invalidPixels(input, "a symbol out of range");
    }
    position += length;

    const difference = (symbol >>> 1) ^ ((symbol & 1) * mask);
    beforeLeft = left;
    left = (difference + ((left + up) >>> 1)) & mask;
    bytes[row + x * step] = left;
    symbols[x] = symbol;

    if (wait > 0) {
      wait--;
    } else {
      input.position = position;
      checkEnd(input);
      learn(pass, 0, context, symbol);
      wait = nextWait(pass);
    }
    context = symbol;
    x++;
  }
  pass.wait = wait;
  input.position = position;
  checkEnd(input);
}
