// A stick in use while its guest moves from host to host: some of the seeds that
// `caraway simulate --scenario "moves with a stick" --moves 10000` goes through.

import { describe, expect, it } from "vitest";
import { choicesOf } from "../src/choices.ts";
import { run } from "../src/run.ts";
import { namedScenario } from "../src/scenarios.ts";
import { addTallies, noTally } from "../src/tally.ts";

describe("moves with a stick in use", () => {
  it.each([
    ["moves with a stick", 1, 0],
    ["moves with a stick and faults", 2, null],
    ["moves with a stick without a peer link", 1, 0],
    ["semi-seamless moves with a stick", 1, null],
  ] as const)("keep every rule: %s", (name, seeds, lost) => {
    let all = noTally;
    for (let seed = 1; seed <= seeds; seed++) {
      const { violation, tally } = run(namedScenario(name)!, choicesOf(seed));
      expect(violation).toBe(null);
      all = addTallies(all, tally);
    }
    expect(all.readBytes).toBeGreaterThan(0);
    if (lost !== null) expect([all.answered, all.lost]).toEqual([all.asked, lost]);
  });
});
