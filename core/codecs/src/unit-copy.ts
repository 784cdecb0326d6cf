// Copies of units from the input and from what has been decoded: the innermost work of LZ, GLZ
// and LZ4.

/** Below this many units a loop beats the call of `fill` or `copyWithin`. */
export const shortRun = 24;

/** Copies from `distance` units back to `out`..`stop`; the two may overlap. */
export function repeatUnits(
  units: Uint8Array | Uint32Array,
  out: number,
  distance: number,
  stop: number,
): void {
  if (distance === 1) {
    units.fill(units[out - 1]!, out, stop);
    return;
  }
  // What is written repeats with the distance, so each copy may be twice as long as the last.
  const source = out - distance;
  let done = out;
  while (done < stop) {
    const count = Math.min(done - source, stop - done);
    units.copyWithin(done, source, source + count);
    done += count;
  }
}

/**
 * Copies up to eight pixels, by four or eight at a time: most matches are that short, and a loop
 * would stumble over its end. Pixels copied too many are overwritten by the next token.
 */
export function copyShort(
  source: Uint32Array,
  from: number,
  target: Uint32Array,
  to: number,
  length: number,
): void {
  target[to] = source[from]!;
  target[to + 1] = source[from + 1]!;
  target[to + 2] = source[from + 2]!;
  target[to + 3] = source[from + 3]!;
  if (length <= 4) return;
  target[to + 4] = source[from + 4]!;
  target[to + 5] = source[from + 5]!;
  target[to + 6] = source[from + 6]!;
  target[to + 7] = source[from + 7]!;
}

/** Puts bytes B, G, R together to the pixels `startOut`..`stop`, with the high byte of `high`. */
export function copyColors(
  data: Uint8Array,
  view: DataView,
  start: number,
  pixels: Uint32Array,
  startOut: number,
  stop: number,
  high: number,
): void {
  let at = start;
  let out = startOut;
  // Three words are four pixels, which is twice as fast as twelve bytes.
  for (; out + 3 < stop; out += 4, at += 12) {
    const first = view.getUint32(at, true);
    const second = view.getUint32(at + 4, true);
    const third = view.getUint32(at + 8, true);
    pixels[out] = (first & 0xffffff) | high;
    pixels[out + 1] = (first >>> 24) | ((second & 0xffff) << 8) | high;
    pixels[out + 2] = (second >>> 16) | ((third & 0xff) << 16) | high;
    pixels[out + 3] = (third >>> 8) | high;
  }
  for (; out < stop; out++, at += 3) {
    pixels[out] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | high;
  }
}
