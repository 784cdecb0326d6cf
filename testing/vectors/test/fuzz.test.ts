// The fuzzer itself, and a short run of it over all targets: once with a fixed seed, once with a
// new one, which is printed.

import { CarawayError } from "@caraway/wire";
import { expect, test } from "vitest";
import { type FuzzTarget, fuzz, fuzzTargets } from "../src/index.ts";

class Refusal extends CarawayError {
  readonly code = "TEST_REFUSAL";
}

function target(run: FuzzTarget["run"], memoryBound = 0): FuzzTarget {
  const seeds = [Uint8Array.of(1, 2, 3, 4)];
  return { name: "test", seeds, weight: 1, run, memoryBound: () => memoryBound };
}

test("the typed error is a refusal", () => {
  const refusing = target(() => {
    throw new Refusal("no");
  });
  expect(fuzz([refusing], { runs: 20, seed: 1 })).toMatchObject({ refused: 20, failures: [] });
});

test("any other error is a failure, told with the input that made it", () => {
  const failing = target((bytes) => {
    if (bytes[0] !== 1) throw new TypeError("oops");
    return "taken";
  });
  const { failures } = fuzz([failing], { runs: 100, seed: 1 });
  expect(failures.length).toBeGreaterThan(0);
  const [first] = failures;
  expect(first!.reason).toContain("TypeError: oops");
  const again = fuzz([failing], { runs: 1, seed: first!.seed }, first!.input);
  expect(again.failures.map(({ bytes }) => bytes)).toEqual([first!.bytes]);
});

test("more memory than the bound is a failure", () => {
  const kept: Uint8Array[] = [];
  const greedy = target(() => {
    kept.push(new Uint8Array(64 << 20));
    return "taken";
  }, 1 << 20);
  const { failures } = fuzz([greedy], { runs: 1, seed: 1 });
  expect(failures[0]?.reason).toMatch(/took \d+ bytes of memory/);
});

const fixed = 20_251_122;
const random = Math.floor(Math.random() * 2 ** 31);

test.each([fixed, random])("no input does harm, with seed %i", (seed) => {
  const report = fuzz(fuzzTargets, { runs: 20_000, seed });
  expect(report.failures).toEqual([]);
  expect(report.runs).toBeGreaterThanOrEqual(20_000);
  // A fuzzer whose inputs are all taken, or all refused, tests nothing.
  expect(report.refused / report.runs).toBeGreaterThan(0.2);
  expect(report.refused / report.runs).toBeLessThan(0.8);
});
