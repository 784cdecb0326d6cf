import { describe, expect, test } from "vitest";
import type { BenchRow } from "../../bench/row.ts";
import { benchTable, breach } from "../bench-table.ts";

const row: BenchRow = { suite: "lz", name: "photo", value: 123.4, unit: "MPix/s" };

describe("a benchmark's row", () => {
  test.each([
    ["without a promise", row, true],
    ["at its floor", { ...row, floor: 123.4 }, true],
    ["below its floor", { ...row, floor: 124 }, false],
    ["whose ratio is at its floor", { ...row, ratio: 4, floor: 4 }, true],
    ["whose ratio is below its floor", { ...row, ratio: 3.99, floor: 4 }, false],
    ["below its ceiling", { ...row, ceiling: 200 }, true],
    ["above its ceiling", { ...row, ceiling: 100 }, false],
    ["that is no number", { ...row, value: Number.NaN, floor: 1 }, false],
  ])("%s is judged", (_how, given, kept) => {
    expect(breach(given) === null).toBe(kept);
  });

  test("stands in one line of the table, with its peer and its promise", () => {
    const table = benchTable([
      row,
      { ...row, name: "text", peer: "other", peerValue: 20, ratio: 6.17, floor: 4 },
    ]);
    const lines = table.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^lz +text +123 +MPix\/s +other +20\.0 +6\.17 +≥ 4\.00$/);
  });
});
