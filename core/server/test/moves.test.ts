// Clients of ours go from server to server with the guest, in every mode, one and several, and what
// they had is what they have.

import { describe, expect, it } from "vitest";
import { defaultTargetMove } from "../src/index.ts";
import { MoveWorld } from "./move-world.ts";

function outcomes(world: MoveWorld): string[] {
  return world.target
    .eventsOf("move-channel")
    .map(({ client, channel, outcome }) => `${client} ${channel} ${outcome}`)
    .sort();
}

const allKept = ["cursor 0", "display 0", "inputs 0", "main 0"].map((label) => `1 ${label} kept`);

function keysOf(world: MoveWorld, place: "source" | "target"): [number, boolean][] {
  return world
    .world(place)
    .guestInputs("key")
    .map(({ code, down }) => [code, down]);
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
    expect(outcomes(world)).toEqual(allKept);
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "restored" }]);
    expect(world.source.eventsOf("move-left")).toMatchObject([
      { clients: [{ client: 1, mode: "seamless" }] },
    ]);
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expect(client.phases.at(-1)).toBe("done seamless");
    world.paint("target");
    world.advance(1000);
    expect(client.shows()).toEqual(world.truth.colors());
    expect(client.hosts).toEqual([1]);
    expect(world.source.server.snapshot(world.now)).toMatchObject({ clients: [] });
  });

  it.each([
    ["large headers at the source", { source: { miniHeader: false } }],
    ["large headers at the target", { target: { miniHeader: false } }],
  ])("works with %s", (_name, options) => {
    const world = new MoveWorld(options);
    const client = world.join();
    world.paint("source");
    world.move();
    world.paint("target");
    world.advance(1000);
    expect(outcomes(world)).toEqual(allKept);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("takes every client along, each with all that it had", () => {
    const world = new MoveWorld();
    const clients = [world.join(), world.join(), world.join()];
    world.paint("source");
    world.move();
    world.paint("target");
    world.advance(1000);
    const modes = world.source.eventsOf("move-ready")[0]!.clients.map(({ mode }) => mode);
    expect(modes).toEqual(["seamless", "seamless", "seamless"]);
    expect(outcomes(world).filter((one) => one.endsWith("kept"))).toHaveLength(12);
    for (const client of clients) {
      expect(client.phases.at(-1)).toBe("done seamless");
      expect(client.shows()).toEqual(world.truth.colors());
    }
  });

  it("works with nothing but what goes through the client", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.move({ peer: false });
    world.paint("target");
    world.advance(1000);
    expect(outcomes(world)).toEqual(allKept);
    expect(client.phases.at(-1)).toBe("done seamless");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("may be followed by others, ten in a row", () => {
    const world = new MoveWorld();
    const client = world.join();
    for (let round = 0; round < 10; round++) {
      world.paint("source");
      world.move();
      expect(client.phases.at(-1)).toBe("done seamless");
      world.paint("target");
      world.advance(300);
      expect(client.shows()).toEqual(world.truth.colors());
      world.turn();
    }
  });

  it("begins the next one while a client is still on its way, and asks it when it is here", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    world.stop();
    world.hand();
    client.isSlow = true;
    world.switch();
    world.turn();
    world.begin();
    expect(world.source.eventsOf("move-ready")).toEqual([]);
    client.isSlow = false;
    world.settle();
    world.runWhenTold("source");
    expect(world.source.eventsOf("move-ready")).toMatchObject([
      { clients: [{ mode: "seamless" }] },
    ]);
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    world.paint("target");
    world.advance(1000);
    expect(client.phases.at(-1)).toBe("done seamless");
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

describe("a semi-seamless move", () => {
  it.each([[true], [false]])("begins anew over the links that are there, peer link %s", (peer) => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.move({ mode: "semi-seamless", peer });
    world.paint("target");
    world.advance(1000);
    expect(world.source.eventsOf("move-ready")).toMatchObject([
      { clients: [{ mode: "semi-seamless" }] },
    ]);
    expect(outcomes(world)).toEqual(allKept.map((one) => one.replace("kept", "rebuilt")));
    expect(client.phases.at(-1)).toBe("done semi-seamless");
    expect(client.shows()).toEqual(world.truth.colors());
    expect(client.hosts).toEqual([1]);
  });
});

describe("a move by switch-host", () => {
  const labels = ["cursor 0", "display 0", "inputs 0", "main 0"];

  /** What was told of each client in the end: mode, and what became of its channels. */
  function settled(world: MoveWorld): unknown[] {
    return world.target.eventsOf("move-settled").map(({ clients }) =>
      clients.map(({ mode, channels }) => {
        const all = channels.map(
          ({ channel, outcome, reason }) => `${channel} ${outcome}: ${reason}`,
        );
        return [mode, ...all.sort()];
      }),
    );
  }
  const came = ["switch-host", ...labels.map((label) => `${label} rebuilt: switch-host`)];
  const lost = (why: string) => ["switch-host", ...labels.map((label) => `${label} lost: ${why}`)];

  it("sends clients to the target as new ones, and tells what became of them", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.move({ mode: "switch-host" });
    world.paint("target");
    world.advance(1000);
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "nobody", ms: 0 }]);
    expect(client.shows()).toEqual(world.truth.colors());
    expect(client.hosts).toEqual([1]);
    expect(settled(world)).toEqual([[came]]);
    expect(outcomes(world)).toEqual(labels.map((label) => `1 ${label} rebuilt`));
  });

  it("waits for their end with what it tells, not with the guest", () => {
    const world = new MoveWorld();
    const [dying] = [world.join(), world.join()];
    world.begin({ mode: "switch-host" }, { deadlineMs: 3000 });
    world.stop();
    dying!.die();
    world.hand();
    expect(world.target.guestInputs("run")).toHaveLength(1);
    expect(settled(world)).toEqual([]);
    world.switch();
    world.advance(1000);
    // One had ended before it could be told.
    expect(settled(world)).toEqual([[came]]);

    const other = new MoveWorld();
    const [deaf] = [other.join(), other.join()];
    deaf!.isSlow = true;
    other.move({ mode: "switch-host" }, { deadlineMs: 3000 });
    other.advance(2900);
    expect(settled(other)).toEqual([]);
    other.advance(1000);
    expect(settled(other)).toEqual([[came, lost("the client has not come back in time")]]);
  });

  it("tells it beside clients that moved in another way", () => {
    const world = new MoveWorld();
    world.join();
    const failing = world.join();
    failing.isSlow = true;
    world.begin();
    world.advance(20_000);
    world.stop();
    world.hand();
    world.switch();
    failing.isSlow = false;
    world.runWhenTold();
    world.advance(2000);
    const kept = ["seamless", ...labels.map((label) => `${label} kept: `)];
    expect(settled(world)).toEqual([[kept, came]]);
  });

  it("tells at once when nobody was there, and after its time when the source is gone", () => {
    const world = new MoveWorld();
    world.move();
    expect(settled(world)).toEqual([[]]);

    const orphan = new MoveWorld();
    orphan.begin();
    orphan.stop();
    orphan.hand();
    expect(settled(orphan)).toEqual([]);
    orphan.advance(10_000);
    expect(settled(orphan)).toEqual([[]]);
  });

  it("tells what it knows before the next move", () => {
    const world = new MoveWorld();
    const deaf = world.join();
    deaf.isSlow = true;
    world.move({ mode: "switch-host" });
    world.target.command({ name: "migrate-expect", move: defaultTargetMove });
    world.settle();
    expect(settled(world)).toEqual([[lost("the client has not come back in time")]]);
  });
});

describe("keys", () => {
  it("typed while the guest stands still reach it at the target, in order, once", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    client.key(0x1e, true);
    world.stop();
    client.key(0x1e, false);
    client.key(0x30, true);
    world.hand();
    client.key(0x30, false);
    client.isSlow = true;
    world.source.command({ name: "migrate-switch" });
    client.key(0x2e, true);
    client.isSlow = false;
    world.settle();
    client.key(0x2e, false);
    world.runWhenTold();
    // The client leaves time between keys.
    world.advance(1000);
    expect(keysOf(world, "source")).toEqual([[0x1e, true]]);
    expect(keysOf(world, "target")).toEqual([
      [0x1e, false],
      [0x30, true],
      [0x30, false],
      [0x2e, true],
      [0x2e, false],
    ]);
    const run = world.target.toGuest.findIndex(({ type }) => type === "run");
    const firstKey = world.target.toGuest.findIndex(({ type }) => type === "key");
    expect(run).toBeLessThan(firstKey);
  });

  it("held when the guest moves are let go at the target when their client dies there", () => {
    const world = new MoveWorld();
    const client = world.join();
    client.key(0x1e, true);
    world.move();
    expect(keysOf(world, "target")).toEqual([]);
    client.die();
    expect(keysOf(world, "source")).toEqual([[0x1e, true]]);
    expect(keysOf(world, "target")).toEqual([[0x1e, false]]);
  });

  it("held by a client that begins anew are let go, at the target", () => {
    const world = new MoveWorld();
    const client = world.join();
    client.key(0x1e, true);
    world.move({ mode: "semi-seamless" });
    expect(keysOf(world, "source")).toEqual([[0x1e, true]]);
    expect(keysOf(world, "target").filter(([, down]) => !down).length).toBeGreaterThan(0);
    expect(keysOf(world, "target").at(-1)).toEqual([0x1e, false]);
  });

  it("typed while the guest stood still reach it here when the move is called off", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    world.stop();
    client.key(0x1e, true);
    expect(keysOf(world, "source")).toEqual([]);
    world.source.command({ name: "migrate-cancel" });
    world.source.guest({ type: "running", running: true });
    expect(keysOf(world, "source")).toEqual([[0x1e, true]]);
  });
});
