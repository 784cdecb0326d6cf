// What may go wrong in a move: cancelled at each phase, clients that do not answer, die or come
// late, links that break, state that does not come. The faults of other servers by name.

import { MainCapability } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { defaultTargetMove } from "../src/index.ts";
import { MoveWorld } from "./move-world.ts";
import { RawClient } from "./raw-client.ts";

const movable = [
  MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
  MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
  MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
];

const shown = (world: MoveWorld) => {
  world.advance(1000);
  return world.clients.map((client) => client.shows());
};

function expectShown(world: MoveWorld): void {
  for (const picture of shown(world)) expect(picture).toEqual(world.truth.colors());
}

describe("a move that is called off", () => {
  it.each([
    ["while clients link", ["begin"]],
    ["when clients are ready", ["begin", "settle"]],
    ["when the guest is stopped", ["begin", "settle", "stop"]],
  ])("leaves everything as it was: %s", (_name, steps) => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    if (!steps.includes("settle")) client.isSlow = true;
    world.begin();
    if (steps.includes("stop")) world.stop();
    world.source.command({ name: "migrate-cancel" });
    world.target.command({ name: "migrate-abandon" });
    client.isSlow = false;
    world.settle();
    if (steps.includes("stop")) world.source.guest({ type: "running", running: true });
    world.paint("source");
    expectShown(world);
    expect(world.source.eventsOf("move-ready")).toHaveLength(1);
    expect(world.source.eventsOf("move-cancelled")).toHaveLength(1);
    expect(client.hosts).toEqual([0]);
    expect(world.target.server.snapshot(world.now)).toMatchObject({
      clients: [],
      target: null,
      connections: 0,
    });
    // And it may be tried again.
    world.move();
    world.paint("target");
    expectShown(world);
    expect(client.phases.at(-1)).toBe("done seamless");
  });

  it("does not take a late answer for one to the next move (stale flags)", () => {
    const world = new MoveWorld();
    const raw = new RawClient(world.source, { mainCapabilities: movable });
    raw.answersPings = false;
    const main = raw.open("main");
    world.begin();
    world.source.command({ name: "migrate-cancel" });
    world.target.command({ name: "migrate-abandon" });
    world.begin({ answerWithinMs: 5000 });
    const begun = main.names.filter((name) => name === "MIGRATE_BEGIN_SEAMLESS");
    expect(begun).toHaveLength(2);
    // The answer to the first, which the end of the first has crossed.
    main.send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    expect(world.source.eventsOf("move-ready")).toHaveLength(1);
    const { id, timestamp } = main.ofName<{ id: number; timestamp: bigint }>("PING").at(-1)!;
    main.send({ name: "PONG", body: { id, timestamp } });
    main.send({ name: "MIGRATE_CONNECT_ERROR", body: {} });
    expect(world.source.eventsOf("move-ready")[1]).toMatchObject({
      clients: [{ mode: "switch-host" }],
    });
  });

  it("is told to a client that still links when the guest goes, before it is sent over", () => {
    const world = new MoveWorld();
    const main = new RawClient(world.source, { mainCapabilities: movable }).open("main");
    world.begin({ answerWithinMs: 1000 });
    world.advance(1000);
    world.stop();
    world.hand();
    world.switch();
    expect(main.names.slice(-3)).toEqual(["MIGRATE_CANCEL", "PING", "MIGRATE_SWITCH_HOST"]);
  });
});

describe("a client that does not answer", () => {
  it("is not waited for longer than was said, and costs the others nothing", () => {
    const world = new MoveWorld();
    const silent = world.join();
    world.join();
    silent.isDeaf = true;
    world.begin({ answerWithinMs: 4000 });
    expect(world.source.eventsOf("move-ready")).toEqual([]);
    world.advance(4000);
    expect(world.source.eventsOf("move-ready")).toEqual([
      {
        name: "move-ready",
        clients: [
          { client: 1, mode: "switch-host" },
          { client: 2, mode: "seamless" },
        ],
      },
    ]);
    world.stop();
    world.hand();
    world.switch();
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "restored" }]);
    expect(world.source.eventsOf("move-left")).toEqual([]);
    world.advance(10_000);
    expect(world.source.eventsOf("move-left")).toMatchObject([
      { clients: [{ mode: "switch-host" }, { mode: "seamless" }] },
    ]);
    expect(world.source.eventsOf("client-left").at(-1)?.error?.code).toBe("CLIENT_LEFT_BEHIND");
  });

  it("but answers late, before the switch, gets its mode", () => {
    const world = new MoveWorld();
    const client = world.join();
    client.isSlow = true;
    world.begin({ answerWithinMs: 1000 });
    world.advance(1500);
    expect(world.source.eventsOf("move-ready")).toMatchObject([
      { clients: [{ mode: "switch-host" }] },
    ]);
    client.isSlow = false;
    world.settle();
    expect(world.source.eventsOf("move-client").at(-1)).toMatchObject({
      state: "ready",
      mode: "seamless",
    });
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    world.paint("target");
    expectShown(world);
    expect(client.phases.at(-1)).toBe("done seamless");
  });

  it("and still links when the switch comes, begins anew at the target", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    client.isSlow = true;
    world.begin({ answerWithinMs: 1000 });
    world.advance(1000);
    world.stop();
    world.hand();
    world.switch();
    client.isSlow = false;
    world.settle();
    world.runWhenTold();
    world.paint("target");
    expectShown(world);
    expect(client.hosts).toEqual([1]);
  });

  it("because the target is away, follows by switch-host", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.isTargetAway = true;
    world.begin();
    world.advance(10_000);
    expect(world.source.eventsOf("move-ready")).toMatchObject([
      { clients: [{ mode: "switch-host" }] },
    ]);
    world.isTargetAway = false;
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    world.paint("target");
    expectShown(world);
    expect(client.hosts).toEqual([1]);
  });
});

describe("clients that come and go meanwhile", () => {
  it("are asked when they come while others link already", () => {
    const world = new MoveWorld();
    world.join();
    world.begin();
    world.join();
    const modes = world.source.eventsOf("move-client").filter(({ state }) => state === "ready");
    expect(modes.map(({ client, mode }) => [client, mode])).toEqual([
      [1, "seamless"],
      [2, "seamless"],
    ]);
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    world.paint("target");
    expectShown(world);
  });

  it("are not waited for when they die before they answer", () => {
    const world = new MoveWorld();
    const client = world.join();
    client.isSlow = true;
    world.begin();
    client.die();
    expect(world.source.eventsOf("move-ready")).toEqual([{ name: "move-ready", clients: [] }]);
  });

  it("are not waited for when they die at the switch", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    world.stop();
    world.hand();
    client.die();
    world.switch();
    expect(world.source.eventsOf("move-left")).toHaveLength(1);
    expect(world.target.eventsOf("hold-ended")).toHaveLength(1);
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expect(world.target.server.snapshot(world.now)).toMatchObject({ connections: 0, target: null });
  });

  it("may link whatever the time of their tickets, but not without what they showed", () => {
    const tickets = [{ password: "open sesame", expiresAt: 2000, viewOnly: true }];
    const world = new MoveWorld({ source: { tickets }, target: { tickets } });
    const client = world.join({}, "open sesame");
    world.advance(5000);
    world.move();
    expect(client.phases.at(-1)).toBe("done seamless");
    expect(world.target.eventsOf("client-joined")).toMatchObject([{ viewOnly: true }]);
    const late = world.join({}, "open sesame");
    expect(late.events.at(-1)).toMatchObject({ name: "ended" });
  });
});

describe("the hold", () => {
  it("ends at its deadline, and what comes then goes on as if it had come before", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.begin({}, { deadlineMs: 3000, holdMaxMs: 9000 });
    world.stop();
    world.hand();
    client.isSlow = true;
    world.switch();
    world.advance(2900);
    expect(world.target.eventsOf("hold-ended")).toEqual([]);
    expect(world.target.guestInputs("run")).toEqual([]);
    world.advance(200);
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "deadline", ms: 3000 }]);
    world.runWhenTold();
    world.paint("target");
    world.advance(2000);
    client.isSlow = false;
    world.settle();
    world.advance(100);
    const channels = world.target.eventsOf("move-channel");
    expect(channels.map(({ outcome }) => outcome)).toEqual(["kept", "kept", "kept", "kept"]);
    expect(Math.max(...channels.map(({ gapMs }) => gapMs))).toBeGreaterThan(5000);
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expectShown(world);
  });

  it("is put off while announced state arrives, and never beyond its longest", () => {
    const world = new MoveWorld();
    const clients = [world.join(), world.join(), world.join(), world.join()];
    world.begin({}, { deadlineMs: 3000, holdMaxMs: 7000 });
    world.stop();
    world.hand();
    for (const client of clients) client.isSlow = true;
    world.switch();
    for (const client of clients.slice(0, 3)) {
      world.advance(2500);
      client.isSlow = false;
      world.settle();
    }
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "hold-max", ms: 7000 }]);
  });

  it("gives up what has not come when it is too late, and refuses it then", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin({ switchWithinMs: 200_000 }, { lateMaxMs: 20_000 });
    world.stop();
    world.hand();
    client.isDeaf = true;
    world.switch();
    world.runWhenTold();
    world.advance(25_000);
    const [settled] = world.target.eventsOf("move-settled");
    // A cursor has nothing that goes through the client.
    expect(settled?.clients[0]?.channels.map(({ channel, outcome }) => [channel, outcome])).toEqual(
      [
        ["cursor 0", "kept"],
        ["main 0", "lost"],
        ["display 0", "lost"],
        ["inputs 0", "lost"],
      ],
    );
    expect(world.target.server.snapshot(world.now)).toMatchObject({ clients: [], connections: 0 });
  });

  it("ends for a client whose source says nothing any more, which begins anew with what it has", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.begin();
    world.stop();
    world.hand();
    world.isPeerCut = true;
    world.switch();
    world.advance(6000);
    world.runWhenTold();
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "deadline" }]);
    world.paint("target");
    expectShown(world);
    const outcomes = world.target.eventsOf("move-channel").map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["rebuilt", "rebuilt", "rebuilt", "rebuilt"]);
    expect(client.events.map(({ name }) => name)).not.toContain("ended");
  });

  it("gives up who is still on the way when the next guest is expected", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    world.stop();
    world.hand();
    client.isSlow = true;
    world.switch();
    world.advance(6000);
    world.target.command({ name: "migrate-expect", move: defaultTargetMove });
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expect(world.target.server.snapshot(world.now)).toMatchObject({ clients: [], connections: 0 });
  });

  it("runs a guest for which nobody was expected", () => {
    const world = new MoveWorld();
    world.hand();
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "nobody" }]);
    expect(world.target.guestInputs("run")).toHaveLength(1);
  });

  it("waits for nobody when nobody was there", () => {
    const world = new MoveWorld();
    world.move();
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "nobody", ms: 0 }]);
    expect(world.source.eventsOf("move-left")).toEqual([{ name: "move-left", clients: [] }]);
    expect(world.target.eventsOf("move-settled")).toEqual([{ name: "move-settled", clients: [] }]);
  });
});

describe("a source", () => {
  it("gives a client that makes progress its time, and cuts nobody at ten seconds", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin({}, { lateMaxMs: 60_000 });
    world.stop();
    world.hand();
    client.isSlow = true;
    world.source.command({ name: "migrate-switch" });
    for (let second = 0; second < 15; second++) {
      world.advance(1000);
      // A trickle: the network says that it took something.
      world.source.trickle();
    }
    expect(world.source.eventsOf("move-left")).toEqual([]);
    client.isSlow = false;
    world.settle();
    world.runWhenTold();
    world.paint("target");
    expectShown(world);
    expect(world.source.eventsOf("move-left")).toHaveLength(1);
    expect(client.phases.at(-1)).toBe("done seamless");
  });

  it("sends a client after the guest that arrives when it has left again", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.begin();
    world.stop();
    world.hand();
    client.isSlow = true;
    world.switch();
    world.advance(6000);
    world.runWhenTold();
    world.turn();
    world.begin({ answerWithinMs: 1000 });
    world.advance(1000);
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    world.paint("target");
    client.isSlow = false;
    world.settle();
    expectShown(world);
    expect(client.hosts).toEqual([2]);
  });

  it("may expect a guest again, and takes in who comes with it", () => {
    const world = new MoveWorld();
    world.move();
    expect(world.source.server.snapshot(world.now)).toMatchObject({ source: { phase: "gone" } });
    const move = { ...defaultTargetMove, strangers: "accept" } as const;
    world.source.command({ name: "migrate-expect", move });
    expect(world.source.server.snapshot(world.now)).toMatchObject({
      source: { phase: "idle" },
      gate: { kind: "closed" },
    });
    world.source.command({ name: "migrate-hold" });
    expect(world.source.guestInputs("run")).toHaveLength(1);
  });

  it("takes nobody in once the guest has gone", () => {
    const world = new MoveWorld();
    world.move();
    const late = world.join();
    expect(late.events.at(-1)).toMatchObject({ name: "ended" });
  });
});

describe("policies", () => {
  it("end a channel that is not to go over, and begin others anew", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.move({ policies: { cursor: "drop", display: "rebuild" } });
    world.paint("target");
    const outcomes = world.target.eventsOf("move-channel").map(({ channel, outcome, reason }) => {
      return `${channel} ${outcome} ${reason}`.trim();
    });
    expect(outcomes.sort()).toEqual([
      "cursor 0 lost policy",
      "display 0 rebuilt policy",
      "inputs 0 kept",
      "main 0 kept",
    ]);
    expectShown(world);
    expect(client.events.filter(({ name }) => name === "ended")).toEqual([]);
  });
});

describe("channels that appear after a move", () => {
  it.each([["seamless"], ["semi-seamless"]] as const)(
    "are told to a client that came %s",
    (mode) => {
      const world = new MoveWorld();
      const client = world.join();
      world.move({ mode });
      world.target.guest({ type: "attach", device: { kind: "display", id: 1 } });
      world.settle();
      const linked = client.events.filter((event) => event.name === "channel-linked");
      expect(linked.map((event) => `${event.channel} ${event.id}`)).toContain("display 1");
      const again = world.target.eventsOf("channel-linked").map(({ channel }) => channel);
      expect(new Set(again).size).toBe(again.length);
    },
  );
});
