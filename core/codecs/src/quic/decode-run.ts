// The lengths of runs in a QUIC image (docs/formats/quic.md, section 7).

import { type BitInput, checkEnd, invalidPixels, peekBits } from "./bit-input.ts";
import type { Pass } from "./pass.ts";
import { maxRunState, runOrders } from "./tables.ts";

/**
 * Reads a run's length.
 *
 * @throws CodecError if it is greater than `limit`, the pixels left in the segment.
 */
export function decodeRun(pass: Pass, input: BitInput, limit: number): number {
  let state = pass.runState;
  let run = 0;
  let ones: number;
  do {
    ones = Math.clz32(~peekBits(input));
    for (let i = 0; i < ones; i++) {
      run += 1 << runOrders[state]!;
      if (run > limit) throw invalidPixels(input, "a run leaves its segment");
      if (state < maxRunState) state++;
    }
    input.position += ones;
  } while (ones === 32);
  input.position++;

  const order = runOrders[state]!;
  if (order > 0) {
    run += peekBits(input) >>> (32 - order);
    input.position += order;
    if (run > limit) throw invalidPixels(input, "a run leaves its segment");
  }
  checkEnd(input);
  pass.runState = state > 0 ? state - 1 : 0;
  return run;
}
