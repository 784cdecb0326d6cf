// The hot loop of the QUIC encoder: the three colours of a pixel at once, packed in one number as in
// the decoder.

import { type BitOutput, reserveBits, writeBits } from "./bit-output.ts";
import { encodeRun } from "./encode-run.ts";
import { learn, nextWait, type Pass } from "./pass.ts";

/** Three code words, and the run that may have been tried before each pixel. */
const maxBitsPerPixel = 3 * 26 + 16;

/**
 * Encodes the columns `from` to `end` of the row that begins at `row`. The row above begins at
 * `above`; it is negative for the first row. High bytes are ignored.
 */
export function encodeColorSegment(
  pass: Pass,
  output: BitOutput,
  pixels: Int32Array,
  above: number,
  row: number,
  from: number,
  end: number,
): void {
  const { entries, symbols, family } = pass;
  const { lengths, mask } = family;
  const halfShift = family.depth - 1;
  const doubles = (mask - 1) * 0x010101;
  const masks = mask * 0x010101;
  const isFirstRow = above < 0;
  const runsAfter = isFirstRow ? end : 2;
  reserveBits(output, (end - from) * maxBitsPerPixel);

  let wait = pass.wait;
  let runStart = -1;
  let x = from;
  let up = isFirstRow ? 0 : pixels[above + Math.max(x - 1, 0)]! & 0xffffff;
  let left = x > 0 ? pixels[row + x - 1]! & 0xffffff : up;
  let beforeLeft = x > 1 ? pixels[row + x - 2]! & 0xffffff : -1;
  let context = symbols[Math.max(x - 1, 0)]!;

  while (x < end) {
    const upLeft = up;
    up = isFirstRow ? left : pixels[above + x]! & 0xffffff;
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      while (x < end && (pixels[row + x]! & 0xffffff) === left) x++;
      encodeRun(pass, output, x - runStart);
      if (x > runStart) {
        up = pixels[above + x - 1]! & 0xffffff;
        context = symbols[x - 1]!;
      }
      continue;
    }

    const pixel = pixels[row + x]! & 0xffffff;
    const average = (left & up) + (((left ^ up) & 0xfefefe) >>> 1);
    const minus = (pixel | 0x808080) - (average & 0x7f7f7f);
    const difference = (minus ^ ((pixel ^ ~average) & 0x808080)) & masks;
    const symbol = ((difference << 1) & doubles) ^ (((difference >>> halfShift) & 0x010101) * mask);
    const red = symbol >>> 16;
    const green = (symbol >>> 8) & 0xff;
    const blue = symbol & 0xff;
    writeSymbol(output, lengths, red, entries[context >>> 16]!);
    writeSymbol(output, lengths, green, entries[0x100 | ((context >>> 8) & 0xff)]!);
    writeSymbol(output, lengths, blue, entries[0x200 | (context & 0xff)]!);
    symbols[x] = symbol;

    if (wait > 0) {
      wait--;
    } else {
      learn(pass, 0, context >>> 16, red);
      learn(pass, 1, (context >>> 8) & 0xff, green);
      learn(pass, 2, context & 0xff, blue);
      wait = nextWait(pass);
    }
    beforeLeft = left;
    left = pixel;
    context = symbol;
    x++;
  }
  pass.wait = wait;
}

/** Writes a symbol in the code of an entry. */
export function writeSymbol(
  output: BitOutput,
  lengths: Uint8Array,
  symbol: number,
  entry: number,
): void {
  const code = entry & 7;
  const escapeFirst = (entry >>> 3) << code;
  const word =
    symbol < escapeFirst ? (1 << code) | (symbol & ((1 << code) - 1)) : symbol - escapeFirst;
  writeBits(output, word, lengths[(symbol << 3) | code]!);
}
