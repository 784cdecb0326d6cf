import { describe, expect, it } from "vitest";
import {
  choicesOf,
  namedScenario,
  parseTrace,
  Random,
  replay,
  run,
  shrink,
  traceText,
} from "../src/index.ts";

describe("choices", () => {
  it("come the same by the same seed, and other ones by another", () => {
    const first = [1, 2, 3].map((seed) => new Random(seed).fraction());
    expect([1, 2, 3].map((seed) => new Random(seed).fraction())).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  it("are told by a trace, which brings about the same run", () => {
    const scenario = namedScenario("large")!;
    const lines: string[] = [];
    const again: string[] = [];
    const { trace, steps } = run(scenario, choicesOf(3), { onLine: (line) => lines.push(line) });
    const told = parseTrace(traceText(trace));
    const result = replay(scenario, told, { onLine: (line) => again.push(line) });
    expect(result.steps).toBe(steps);
    expect(again).toEqual(lines);
  });

  it("are refused where they are no trace", () => {
    for (const text of ["1", "1:", "a:1", "3:1 2:1", "1:-1"]) {
      expect(() => parseTrace(text), text).toThrow(RangeError);
    }
  });

  it("do not get shorter where nothing is broken by fewer", () => {
    const scenario = namedScenario("stay")!;
    const trace = parseTrace("3:1 9:1");
    expect(shrink(scenario, trace, "pixels")).toEqual(trace);
  });
});
