import { describe, expect, it } from "vitest";
import { choicesOf, explore, goEverywhere, namedScenario, Random, run } from "../src/index.ts";

// Here each world is looked at for a moment; `npm run simulate` takes its time.

/** The whole of it with few deviations, or a part of it that chance picks. */
function look(name: string, deviationsMax: number, runsMax: number) {
  const random = new Random(7);
  const found = explore(namedScenario(name)!, { deviationsMax, runsMax, random });
  const violation = found.failure?.violation?.message;
  expect({ name, violation, trace: found.failure?.trace }).toEqual({ name });
  return found;
}

describe("the owner of a guest that moves", () => {
  it("is one, in every course that a move can take", () => {
    expect(look("movers", Number.POSITIVE_INFINITY, 10_000).left).toBe(0);
  });

  it.each(["movers with a reset", "movers with a death", "movers with a cancel"])(
    "is one, in every course of %s",
    (name) => {
      expect(look(name, Number.POSITIVE_INFINITY, 10_000).left).toBe(0);
    },
  );

  it("is one, however long the hosts do not hear each other", () => {
    look("movers with a stall", 2, 100);
  });
});

describe("a session whose guest moves", () => {
  it.each(["tinier move", "tinier move with a cancel"])(
    "keeps every rule in every course of %s",
    (name) => {
      const { failure, left } = goEverywhere(namedScenario(name)!);
      expect({ left, violation: failure?.violation?.message, told: failure?.told }).toEqual({
        left: 0,
      });
    },
  );

  it.each([
    "move",
    "move with a reset",
    "move with a stall",
    "move with a long stall",
    "move with a cancel",
    "move with a death",
    "move, semi-seamless",
    "move, switch-host",
    "move with a late client",
    "move without a peer link",
    "move there and back",
    "move of two",
  ])("keeps every rule in courses of %s that chance picks", (name) => {
    look(name, 3, 12);
  });

  it.each(["large move", "large move with faults"])("keeps every rule in some %s", (name) => {
    for (const seed of [1, 2]) {
      const { violation } = run(namedScenario(name)!, choicesOf(seed));
      expect({ seed, violation: violation?.message }).toEqual({ seed });
    }
  });
});
