// The fuzzer's loop. Everything follows from the seed: input number i of target t is always the
// same, so a failure is told by three words and is its own test case.

import { getHeapStatistics } from "node:v8";
import { CarawayError } from "@caraway/wire";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";
import { mutateBlindly } from "./mutation.ts";
import { Random } from "./random.ts";

export interface FuzzOptions {
  /** Inputs in all; each target gets its share. */
  readonly runs: number;
  readonly seed: number;
  /** Called now and then, and before each target. */
  readonly onProgress?: (progress: FuzzProgress) => void;
}

export interface FuzzProgress {
  readonly target: string;
  /** Of this target. */
  readonly input: number;
  /** Of all targets. */
  readonly done: number;
}

export interface FuzzFailure {
  readonly target: string;
  readonly seed: number;
  /** Number of the input: `--seed SEED --only TARGET --from INPUT --runs 1` runs it again. */
  readonly input: number;
  readonly bytes: Uint8Array;
  /** What escaped, or how the memory bound was broken. */
  readonly reason: string;
}

export interface FuzzReport {
  readonly runs: number;
  /** Inputs that were refused by a CarawayError; the others were taken. */
  readonly refused: number;
  readonly failures: readonly FuzzFailure[];
  /** The input that came nearest to its memory bound, by target: a part of 1. */
  readonly memory: ReadonlyMap<string, number>;
}

/** Memory that V8 may take for itself between two looks: code, feedback, a page of a heap space. */
const slack = 8 << 20;
/** After so many failures a target is left alone. */
const failuresMax = 3;

export function fuzz(targets: readonly FuzzTarget[], options: FuzzOptions, from = 0): FuzzReport {
  const failures: FuzzFailure[] = [];
  const memory = new Map<string, number>();
  let done = 0;
  let refused = 0;
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  for (const target of targets) {
    const share = Math.ceil((options.runs * target.weight) / weights);
    let failed = 0;
    let nearest = 0;
    for (let input = from; input < from + share && failed < failuresMax; input++) {
      if (input % 256 === 0 || input === from) {
        options.onProgress?.({ target: target.name, input, done });
      }
      const { bytes, run } = inputOf(target, options.seed, input);
      const before = memoryInUse();
      const outcome = outcomeOf(run);
      const taken = memoryInUse() - before;
      const bound = target.memoryBound(bytes.length);
      nearest = Math.max(nearest, taken / (bound + slack));
      done += 1;
      if (outcome === "refused") refused += 1;
      const reason =
        taken > bound + slack
          ? `took ${taken} bytes of memory for ${bytes.length}, at most ${bound} are allowed`
          : outcome.startsWith("escaped")
            ? outcome
            : null;
      if (reason === null) continue;
      failed += 1;
      failures.push({ target: target.name, seed: options.seed, input, bytes, reason });
    }
    memory.set(target.name, nearest);
  }
  return { runs: done, refused, failures, memory };
}

/** One input of a target; `seed` and `number` alone decide what it is. */
function inputOf(target: FuzzTarget, seed: number, number: number) {
  const random = new Random(seed + Math.imul(number + 1, 0x9e3779b1) + hash(target.name));
  if (target.next !== undefined) return target.next(random);
  const bytes = mutateBlindly(random.pick(target.seeds), random);
  return { bytes, run: () => target.run(bytes) };
}

function outcomeOf(run: () => FuzzVerdict): string {
  try {
    return run();
  } catch (error) {
    if (error instanceof CarawayError) return "refused";
    return `escaped: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

function memoryInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function hash(text: string): number {
  let sum = 0;
  for (const letter of text) sum = Math.imul(sum, 31) + letter.charCodeAt(0);
  return sum;
}
