import { describe, expect, it } from "vitest";
import {
  choicesOf,
  comparedPlainly,
  explore,
  goEverywhere,
  Memories,
  type MoveOptions,
  move,
  namedScenario,
  plainChoices,
  type Scenario,
  settle,
  Violation,
  type World,
} from "../src/index.ts";
import {
  forgetsHeldKeys,
  hearsHeldInputTwice,
  keepsWakingUp,
  neverHolds,
  remembersInSecret,
} from "./planted.ts";

/** What a world from memory and a world at work are at, step by step, where chance leads them. */
function together(scenario: Scenario, seed: number, memories: Memories): void {
  const remembered = scenario.make(null, memories);
  const lived = scenario.make(null, null);
  const chance = choicesOf(seed);
  const end = lived.now + scenario.exploredMs;
  while (lived.now < end) {
    const [these, those] = [remembered, lived].map((world) => world.steps(scenario.horizonMs));
    const names = these!.map(({ label }) => label());
    expect([...names].sort()).toEqual(those!.map(({ label }) => label()).sort());
    if (names.length === 0) break;
    const choice = names.length === 1 ? 0 : chance.choose(names.length);
    const same = those!.find(({ label }) => label() === names[choice])!;
    const [broken, brokenInLife] = [
      ruleOf(() => remembered.take(these![choice]!, plainChoices)),
      ruleOf(() => lived.take(same, plainChoices)),
    ];
    expect(broken).toBe(brokenInLife);
    if (broken !== null) return;
  }
  expect(ruleOf(() => rest(remembered, scenario))).toBe(ruleOf(() => rest(lived, scenario)));
}

function rest(world: World, { settleMs }: Scenario): void {
  world.heal();
  settle(world, settleMs, () => {});
}

function ruleOf(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

describe("a world from memory", () => {
  it.each([
    "stay with a reset",
    "stay with a stream",
    "move with a cancel",
    "move with a stall",
    "tinier move with a death",
  ])("does in %s what programs at work do", (name) => {
    const memories = new Memories();
    for (let seed = 1; seed <= 5; seed++) together(namedScenario(name)!, seed, memories);
  });

  it("does so with a server that is wrong, too", () => {
    const memories = new Memories();
    const scenario = move("planted", { makeServer: hearsHeldInputTwice });
    for (let seed = 1; seed <= 3; seed++) together(scenario, seed, memories);
  });
});

/** Nothing waits but by a fault. */
const quick: Partial<MoveOptions> = {
  keys: 0,
  channels: ["main", "display"],
  world: { hasQuickLinks: true, slackMs: 0 },
};

describe("a world of numbers", () => {
  it.each([
    ["nothing", {}],
    ["a cancel", { cancels: 1 }],
    ["a reset", { resets: 1 }],
    ["two deaths", { kills: ["source", "target"] }],
    ["a stall", { stalls: 1, stallMs: 1500 }],
    ["a delay", { delays: 1 }],
  ])("ends as the forked one does, where movers meet %s", (_name, faults) => {
    const scenario = move("movers", { ...quick, clients: 0, faults });
    const everywhere = goEverywhere(scenario);
    const forked = explore(scenario, { deviationsMax: Number.POSITIVE_INFINITY, runsMax: 1e6 });
    expect([everywhere.left, forked.left]).toEqual([0, 0]);
    expect(new Set(everywhere.ends)).toEqual(new Set(forked.ends));
  });

  it("ends as the forked one does, with a session in it", () => {
    const scenario = namedScenario("tinier move")!;
    const everywhere = goEverywhere(scenario);
    const forked = explore(scenario, { deviationsMax: Number.POSITIVE_INFINITY, runsMax: 1e6 });
    expect([everywhere.left, forked.left]).toEqual([0, 0]);
    expect(new Set(everywhere.ends)).toEqual(new Set(forked.ends));
    expect(everywhere.failure).toBeNull();
  });

  it.each([
    ["a guest that runs early", "hold", { makeServer: neverHolds }],
    ["a timer that is never taken down", "deadline", { makeServer: keepsWakingUp }],
    [
      "a key that stays down",
      "keys",
      { channels: ["main", "inputs"], holdsKey: true, makeServer: forgetsHeldKeys },
    ],
  ] as const)("finds %s", (_name, rule, options) => {
    const faults = rule === "hold" ? {} : { resets: 1 };
    const scenario = move("planted", { ...quick, ...options, faults } as Partial<MoveOptions>);
    for (const compared of [null, comparedPlainly]) {
      let looks = 0;
      const { failure } = goEverywhere(scenario, { compared, goOn: () => ++looks < 40 });
      expect(failure?.violation?.rule).toBe(rule);
    }
  });
});

describe("states that look the same", () => {
  it.each<[string, Partial<MoveOptions>]>([
    ["a session meets nothing", {}],
    ["movers meet two deaths", { clients: 0, faults: { kills: ["source", "target"] } }],
    ["movers meet a delay", { clients: 0, faults: { delays: 1 } }],
  ])("do the same from then on, where %s", (_name, options) => {
    const scenario = move("move", { ...quick, ...options });
    const whole = goEverywhere(scenario, { compared: null });
    const fewer = goEverywhere(scenario, { compared: 20 });
    expect([whole.failure, fewer.failure]).toEqual([null, null]);
    expect([whole.left, fewer.left]).toEqual([0, 0]);
    expect(new Set(fewer.ends)).toEqual(new Set(whole.ends));
    expect(fewer.states).toBeLessThanOrEqual(whole.states);
  });

  it("are told apart by what they do, where a program does not say all of itself", () => {
    const scenario = move("planted", { ...quick, makeServer: remembersInSecret });
    const { failure } = goEverywhere(scenario, { compared: 20 });
    expect(failure?.violation?.rule).toBe("likeness");
  });
});
