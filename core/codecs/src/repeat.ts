// Matches longer than their distance, which LZ, GLZ and LZ4 have in common.

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
