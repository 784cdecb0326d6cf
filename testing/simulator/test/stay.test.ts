import { describe, expect, it } from "vitest";
import { choicesOf, explore, namedScenario, run, stay } from "../src/index.ts";

describe("a session that stays where it is", () => {
  it("keeps every rule in every order of one deviation", () => {
    const found = explore(stay("stay", { guest: { frames: 1 } }), {
      deviationsMax: 1,
      runsMax: 20_000,
    });
    expect(found.failure?.violation?.message).toBeUndefined();
    expect(found.left).toBe(0);
    expect(found.states).toBeGreaterThan(300);
  });

  it.each([
    ["a connection breaks", { resets: 1 }],
    ["a connection is slow", { stalls: 1 }],
    ["somebody dies", { kills: ["source", "c1"] }],
  ])("keeps every rule where %s, at any moment", (_name, faults) => {
    const found = explore(stay("stay", { faults }), { deviationsMax: 1, runsMax: 20_000 });
    expect(found.failure?.violation?.message).toBeUndefined();
    expect(found.left).toBe(0);
  });

  it("keeps every rule with three clients, workloads and faults as chance has it", () => {
    const scenario = namedScenario("large")!;
    for (let seed = 1; seed <= 10; seed++) {
      const { violation } = run(scenario, choicesOf(seed));
      expect({ seed, violation: violation?.message }).toEqual({ seed });
    }
  });
});
