// The QUIC encoder for one byte per pixel: a gray image, or the alpha of an RGBA image.

import { type BitOutput, reserveBits } from "./bit-output.ts";
import { writeSymbol } from "./encode-color.ts";
import { encodeRun } from "./encode-run.ts";
import { learn, nextWait, type Pass } from "./pass.ts";

/** A code word, and the run that may have been tried before each pixel. */
const maxBitsPerPixel = 26 + 16;

/**
 * Encodes the columns `from` to `end` of a row. A pixel is the byte at `row + column * step`; the
 * row above begins at `above`, which is negative for the first row.
 */
export function encodePlaneSegment(
  pass: Pass,
  output: BitOutput,
  bytes: Uint8Array,
  step: number,
  above: number,
  row: number,
  from: number,
  end: number,
): void {
  const { entries, symbols, family } = pass;
  const { lengths, mask } = family;
  const halfShift = family.depth - 1;
  const isFirstRow = above < 0;
  const runsAfter = isFirstRow ? end : 2;
  reserveBits(output, (end - from) * maxBitsPerPixel);

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
      while (x < end && bytes[row + x * step] === left) x++;
      encodeRun(pass, output, x - runStart);
      if (x > runStart) {
        up = bytes[above + (x - 1) * step]!;
        context = symbols[x - 1]!;
      }
      continue;
    }

    const pixel = bytes[row + x * step]!;
    const difference = (pixel - ((left + up) >>> 1)) & mask;
    const symbol = ((difference << 1) & mask) ^ ((difference >>> halfShift) * mask);
    writeSymbol(output, lengths, symbol, entries[context]!);
    symbols[x] = symbol;

    if (wait > 0) {
      wait--;
    } else {
      learn(pass, 0, context, symbol);
      wait = nextWait(pass);
    }
    beforeLeft = left;
    left = pixel;
    context = symbol;
    x++;
  }
  pass.wait = wait;
}
