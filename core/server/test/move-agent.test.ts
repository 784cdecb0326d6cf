// The agent's stream through a move, cut at every byte, both ways, with and without the link between
// the servers; and who has the agent afterwards.

import { FrameWriter } from "@caraway/channel";
import {
  agentMessageHeaderCodec,
  agentProtocol,
  baseCodec,
  MainCapability,
  VdiPort,
  vdiChunkHeaderCodec,
} from "@caraway/protocol";
import { joinBytes } from "@caraway/wire";
import { describe, expect, it } from "vitest";
import { MoveWorld } from "./move-world.ts";
import { type RawChannel, RawClient } from "./raw-client.ts";

const agent = { use: "agent", id: 0 } as const;
const unlimited = 1 << 20;
const clipboard = 4;
const monitorsConfig = 2;
const movable = [
  MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
  MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
  MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
];

function message(type: number, size: number): Uint8Array {
  const header = agentMessageHeaderCodec.encode({
    protocol: agentProtocol,
    type,
    opaque: 0n,
    size,
  });
  const body = Uint8Array.from({ length: size }, (_, at) => (at * 7 + 1) & 0xff);
  return joinBytes([header, body]);
}

function chunk(data: Uint8Array): Uint8Array {
  return joinBytes([vdiChunkHeaderCodec.encode({ port: VdiPort.CLIENT, size: data.length }), data]);
}

/** A client with nothing but main, which goes along by hand. */
class Traveller {
  readonly world: MoveWorld;
  readonly before: RawClient;
  after: RawClient;

  constructor(world: MoveWorld, options: object = {}) {
    this.world = world;
    this.before = new RawClient(world.source, { mainCapabilities: movable, ...options });
    this.before.open("main");
    this.after = this.before;
  }

  get main(): RawChannel {
    return this.after.channel("main");
  }

  link(): void {
    this.after = new RawClient(this.world.target, { mainCapabilities: movable });
    this.after.sessionId = this.before.sessionId;
    const main = this.after.open("main");
    main.send({ name: "MIGRATE_DST_DO_SEAMLESS", body: { srcVersion: 1 } });
    this.before.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
  }

  /** Behind MIGRATE: takes the state over. */
  go(): void {
    const main = this.before.channel("main");
    const mark = baseCodec.client.encode({ name: "MIGRATE_FLUSH_MARK", body: {} });
    main.sendRaw(new FrameWriter(true, 1n).write(mark));
    expect(main.names.slice(main.names.indexOf("MIGRATE"))).toEqual(["MIGRATE", "MIGRATE_DATA"]);
    const [{ data }] = main.ofName<{ data: Uint8Array }>("MIGRATE_DATA") as [{ data: Uint8Array }];
    const message = baseCodec.client.encode({ name: "MIGRATE_DATA", body: { data } });
    this.main.sendRaw(new FrameWriter(true, 1n).write(message));
    main.close();
  }

  /** All that the agent said to it. */
  heard(): Uint8Array {
    const channels = new Set([this.before.channel("main"), this.main]);
    return joinBytes(
      [...channels].flatMap((main) => {
        return main.ofName<{ data: Uint8Array }>("AGENT_DATA").map(({ data }) => data);
      }),
    );
  }
}

function worldWithAgent(credit = unlimited): MoveWorld {
  return new MoveWorld({ hasAgent: true, agentCredit: credit });
}

function move(world: MoveWorld, peer: boolean, travellers: readonly Traveller[]): void {
  world.begin({ peer });
  for (const traveller of travellers) traveller.link();
  world.stop();
  world.hand();
  world.switch();
}

/** What the guest took at both servers, out of its chunks. */
function taken(world: MoveWorld): Uint8Array {
  let rest = joinBytes(
    world.hosts.flatMap((host) => host.guestInputs("stream-data").map(({ bytes }) => bytes)),
  );
  const parts: Uint8Array[] = [];
  while (rest.length > 0) {
    const { port, size } = vdiChunkHeaderCodec.decode(rest.subarray(0, 8));
    expect(port).toBe(VdiPort.CLIENT);
    parts.push(rest.subarray(8, 8 + size));
    rest = rest.subarray(8 + size);
  }
  return joinBytes(parts);
}

describe.each([
  ["with the peer link", true],
  ["with MIGRATE_DATA alone", false],
])("%s", (_name, peer) => {
  it("what the agent says arrives once, wherever it is cut (the 2-byte offset)", () => {
    const said = message(clipboard, 45);
    const stream = joinBytes([chunk(said), chunk(said.subarray(0, 30)), chunk(said.subarray(30))]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const world = worldWithAgent();
      const client = new Traveller(world);
      client.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
      world.source.guest({ type: "stream-data", stream: agent, bytes: stream.slice(0, cut) });
      move(world, peer, [client]);
      client.go();
      world.runWhenTold();
      world.target.guest({ type: "stream-data", stream: agent, bytes: stream.slice(cut) });
      expect(client.heard(), `cut at ${cut}`).toEqual(joinBytes([said, said]));
      expect(client.main.isClosed).toBe(false);
    }
  });

  it("what the client says reaches the guest once, wherever its credit ends", () => {
    const said = message(clipboard, 5000);
    const parts = [said.subarray(0, 2048), said.subarray(2048, 4096), said.subarray(4096)];
    for (const credit of [0, 1, 7, 8, 9, 27, 28, 29, 2055, 2056, 2057, 4000, 6000]) {
      const world = worldWithAgent(credit);
      const client = new Traveller(world);
      client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
      for (const data of parts.slice(0, 2))
        client.main.send({ name: "AGENT_DATA", body: { data } });
      move(world, peer, [client]);
      client.go();
      world.runWhenTold();
      client.main.send({ name: "AGENT_DATA", body: { data: parts[2]! } });
      world.target.guest({ type: "stream-credit", stream: agent, bytes: unlimited });
      expect(taken(world), `credit ${credit}`).toEqual(said);
      expect(client.main.isClosed).toBe(false);
    }
  });

  it("what the client says reaches the guest once, wherever its message is cut", () => {
    const said = message(clipboard, 45);
    // Header, body, the border between them, and a cut in front of the first byte and behind the last.
    for (let cut = 0; cut <= said.length; cut++) {
      for (const credit of [0, 8 + (cut >> 1), unlimited]) {
        const world = worldWithAgent(credit);
        const client = new Traveller(world);
        client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
        const say = (data: Uint8Array) => {
          if (data.length > 0) client.main.send({ name: "AGENT_DATA", body: { data } });
        };
        say(said.subarray(0, cut));
        move(world, peer, [client]);
        client.go();
        world.runWhenTold();
        if (!peer && cut > 0 && cut < 20) {
          // The wire has no place for a part of a header: the agent is announced anew.
          const names = client.main.names.filter((name) => name.startsWith("AGENT"));
          expect(names.slice(0, 2)).toEqual(["AGENT_DISCONNECTED", "AGENT_CONNECTED_TOKENS"]);
          say(said.subarray(cut));
          client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
          say(said);
        } else say(said.subarray(cut));
        say(said);
        world.target.guest({ type: "stream-credit", stream: agent, bytes: unlimited });
        expect(taken(world), `cut at ${cut}, credit ${credit}`).toEqual(joinBytes([said, said]));
        expect(client.main.isClosed).toBe(false);
      }
    }
  });

  it("what the client says reaches the guest once, at whichever byte the guest stops to take", () => {
    const said = message(clipboard, 45);
    const [first, second] = [said.subarray(0, 33), said.subarray(33)];
    const size = said.length + 2 * 8;
    for (let credit = 0; credit <= size; credit++) {
      const world = worldWithAgent(credit);
      const client = new Traveller(world);
      client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
      client.main.send({ name: "AGENT_DATA", body: { data: first } });
      client.main.send({ name: "AGENT_DATA", body: { data: second } });
      move(world, peer, [client]);
      const before = world.source.guestInputs("stream-data");
      expect(before.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(credit);
      client.go();
      world.runWhenTold();
      world.target.guest({ type: "stream-credit", stream: agent, bytes: unlimited });
      client.main.send({ name: "AGENT_DATA", body: { data: said } });
      expect(taken(world), `credit ${credit}`).toEqual(joinBytes([said, said]));
      expect(client.main.isClosed).toBe(false);
    }
  });

  it("no token is lost or doubled, at whichever message the client stands", () => {
    const small = message(clipboard, 4);
    for (let sent = 0; sent <= 10; sent++) {
      for (const credit of [0, 20, unlimited]) {
        const world = worldWithAgent(credit);
        const client = new Traveller(world);
        client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
        const send = () => client.main.send({ name: "AGENT_DATA", body: { data: small } });
        const granted = () => {
          const channels = new Set([client.before.channel("main"), client.main]);
          const grants = [...channels].flatMap((main) => {
            return main.ofName<{ numTokens: number }>("AGENT_TOKEN");
          });
          return grants.reduce((sum, { numTokens }) => sum + numTokens, 0);
        };
        for (let count = 0; count < sent; count++) send();
        move(world, peer, [client]);
        client.go();
        world.runWhenTold();
        world.target.guest({ type: "stream-credit", stream: agent, bytes: unlimited });
        // All that it may, as it gets leave: the server returns in batches of five what is through.
        let total = sent;
        for (; total < 10 + granted() && total < 60; total++) send();
        expect(total, `${sent} sent, credit ${credit}`).toBe(60);
        expect(granted()).toBe(60 - (60 % 5));
        expect(client.main.isClosed).toBe(false);
      }
    }
  });

  it("the client has its tokens, and gets back what is spent", () => {
    const world = worldWithAgent();
    const client = new Traveller(world);
    client.main.send({ name: "AGENT_START", body: { numTokens: 1 } });
    const small = message(clipboard, 4);
    const send = () => client.main.send({ name: "AGENT_DATA", body: { data: small } });
    for (let count = 0; count < 3; count++) send();
    move(world, peer, [client]);
    client.go();
    world.runWhenTold();
    for (let count = 0; count < 2; count++) send();
    expect(client.main.ofName("AGENT_TOKEN")).toEqual([{ numTokens: 5 }]);
    for (let count = 0; count < 5; count++) send();
    expect(client.main.isClosed).toBe(false);
  });

  it("the one who had the agent has it, whoever arrives first", () => {
    const world = worldWithAgent();
    const owner = new Traveller(world);
    const other = new Traveller(world);
    owner.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
    move(world, peer, [owner, other]);
    other.go();
    owner.go();
    world.runWhenTold();
    const said = message(clipboard, 9);
    world.target.guest({ type: "stream-data", stream: agent, bytes: chunk(said) });
    expect(owner.heard()).toEqual(said);
    expect(other.heard()).toEqual(new Uint8Array(0));
    expect(owner.main.names).not.toContain("AGENT_DISCONNECTED");
    owner.main.close();
    expect(other.main.names).toContain("AGENT_CONNECTED_TOKENS");
  });
});

describe("the agent", () => {
  it("begins anew where the policy says so", () => {
    const world = worldWithAgent();
    const client = new Traveller(world);
    client.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
    world.begin({ policies: { main: "rebuild" } });
    client.link();
    world.stop();
    world.hand();
    world.switch();
    client.go();
    const names = client.main.names.filter((name) => name.startsWith("AGENT"));
    expect(names).toEqual(["AGENT_DISCONNECTED", "AGENT_CONNECTED_TOKENS"]);
    expect(world.target.eventsOf("move-channel")).toMatchObject([{ outcome: "rebuilt" }]);
  });

  it("is announced to a client that comes from where there was none", () => {
    const world = new MoveWorld({ hasAgent: false });
    const client = new Traveller(world);
    world.begin();
    client.link();
    world.stop();
    world.describe(world.target, true);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    client.go();
    expect(client.main.names).toContain("AGENT_CONNECTED_TOKENS");
    expect(client.main.names).not.toContain("AGENT_DISCONNECTED");
  });

  it("is gone for a client that comes to where there is none", () => {
    const world = worldWithAgent();
    const client = new Traveller(world);
    client.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
    world.begin();
    client.link();
    world.stop();
    world.describe(world.target, false);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    client.go();
    expect(client.main.names).toContain("AGENT_DISCONNECTED");
  });

  it("may open its end late: what came over waits for it", () => {
    const world = worldWithAgent(0);
    const client = new Traveller(world);
    client.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
    const said = message(clipboard, 40);
    client.main.send({ name: "AGENT_DATA", body: { data: said } });
    world.begin();
    client.link();
    world.stop();
    world.describe(world.target, true, false);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    client.go();
    world.runWhenTold();
    world.target.guest(
      { type: "stream-open", stream: agent, open: true },
      { type: "stream-credit", stream: agent, bytes: unlimited },
    );
    expect(taken(world)).toEqual(said);
    const names = client.main.names.filter((name) => name.startsWith("AGENT_C"));
    expect(names).toEqual([]);
  });

  it("has a list of monitors that was cut by the move come whole (lost monitors)", () => {
    const world = new MoveWorld({ hasAgent: true, takesMonitors: true });
    const client = new Traveller(world);
    client.main.send({ name: "AGENT_START", body: { numTokens: 100 } });
    const body = new DataView(new ArrayBuffer(8 + 20));
    body.setUint32(0, 1, true);
    body.setUint32(8, 480, true);
    body.setUint32(12, 640, true);
    body.setUint32(16, 32, true);
    const header = agentMessageHeaderCodec.encode({
      protocol: agentProtocol,
      type: monitorsConfig,
      opaque: 0n,
      size: 28,
    });
    const said = joinBytes([header, new Uint8Array(body.buffer)]);
    client.main.send({ name: "AGENT_DATA", body: { data: said.subarray(0, 33) } });
    move(world, true, [client]);
    client.go();
    world.runWhenTold();
    client.main.send({ name: "AGENT_DATA", body: { data: said.subarray(33) } });
    expect(world.target.guestInputs("monitors-wish")).toMatchObject([
      { monitors: [{ id: 0, width: 640, height: 480 }] },
    ]);
  });
});
