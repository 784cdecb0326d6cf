// What a source says to its clients on the wire, and what it never says: order, flags, and silence
// behind MIGRATE.

import { FrameWriter } from "@caraway/channel";
import { baseCodec, MainCapability, MigrateFlag } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { MoveWorld } from "./move-world.ts";
import { type RawChannelName, RawClient } from "./raw-client.ts";

const { NEED_FLUSH, NEED_DATA_TRANSFER } = MigrateFlag;
const movable = [
  MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
  MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
  MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
];
const all = ["main", "display", "inputs", "cursor"] as const;

function sendMark(client: RawClient, name: RawChannelName): void {
  const mark = baseCodec.client.encode({ name: "MIGRATE_FLUSH_MARK", body: {} });
  client.channel(name).sendRaw(new FrameWriter(true, 1n).write(mark));
}

/** A raw client at the source that says it has its links. */
function ready(world: MoveWorld, capabilities: readonly number[] = movable): RawClient {
  const client = new RawClient(world.source, { mainCapabilities: capabilities });
  client.openAll("display", "inputs", "cursor");
  return client;
}

function since(client: RawClient, name: RawChannelName, message: string): string[] {
  const { names } = client.channel(name);
  return names.slice(names.indexOf(message));
}

describe("a source", () => {
  it("says MIGRATE on every channel, MIGRATE_DATA behind the mark, and nothing more", () => {
    const world = new MoveWorld();
    const client = ready(world);
    world.begin();
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    world.paint("source");
    world.stop();
    world.hand();
    world.switch();
    for (const name of all) {
      expect(client.channel(name).names.at(-1)).toBe("MIGRATE");
      const [{ flags }] = client.channel(name).ofName<{ flags: number }>("MIGRATE") as [
        { flags: number },
      ];
      expect(flags).toBe(name === "cursor" ? 0 : NEED_FLUSH | NEED_DATA_TRANSFER);
    }
    // Whatever would be said on another day: lights, drawing, acks, tokens, pings.
    world.source.guest({ type: "leds", modifiers: 7 });
    world.paint("source");
    for (let motion = 0; motion < 9; motion++) {
      const body = { dx: 1, dy: 1, buttonsState: 0 };
      client.channel("inputs").send({ name: "MOUSE_MOTION", body });
    }
    world.source.guest({ type: "attach", device: { kind: "display", id: 1 } });
    world.advance(9000);
    for (const name of all) expect(since(client, name, "MIGRATE")).toEqual(["MIGRATE"]);
    for (const name of ["main", "display", "inputs"] as const) {
      sendMark(client, name);
      expect(since(client, name, "MIGRATE")).toEqual(["MIGRATE", "MIGRATE_DATA"]);
      sendMark(client, name);
    }
    world.advance(9000);
    for (const name of all) {
      const behind = name === "cursor" ? ["MIGRATE"] : ["MIGRATE", "MIGRATE_DATA"];
      expect(since(client, name, "MIGRATE")).toEqual(behind);
    }
  });

  it("hands over channels whose client closed main first", () => {
    const world = new MoveWorld();
    const client = ready(world);
    world.begin();
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    world.stop();
    world.hand();
    world.switch();
    sendMark(client, "main");
    client.channel("main").close();
    expect(client.channel("display").isClosed).toBe(false);
    sendMark(client, "display");
    expect(client.channel("display").names.at(-1)).toBe("MIGRATE_DATA");
    expect(world.source.eventsOf("move-left")).toEqual([]);
    for (const name of ["display", "inputs", "cursor"] as const) client.channel(name).close();
    expect(world.source.eventsOf("move-left")).toHaveLength(1);
  });

  it("offers what the client knows, and tells which mode it will get", () => {
    const world = new MoveWorld();
    const { SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE: semi } = MainCapability;
    const { SPICE_MAIN_CAP_SEAMLESS_MIGRATE: seamless } = MainCapability;
    const clients = [
      ready(world),
      ready(world, [semi]),
      ready(world, [seamless, semi]),
      ready(world, []),
    ];
    world.begin({ answerWithinMs: 1000 });
    expect(clients.map((client) => client.channel("main").names.at(-1))).toEqual([
      "MIGRATE_BEGIN_SEAMLESS",
      "MIGRATE_BEGIN",
      // Without the agent's tokens the state of main cannot go over.
      "MIGRATE_BEGIN",
      expect.not.stringMatching("MIGRATE"),
    ]);
    clients[0]!.channel("main").send({ name: "MIGRATE_CONNECTED", body: {} });
    clients[1]!.channel("main").send({ name: "MIGRATE_CONNECTED", body: {} });
    clients[2]!.channel("main").send({ name: "MIGRATE_CONNECT_ERROR", body: {} });
    expect(world.source.eventsOf("move-ready")).toMatchObject([
      {
        clients: [
          { mode: "semi-seamless" },
          { mode: "semi-seamless" },
          { mode: "switch-host" },
          { mode: "switch-host" },
        ],
      },
    ]);
    world.stop();
    world.hand();
    world.switch();
    expect(clients.map((client) => client.channel("main").names.at(-1))).toEqual([
      "MIGRATE_END",
      "MIGRATE_END",
      "MIGRATE_SWITCH_HOST",
      "MIGRATE_SWITCH_HOST",
    ]);
    const [target] = clients[3]!.channel("main").ofName("MIGRATE_SWITCH_HOST");
    expect(target).toMatchObject({ port: 5900, sport: 0, host: "host-1", certSubject: "" });
  });

  it("takes a second beginning for the end of the first, and tells the client so", () => {
    const world = new MoveWorld();
    const client = ready(world);
    world.begin();
    world.source.command({ name: "migrate-begin", move: world.sourceMove({ peer: false }) });
    const names = client.channel("main").names.filter((name) => name.startsWith("MIGRATE"));
    expect(names).toEqual(["MIGRATE_BEGIN_SEAMLESS", "MIGRATE_CANCEL", "MIGRATE_BEGIN_SEAMLESS"]);
    expect(world.source.eventsOf("move-ready")).toHaveLength(1);
  });

  it("ends a client that answers what it was not asked", () => {
    const world = new MoveWorld();
    const client = ready(world);
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    expect(client.channel("main").isClosed).toBe(true);
    expect(world.source.eventsOf("client-left").at(-1)?.error?.code).toBe("UNEXPECTED_MESSAGE");
  });

  it("says once what was asked once, whatever the phase", () => {
    const world = new MoveWorld();
    world.source.command({ name: "migrate-cancel" });
    world.source.command({ name: "migrate-switch" });
    expect(world.source.eventsOf("move-cancelled")).toHaveLength(1);
    expect(world.source.eventsOf("move-left")).toEqual([{ name: "move-left", clients: [] }]);
    world.begin();
    world.stop();
    world.hand();
    world.switch();
    world.source.command({ name: "migrate-begin", move: world.sourceMove() });
    expect(world.source.eventsOf("move-ready")).toHaveLength(2);
  });

  it("does not wait at the stop for a client that takes nothing", () => {
    const world = new MoveWorld();
    const client = ready(world);
    world.begin();
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    for (const { connection } of client.channels) world.source.hold(connection);
    for (let round = 0; round < 50; round++) world.paint("source");
    world.stop();
    world.hand();
    world.switch();
    const before = client.channel("display").received.length;
    for (const { connection } of client.channels) world.source.release(connection);
    expect(client.channel("display").received.length - before).toBeGreaterThan(0);
    expect(client.channel("display").names.at(-1)).toBe("MIGRATE");
  });
});

describe("a target", () => {
  it("numbers its first message on a display behind MIGRATE_DATA's (serials used twice)", () => {
    const world = new MoveWorld({
      source: { miniHeader: false },
      target: { miniHeader: false },
    });
    const client = new RawClient(world.source, { mainCapabilities: movable, miniHeader: false });
    client.openAll("display");
    world.begin();
    const after = new RawClient(world.target, {
      mainCapabilities: movable,
      miniHeader: false,
      sendsInit: false,
    });
    after.sessionId = client.sessionId;
    after.open("main").send({ name: "MIGRATE_DST_DO_SEAMLESS", body: { srcVersion: 1 } });
    after.open("display");
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    world.stop();
    world.hand();
    world.switch();
    const mark = baseCodec.client.encode({ name: "MIGRATE_FLUSH_MARK", body: {} });
    const display = client.channel("display");
    display.sendRaw(new FrameWriter(false, 1n).write(mark));
    const [{ data }] = display.ofName<{ data: Uint8Array }>("MIGRATE_DATA") as [
      { data: Uint8Array },
    ];
    const brought = baseCodec.client.encode({ name: "MIGRATE_DATA", body: { data } });
    after.channel("display").sendRaw(new FrameWriter(false, 1n).write(brought));
    expect(after.channel("display").serials[0]).toBe(display.serials.at(-1)! + 1n);
    expect(after.channel("display").names[0]).toBe("SET_ACK");
  });
});
