import { MouseMode } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { connected, expectAttached, expectEnded, prepare } from "./setting.ts";

describe.each([true, false])("a session over frames with mini header %s", (miniHeader) => {
  const server = { source: { miniHeader }, target: { miniHeader } };

  it("opens main, asks for the channels and opens those that it knows", () => {
    const setting = connected(server);
    const { world, source } = setting;
    expect(source.labels.sort()).toEqual(["main 0", ...source.listed].sort());
    expect(world.named("channel-linked").map(({ channel }) => channel)[0]).toBe("main");
    expect(world.named("channel-linked").every((e) => e.miniHeader === miniHeader)).toBe(true);
    expect(world.named("session")).toHaveLength(1);
    expect(source.main.names()).toEqual(["MOUSE_MODE_REQUEST", "ATTACH_CHANNELS"]);
    expect(source.channel("display 0").names()).toEqual(["INIT"]);
    for (const { connectionId, label } of source.history) {
      expect(connectionId === 0).toBe(label === "main 0");
    }
    expectAttached(setting, source);
  });

  it("numbers what it sends from 1", () => {
    const { world, source } = connected(server);
    world.type(30, 31);
    world.run();
    expect(source.channel("inputs 0").serials).toEqual([1n, 2n, 3n, 4n]);
  });

  it("answers pings at once, with their id and time", () => {
    const { world, source } = connected(server);
    source.channel("cursor 0").send("PING", { id: 9, timestamp: 77n, data: new Uint8Array(50) });
    world.run();
    expect(source.channel("cursor 0").messages).toEqual([
      { name: "PONG", body: { id: 9, timestamp: 77n } },
    ]);
  });
});

describe("the channels of a session", () => {
  it("are opened when the server announces them later, and not twice", () => {
    const setting = connected({ session: { channels: ["main", "display", "inputs"] } });
    const { world, source } = setting;
    expect(source.labels).toEqual(["main 0", "display 0", "inputs 0"]);
    Object.assign(source.options, { channels: ["display 0", "display 1", "inputs 0"] });
    source.list("display 1");
    source.list(...source.listed);
    world.run();
    expect(source.labels).toEqual(["main 0", "display 0", "inputs 0", "display 1"]);
    expectAttached(setting, source);
  });

  it("that the session was not asked to open stay closed", () => {
    const { source } = connected({ session: { channels: ["main"] } });
    expect(source.labels).toEqual(["main 0"]);
  });

  it("are opened again when the server announces them after they were lost", () => {
    const setting = connected();
    const { world, source } = setting;
    source.channel("usbredir 0").close();
    world.run();
    expect(world.named("channel-lost")).toMatchObject([
      { channel: "usbredir", error: { code: "CHANNEL_CLOSED" } },
    ]);
    source.list(...source.listed);
    world.run();
    expect(source.labels).toContain("usbredir 0");
    expectAttached(setting, source);
  });

  it("that the server does not give are lost one by one", () => {
    const setting = prepare();
    const { world, source } = setting;
    source.refuse = ({ name }) => (name === "playback" ? "close" : null);
    world.command({ name: "open" });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([
      { channel: "playback", error: { code: "LINK_CLOSED" } },
    ]);
    expectAttached(setting, source);
  });

  it("of a list that goes on for ever are not all opened", () => {
    const labels = Array.from({ length: 200 }, (_, id) => `display ${id}`);
    const { world, source } = connected({ source: { channels: [] } });
    source.list(...labels);
    world.run();
    expect(world.named("channel-lost")).toHaveLength(64);
  });

  it("take their preferences with them when they are opened late", () => {
    const { world, source } = connected({ source: { channels: [] } });
    world.command({ name: "prefer-compression", compression: 4 });
    Object.assign(source.options, { channels: ["display 0"] });
    source.displayCapabilities = [6];
    source.list("display 0");
    world.run();
    expect(source.channel("display 0").names()).toEqual(["INIT", "PREFERRED_COMPRESSION"]);
  });
});

describe("the beginning of a session", () => {
  it("ends with the reason when main is refused", () => {
    const setting = prepare({ password: "wrong", source: { password: "right" } });
    setting.world.command({ name: "open" });
    setting.world.run();
    expectEnded(setting, "LINK_PERMISSION_DENIED");
  });

  it("ends when nobody listens", () => {
    const setting = prepare({ endpoint: { port: 3 } });
    setting.world.command({ name: "open" });
    setting.world.run();
    expectEnded(setting, "LINK_UNREACHABLE");
  });

  it("ends when the server takes the connection and says nothing", () => {
    const setting = prepare({ session: { linkTimeoutMs: 5000 } });
    setting.source.isDeaf = true;
    setting.world.command({ name: "open" });
    setting.world.advance(4999);
    expect(setting.world.endCode).toBeUndefined();
    setting.world.advance(1);
    expectEnded(setting, "LINK_TIMEOUT");
  });

  it("ends when the address has no port for it", () => {
    const setting = prepare({ endpoint: { port: null, tlsPort: null } });
    setting.world.command({ name: "open" });
    expectEnded(setting, "LINK_UNREACHABLE");
  });

  it("waits as long as a person needs to find the password", () => {
    const setting = prepare({ session: { linkTimeoutMs: 5000 } });
    const { world, source } = setting;
    world.command({ name: "open" });
    world.run(() => world.steps.every(({ label }) => label.startsWith("task")));
    world.now += 60_000;
    expect(world.session.deadline()).toBeNull();
    world.run();
    expectAttached(setting, source);
  });

  it("goes over to TLS on channels for which the server asks for it", () => {
    const setting = connected({ endpoint: { tlsPort: 11 }, source: { tlsPort: 11 } });
    const { world, source } = setting;
    const overTls = world.named("channel-linked").filter(({ tls }) => tls);
    expect(overTls.map(({ channel }) => channel)).toEqual(["main", "inputs"]);
    expect(world.openConnections).toHaveLength(source.channels.size);
    expect(world.endCode).toBeUndefined();
  });

  it("ends when the server asks for TLS and there is no port for it", () => {
    const setting = prepare({ source: { tlsPort: 11 } });
    setting.world.command({ name: "open" });
    setting.world.run();
    expectEnded(setting, "LINK_NEED_SECURED");
  });

  it("uses TLS from the start where it is told to", () => {
    const { world } = connected({
      endpoint: { tlsPort: 11 },
      source: { tlsPort: 11 },
      session: { secureChannels: "all" },
    });
    expect(world.named("channel-linked").every(({ tls }) => tls)).toBe(true);
    expect(new Set([...world.connections.values()].map(({ port }) => port))).toEqual(new Set([11]));
  });
});

describe("the end of a session", () => {
  it("closes everything on command and says so once", () => {
    const setting = connected();
    setting.world.command({ name: "close" });
    setting.world.command({ name: "close" });
    setting.world.advance(1000);
    expectEnded(setting, null);
    expect(setting.source.labels).toEqual([]);
  });

  it("waits for a display that the server is still making, and not for long", () => {
    const setting = connected();
    const { world } = setting;
    world.command({ name: "close" });
    world.advance(999);
    expect(world.endCode).toBeUndefined();
    setting.source.channel("display 0").send("MARK", {});
    setting.source.channel("cursor 0").send("RESET", {});
    world.run();
    expectEnded(setting, null);
  });

  it("comes with main, with the reason", () => {
    const setting = connected();
    setting.source.main.close();
    setting.world.run();
    expectEnded(setting, "CHANNEL_CLOSED");
  });

  it("comes at any point of the beginning, and leaves nothing", () => {
    for (let count = 0; count < 60; count++) {
      const setting = prepare();
      setting.world.command({ name: "open" });
      for (let step = 0; step < count; step++) setting.world.steps[0]?.take();
      setting.world.command({ name: "close" });
      setting.world.advance(1000);
      expectEnded(setting, null);
    }
  });
});

describe("the mouse mode", () => {
  const both = MouseMode.SERVER | MouseMode.CLIENT;

  it("that is wanted is asked for when the server offers it and uses another", () => {
    const { world, source } = connected({ session: { mouseMode: "client" } });
    expect(world.named("mouse-mode").at(-1)).toMatchObject({ mode: "client" });
    source.main.send("MOUSE_MODE", { supportedModes: both, currentMode: MouseMode.SERVER });
    world.run();
    expect(source.main.names().filter((name) => name === "MOUSE_MODE_REQUEST")).toHaveLength(2);
  });

  it("is not asked for when the server does not offer it", () => {
    const { world, source } = connected({ session: { mouseMode: "server" } });
    source.main.send("MOUSE_MODE", {
      supportedModes: MouseMode.CLIENT,
      currentMode: MouseMode.CLIENT,
    });
    world.run();
    expect(source.main.names()).not.toContain("MOUSE_MODE_REQUEST");
    expect(world.named("mouse-mode").at(-1)).toMatchObject({ supported: ["client"] });
  });

  it("can be changed later", () => {
    const { world, source } = connected({ session: { mouseMode: "server" } });
    world.command({ name: "mouse-mode", mode: "client" });
    world.run();
    expect(source.main.newest("MOUSE_MODE_REQUEST").body).toEqual({ mode: MouseMode.CLIENT });
    expect(world.named("mouse-mode").at(-1)).toMatchObject({ mode: "client" });
  });
});

describe("the guest's agent", () => {
  const monitors = [{ width: 1280, height: 800, x: 0, y: 0 }];

  it("is started with the tokens of INIT", () => {
    const { source } = connected({ source: { agentTokens: 10 } });
    expect(source.main.names("MOUSE_MODE_REQUEST", "ATTACH_CHANNELS")).toEqual([
      "AGENT_START",
      "AGENT_DATA",
    ]);
  });

  it("is started when it comes later, with the tokens that come with it", () => {
    const { world, source } = connected();
    expect(source.main.names()).not.toContain("AGENT_START");
    source.main.send("AGENT_CONNECTED_TOKENS", { numTokens: 0 });
    world.run();
    expect(source.main.names()).not.toContain("AGENT_DATA");
    source.main.send("AGENT_TOKEN", { numTokens: 1 });
    world.run();
    expect(source.main.names()).toContain("AGENT_DATA");
  });

  it("gets nothing more once it is gone", () => {
    const { world, source } = connected({ source: { agentTokens: 10 } });
    source.main.send("AGENT_DISCONNECTED", { errorCode: 0 });
    world.run();
    const before = source.main.messages.length;
    world.command({ name: "monitors", monitors });
    world.run();
    expect(source.main.messages).toHaveLength(before);
  });
});

describe("words and messages of others", () => {
  it("become events", () => {
    const { world, source } = connected();
    source.main.send("NOTIFY", {
      timeStamp: 0n,
      severity: 1,
      visibility: 2,
      what: 0,
      message: "not encrypted",
      padding: Uint8Array.of(0),
    });
    source.main.send("NAME", { name: "vm" });
    source.main.send("UUID", { uuid: Uint8Array.from({ length: 16 }, (_, index) => index) });
    world.run();
    expect(world.named("notify")).toMatchObject([{ severity: 1, message: "not encrypted" }]);
    expect(world.named("vm")).toEqual([
      { name: "vm", vmName: "vm", uuid: null },
      { name: "vm", vmName: null, uuid: "00010203-0405-0607-0809-0a0b0c0d0e0f" },
    ]);
  });
});
