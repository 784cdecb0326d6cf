// Clients of ours go from server to server with the guest, in every mode, one and several, and what
// they had is what they have.

import { describe, expect, it } from "vitest";
import { MoveWorld } from "./move-world.ts";

function outcomes(world: MoveWorld): [string, string, string][] {
  return world.target
    .eventsOf("move-channel")
    .map(({ channel, outcome, reason }) => [channel, outcome, reason]);
}

describe("a seamless move", () => {
  it("keeps every channel, and shows what the guest shows", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.move();
    expect(world.source.eventsOf("move-ready")).toEqual([
      { name: "move-ready", clients: [{ client: 1, mode: "seamless" }] },
    ]);
    expect(outcomes(world).sort()).toEqual([
      ["cursor 0", "kept", ""],
      ["display 0", "kept", ""],
      ["inputs 0", "kept", ""],
      ["main 0", "kept", ""],
    ]);
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "restored" }]);
    expect(world.source.eventsOf("move-left")).toMatchObject([
      { clients: [{ client: 1, mode: "seamless" }] },
    ]);
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expect(client.phases.at(-1)).toBe("done seamless");
    world.paint("target");
    world.advance(1000);
    expect(client.shows()).toEqual(world.truth.colors());
    expect(world.source.server.snapshot(world.now)).toMatchObject({ clients: [] });
  });
});
