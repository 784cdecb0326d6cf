import { describe, expect, it } from "vitest";
import {
  choicesOf,
  explore,
  move,
  Random,
  type RunResult,
  replay,
  run,
  type Scenario,
  shrink,
  stay,
} from "../src/index.ts";
import {
  forgetsHeldKeys,
  hearsHeldInputTwice,
  keepsWakingUp,
  losesDrawingsOfTheSlow,
  neverHolds,
} from "./planted.ts";

function search(scenario: Scenario, deviationsMax: number): RunResult | null {
  return explore(scenario, { deviationsMax, runsMax: 20_000 }).failure;
}

function trySeeds(scenario: Scenario, seeds: number): RunResult | null {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = run(scenario, choicesOf(seed));
    if (result.violation !== null) return result;
  }
  return null;
}

describe("planted bugs", () => {
  it("finds the key that stays down when its client's connection breaks", () => {
    const faults = { resets: 1 };
    expect(search(stay("sound", { faults }), 1)).toBeNull();
    const failure = search(stay("planted", { faults, makeServer: forgetsHeldKeys }), 1);
    expect(failure?.violation?.rule).toBe("keys");
    expect(failure?.violation?.message).toContain("stuck");
  });

  it("finds the drawing that is lost while the client is behind, by seed, and tells it in short", () => {
    const options = {
      keys: 3,
      closes: false,
      guest: { frames: 10 },
      faults: { stalls: 1, stallMs: 300 },
      world: { capacityBytes: 200 },
    };
    expect(trySeeds(stay("sound", options), 30)).toBeNull();
    const scenario = stay("planted", { ...options, makeServer: losesDrawingsOfTheSlow });
    const failure = trySeeds(scenario, 300);
    expect(failure?.violation?.rule).toBe("pixels");
    const trace = shrink(scenario, failure!.trace, "pixels");
    expect(trace.length).toBeLessThanOrEqual(failure!.trace.length);
    expect(trace.length).toBeLessThan(6);
    expect(replay(scenario, trace).violation?.rule).toBe("pixels");
  });

  it("finds the timer that is never taken down, where a link breaks half-way", () => {
    const options = { keys: 0, faults: { resets: 1 } };
    const failure = search(stay("planted", { ...options, makeServer: keepsWakingUp }), 1);
    expect(failure?.violation?.rule).toBe("deadline");
  });

  it("finds the guest that runs before its clients are back", () => {
    const failure = search(move("planted", { keys: 0, makeServer: neverHolds }), 0);
    expect(failure?.violation?.rule).toBe("hold");
  });

  it("finds the key that is heard twice where it came between stop and switch", () => {
    const options = { keys: 1, makeServer: hearsHeldInputTwice };
    const scenario = move("planted", options);
    expect(search(scenario, 0)).toBeNull();
    const random = new Random(1);
    const { failure } = explore(scenario, { deviationsMax: 1, runsMax: 500, random });
    expect(failure?.violation?.rule).toBe("keys");
    const trace = shrink(scenario, failure!.trace, "keys");
    expect(trace.length).toBe(1);
  });
});
