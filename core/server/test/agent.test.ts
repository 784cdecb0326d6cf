import { type AgentMessage, AgentReader, agentPieces } from "@caraway/agent";
import { MouseMode, VdiPort, vdiChunkHeaderCodec } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { type RawChannel, RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const stream = { use: "agent", id: 0 } as const;
const attach = {
  type: "attach",
  device: { kind: "stream", ...stream, name: "com.redhat.spice.0" },
} as const;

/** A guest whose agent runs and takes `credit` bytes. */
function setUp(
  options: ConstructorParameters<typeof ServerWorld>[0] = {},
  credit = 1 << 20,
): ServerWorld {
  const world = new ServerWorld(options);
  world.begin();
  world.guest(
    attach,
    { type: "stream-credit", stream, bytes: credit },
    { type: "stream-open", stream, open: true },
  );
  return world;
}

function bytesOf(message: AgentMessage): Uint8Array {
  return Uint8Array.from(agentPieces(message, new Set()).flatMap((piece) => [...piece]));
}

function chunk(port: number, data: Uint8Array): Uint8Array {
  const header = vdiChunkHeaderCodec.encode({ port, size: data.length });
  return Uint8Array.from([...header, ...data]);
}

/** What the guest's agent was sent, by port. */
function toAgent(world: ServerWorld, port: number = VdiPort.CLIENT): AgentMessage[] {
  const all = Uint8Array.from(world.guestInputs("stream-data").flatMap(({ bytes }) => [...bytes]));
  const reader = new AgentReader(1 << 20);
  const messages: AgentMessage[] = [];
  for (let at = 0; at < all.length; ) {
    const header = vdiChunkHeaderCodec.decode(all.subarray(at, at + 8));
    const data = all.subarray(at + 8, at + 8 + header.size);
    if (header.port === port) messages.push(...reader.push(data, new Set()));
    at += 8 + header.size;
  }
  return messages;
}

/** What the client was sent by the agent. */
function toClient(main: RawChannel): AgentMessage[] {
  const reader = new AgentReader(1 << 20);
  return main
    .ofName<{ data: Uint8Array }>("AGENT_DATA")
    .flatMap(({ data }) => reader.push(data, new Set()));
}

function start(main: RawChannel, numTokens = 0xffffffff): void {
  main.send({ name: "AGENT_START", body: { numTokens } });
}

function say(main: RawChannel, message: AgentMessage): void {
  for (const data of agentPieces(message, new Set())) {
    main.send({ name: "AGENT_DATA", body: { data } });
  }
}

function fromAgent(world: ServerWorld, message: AgentMessage): void {
  const bytes = chunk(VdiPort.CLIENT, bytesOf(message));
  world.guest({ type: "stream-data", stream, bytes });
}

const release: AgentMessage = { name: "CLIPBOARD_RELEASE", body: { selection: null } };
const capabilities: AgentMessage = {
  name: "ANNOUNCE_CAPABILITIES",
  body: { request: 1, caps: [0x7f] },
};

describe("the agent's stream", () => {
  it("goes both ways, with chunks on the guest's side", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    expect(main.received[0]!.body).toMatchObject({ agentConnected: 1, agentTokens: 10 });
    start(main);
    say(main, capabilities);
    fromAgent(world, release);
    expect(toAgent(world)).toEqual([capabilities]);
    expect(toClient(main)).toEqual([release]);
  });

  it.each([true, false])("tells an agent that asks which display is which (files: %s)", (files) => {
    const world = new ServerWorld({ fileTransfer: files });
    const hardware = { address: "pci/0000/02.0", outputs: [0, 1] };
    world.guest({ type: "attach", device: { kind: "display", id: 3, hardware } }, attach);
    world.begin();
    world.guest(
      { type: "stream-credit", stream, bytes: 1 << 20 },
      { type: "stream-open", stream, open: true },
    );
    start(new RawClient(world).open("main"));
    fromAgent(world, capabilities);
    expect(toAgent(world, VdiPort.SERVER)).toEqual([]);
    const knowing = { request: 1, caps: [0x7f | (1 << 15)] };
    const bytes = chunk(VdiPort.CLIENT, bytesOf({ name: "ANNOUNCE_CAPABILITIES", body: knowing }));
    // Cut anywhere.
    for (let at = 0; at < bytes.length; at += 5) {
      world.guest({ type: "stream-data", stream, bytes: bytes.slice(at, at + 5) });
    }
    const of = (deviceDisplayId: number) => {
      const deviceAddress = "pci/0000/02.0";
      return { channelId: 3, monitorId: deviceDisplayId, deviceDisplayId, deviceAddress };
    };
    expect(toAgent(world, VdiPort.SERVER)).toEqual([
      { name: "GRAPHICS_DEVICE_INFO", body: { displays: [of(0), of(1)] } },
    ]);
  });

  it("is announced when the agent begins, and that it ends", () => {
    const world = new ServerWorld();
    world.begin();
    const main = new RawClient(world).open("main");
    expect(main.received[0]!.body).toMatchObject({ agentConnected: 0 });
    world.guest(attach, { type: "stream-open", stream, open: true });
    expect(main.ofName("AGENT_CONNECTED_TOKENS")).toEqual([{ numTokens: 10 }]);
    world.guest({ type: "stream-open", stream, open: false });
    expect(main.names).toContain("AGENT_DISCONNECTED");
  });

  it("keeps messages whole, however they are cut", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    start(main);
    const data = new Uint8Array(5000).map((_zero, index) => index);
    const message: AgentMessage = { name: "CLIPBOARD", body: { selection: null, type: 1, data } };
    const bytes = chunk(VdiPort.CLIENT, bytesOf(message));
    for (let at = 0; at < bytes.length; at += 7) {
      world.guest({ type: "stream-data", stream, bytes: bytes.slice(at, at + 7) });
    }
    expect(toClient(main)).toEqual([message]);
    for (const byte of bytesOf(release)) {
      main.send({ name: "AGENT_DATA", body: { data: Uint8Array.of(byte) } });
      if (byte === undefined) break;
    }
    expect(toAgent(world)).toEqual([release]);
  });

  it("gives tokens back when the guest has taken what they paid for", () => {
    const world = setUp({}, 0);
    const main = new RawClient(world).open("main");
    start(main);
    const data = new Uint8Array(2000);
    const message: AgentMessage = { name: "CLIPBOARD", body: { selection: null, type: 1, data } };
    for (let times = 0; times < 10; times++) say(main, message);
    expect(main.names).not.toContain("AGENT_TOKEN");
    expect(main.isClosed).toBe(false);
    world.guest({ type: "stream-credit", stream, bytes: 1 << 20 });
    const granted = main.ofName<{ numTokens: number }>("AGENT_TOKEN");
    expect(granted.reduce((sum, { numTokens }) => sum + numTokens, 0)).toBe(10);
  });

  it("ends a client that sends without tokens", () => {
    const world = setUp({}, 0);
    const main = new RawClient(world).open("main");
    start(main);
    const data = new Uint8Array(2000);
    const message: AgentMessage = { name: "CLIPBOARD", body: { selection: null, type: 1, data } };
    for (let times = 0; times < 11; times++) say(main, message);
    expect(main.isClosed).toBe(true);
    expect(world.eventsOf("client-left")[0]?.error?.code).toBe("UNEXPECTED_MESSAGE");
  });

  it("passes over what was sent to an agent that has gone since", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    for (let times = 0; times < 30; times++) say(main, release);
    expect(main.isClosed).toBe(false);
    expect(toAgent(world)).toEqual([]);
  });

  it("holds the guest back when the client gives no tokens", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    start(main, 1);
    fromAgent(world, release);
    const before = world.guestInputs("stream-credit").reduce((sum, { bytes }) => sum + bytes, 0);
    fromAgent(world, release);
    fromAgent(world, release);
    const after = world.guestInputs("stream-credit").reduce((sum, { bytes }) => sum + bytes, 0);
    expect(toClient(main)).toHaveLength(1);
    expect(after - before).toBeLessThan(2 * chunk(VdiPort.CLIENT, bytesOf(release)).length);
    main.send({ name: "AGENT_TOKEN", body: { numTokens: 5 } });
    expect(toClient(main)).toHaveLength(3);
  });

  it("reports a guest that sends more than it was granted", () => {
    const world = setUp();
    world.guest({ type: "stream-data", stream, bytes: new Uint8Array(1 << 20) });
    expect(world.eventsOf("guest-fault")).toHaveLength(1);
  });

  it("begins anew when the guest sends what is no chunk", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    start(main);
    world.guest({ type: "stream-data", stream, bytes: chunk(9, Uint8Array.of(1)) });
    expect(main.names).toContain("AGENT_DISCONNECTED");
    expect(world.guestInputs("stream-open").map(({ open }) => open)).toEqual([true, false, true]);
  });
});

describe("the agent's owner", () => {
  it("is the first client that may do something, and its heir after it", () => {
    const tickets = [
      { password: "look", expiresAt: null, viewOnly: true },
      { password: "do", expiresAt: null, viewOnly: false },
    ];
    const world = setUp({ tickets });
    const agentOf = (main: RawChannel) => main.received[0]!.body as { agentConnected: number };
    const looker = new RawClient(world, { password: "look" }).open("main");
    const first = new RawClient(world, { password: "do" }).open("main");
    const second = new RawClient(world, { password: "do" }).open("main");
    expect([looker, first, second].map((main) => agentOf(main).agentConnected)).toEqual([0, 1, 0]);
    start(first);
    first.close();
    expect(toAgent(world).at(-1)).toEqual({ name: "CLIENT_DISCONNECTED", body: {} });
    expect(second.names).toContain("AGENT_CONNECTED_TOKENS");
    start(second);
    fromAgent(world, release);
    expect(toClient(second)).toEqual([release]);
    expect(world.eventsOf("agent-owner").map(({ client }) => client)).toEqual([2, 3]);
  });

  it("that leaves in the middle of a message makes the agent's port close", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    start(main);
    const bytes = bytesOf({
      name: "CLIPBOARD",
      body: { selection: null, type: 1, data: new Uint8Array(99) },
    });
    main.send({ name: "AGENT_DATA", body: { data: bytes.subarray(0, 50) } });
    main.close();
    expect(world.guestInputs("stream-open").map(({ open }) => open)).toEqual([true, false, true]);
  });

  it("does not get the rest of a message that was for another", () => {
    const world = setUp();
    const [first, second] = [new RawClient(world).open("main"), new RawClient(world).open("main")];
    start(first);
    const whole = chunk(VdiPort.CLIENT, bytesOf(release));
    world.guest({ type: "stream-data", stream, bytes: whole.slice(0, 30) });
    first.close();
    start(second);
    world.guest({ type: "stream-data", stream, bytes: whole.slice(30) });
    fromAgent(world, capabilities);
    expect(toClient(second)).toEqual([capabilities]);
  });
});

describe("what the agent may be told", () => {
  it("is without clipboard and files where that is not allowed", () => {
    const world = setUp({ copyPaste: false, fileTransfer: false });
    const main = new RawClient(world).open("main");
    start(main);
    say(main, release);
    say(main, {
      name: "FILE_XFER_DATA",
      body: { id: 1, size: 1n, data: new Uint8Array(1) },
    } as never);
    say(main, { name: "MAX_CLIPBOARD", body: { max: 5 } });
    fromAgent(world, release);
    fromAgent(world, capabilities);
    expect(toAgent(world)).toEqual([{ name: "MAX_CLIPBOARD", body: { max: 5 } }]);
    expect(toClient(main)).toEqual([
      { name: "ANNOUNCE_CAPABILITIES", body: { request: 1, caps: [0x207f] } },
    ]);
  });

  it("is of monitors, unless the guest takes them itself", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    start(main);
    const monitors = [{ width: 800, height: 600, depth: 32, x: 0, y: 0 }];
    const wish: AgentMessage = {
      name: "MONITORS_CONFIG",
      body: { flags: 1, monitors, sizes: null },
    };
    say(main, wish);
    expect(toAgent(world)).toEqual([wish]);
    world.guest({ type: "attach", device: { kind: "monitors" } });
    say(main, wish);
    expect(toAgent(world)).toHaveLength(1);
    expect(world.guestInputs("monitors-wish")).toEqual([
      { type: "monitors-wish", monitors: [{ id: 0, width: 800, height: 600, x: 0, y: 0 }] },
    ]);
  });

  it("is where the pointer is, when there is no tablet", () => {
    const world = setUp();
    world.guest({ type: "detach", device: { kind: "tablet" } });
    const client = new RawClient(world).openAll("inputs");
    client.channel("main").send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
    const inputs = client.channel("inputs");
    inputs.send({ name: "MOUSE_POSITION", body: { x: 5, y: 6, buttonsState: 0, displayId: 1 } });
    inputs.send({ name: "MOUSE_PRESS", body: { button: 1, buttonsState: 1 } });
    expect(toAgent(world, VdiPort.SERVER)).toEqual([
      { name: "MOUSE_STATE", body: { x: 5, y: 6, buttons: 0, displayId: 1 } },
      { name: "MOUSE_STATE", body: { x: 5, y: 6, buttons: 2, displayId: 1 } },
    ]);
  });

  it("is the newest place only, when it does not read", () => {
    const world = setUp({}, 0);
    world.guest({ type: "detach", device: { kind: "tablet" } });
    const client = new RawClient(world).openAll("inputs");
    client.channel("main").send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
    const inputs = client.channel("inputs");
    for (let x = 0; x < 200; x++) {
      inputs.send({ name: "MOUSE_POSITION", body: { x, y: 0, buttonsState: 0, displayId: 0 } });
    }
    world.guest({ type: "stream-credit", stream, bytes: 1 << 20 });
    const states = toAgent(world, VdiPort.SERVER);
    expect(states.length).toBeLessThan(4);
    expect(states.at(-1)).toMatchObject({ body: { x: 199 } });
  });
});
