// What the fuzzer runs. A target takes any bytes, may throw nothing but CarawayError, and says how
// much memory one input may cost at most.

import type { Random } from "./random.ts";

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs to start from. Not needed by a target that makes its own inputs. */
  readonly seeds: readonly Uint8Array[];
  /**
   * Makes the next input; without it, bytes of a seed are changed blindly. May hand out inputs
   * in families, as long as the same `Random` gives the same ones.
   */
  readonly next?: (random: Random) => FuzzInput;
  run(bytes: Uint8Array): FuzzVerdict;
  /** Share of the inputs that this target gets, beside the others'. */
  readonly weight: number;
  /** Most bytes of memory that one run may take, for an input of so many bytes. */
  memoryBound(size: number): number;
}

/** An input with what only its target can do with it. */
export interface FuzzInput {
  readonly bytes: Uint8Array;
  /** In place of the target's `run`. */
  run(): FuzzVerdict;
}

/** A run that throws CarawayError refused its input too. */
export type FuzzVerdict = "taken" | "refused";
