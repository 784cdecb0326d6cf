// The lengths of runs in a QUIC image (docs/formats/quic.md, section 7).

import { type BitOutput, writeBits } from "./bit-output.ts";
import type { Pass } from "./pass.ts";
import { maxRunState, runOrders } from "./tables.ts";

/** Writes a run's length. */
export function encodeRun(pass: Pass, output: BitOutput, length: number): void {
  let state = pass.runState;
  let rest = length;
  while (rest >= 1 << runOrders[state]!) {
    rest -= 1 << runOrders[state]!;
    writeBits(output, 1, 1);
    if (state < maxRunState) state++;
  }
  writeBits(output, rest, runOrders[state]! + 1);
  pass.runState = state > 0 ? state - 1 : 0;
}
