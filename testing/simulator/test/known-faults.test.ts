import { describe, expect, it } from "vitest";
import { explore, type MoveOptions, move, password, Random, replay } from "../src/index.ts";

// Faults that SPICE servers and clients had once, each as the world in which it would show.

/** The plain course, each with one deviation of those that chance picks. */
function keepsEveryRule(options: Partial<MoveOptions>, runsMax = 12): void {
  const random = new Random(11);
  const found = explore(move("known", options), { deviationsMax: 1, runsMax, random });
  const violation = found.failure?.violation?.message;
  expect({ violation, trace: found.failure?.trace }).toEqual({});
}

describe("faults of the past", () => {
  it("drawing goes on behind a move, for longer than an ack window", () => {
    const guest = { frames: 70, framePeriodMs: 20 };
    keepsEveryRule({ keys: 0, guest, exploredMs: 200 }, 6);
  });

  it.each(["semi-seamless", "switch-host"] as const)("a move by %s comes to its end", (mode) => {
    keepsEveryRule({ mode });
  });

  it("no ping comes between MIGRATE and MIGRATE_DATA", () => {
    // Pings are due while the client is away.
    const faults = { stalls: 1, stallMs: 16_000 };
    keepsEveryRule({ keys: 0, faults, horizonMs: 20_000, exploredMs: 20_000 });
  });

  it("no byte of a device goes astray behind MIGRATE, in either direction", () => {
    keepsEveryRule({ keys: 0, bytes: 21, guest: { streamBytes: 120 } });
  });

  it("a client that leaves in the middle of a move harms nobody", () => {
    keepsEveryRule({ clients: 2, keys: 0, faults: { kills: ["c1"] } });
  });

  it("a password that expires before the move does not keep clients from following", () => {
    const tickets = [{ password, expiresAt: 3000, viewOnly: false }];
    const scenario = move("expired", { tickets, waitMs: 5000 });
    expect(replay(scenario, []).violation).toBeNull();
  });

  it("the pointer goes on behind a move, by as much as the mouse", () => {
    keepsEveryRule({ keys: 0, motions: 12 });
  });

  it("nothing is left of a move that was called off when the next one begins", () => {
    keepsEveryRule({ isFirstCancelled: true });
  });
});

describe("faults that the simulator has found", () => {
  it("a device that a client brings is not offered to another that is back earlier", () => {
    const options = { clients: 2, keys: 0, bytes: 7, guest: { streamBytes: 7 } };
    keepsEveryRule(options, 15);
  });

  it("motion under way is heard though its client has closed main", () => {
    keepsEveryRule({ mode: "switch-host", keys: 0, motions: 2 }, 60);
  });

  it("a key is let go whose client dies on its way", () => {
    keepsEveryRule({ keys: 0, holdsKey: true, faults: { kills: ["c1"] } }, 60);
  });

  it("a key is let go whose client died at the source, though the guest has moved on since", () => {
    const scenario = move("on at once", {
      keys: 0,
      holdsKey: true,
      moves: 2,
      channels: ["main", "display", "inputs"],
      world: { hasQuickLinks: true },
      faults: { stalls: 1, stallMs: 1500, kills: ["c1"] },
    });
    const trace = [
      { at: 20, choice: 7 },
      { at: 42, choice: 1 },
    ];
    const { violation, struck } = replay(scenario, trace);
    // Other choices by these numbers would be another story.
    expect(struck).toEqual(["stall #3 c1>source:1 inputs 0", "kill c1"]);
    expect(violation?.message).toBeUndefined();
  });
});
