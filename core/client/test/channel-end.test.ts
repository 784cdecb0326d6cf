import { baseCodec, displayCodec } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { ChannelClosed } from "../src/index.ts";
import type { ScriptedChannel } from "./scripted-channel.ts";
import {
  connected,
  expectAttached,
  expectEnded,
  expectNoBreach,
  type SettingOptions,
} from "./setting.ts";

const twoDisplays: SettingOptions = {
  render: "manual",
  source: { channels: ["display 0", "display 1", "inputs 0"] },
};

function marks(channel: ScriptedChannel, count: number): void {
  for (let index = 0; index < count; index++) channel.send("MARK");
}

/** A LIST frame of messages, as spice-server sends over mini headers. */
function sendList(channel: ScriptedChannel, ...names: ("MARK" | "RESET")[]): void {
  const subs = names.map((name) => displayCodec.server.encode({ name, body: {} } as never));
  const head = 2 + 4 * subs.length;
  const body = new Uint8Array(head + 6 * subs.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, subs.length, true);
  for (const [index, { id }] of subs.entries()) {
    view.setUint32(2 + 4 * index, head + 6 * index, true);
    view.setUint16(head + 6 * index, id, true);
  }
  channel.sendRaw({ id: 8, body });
}

function wait(channelId: number, messageSerial: bigint, channelType = 2) {
  return { waitList: [{ channelType, channelId, messageSerial }] };
}

describe.each([true, false])("acknowledgements, over mini headers %s", (miniHeader) => {
  const options: SettingOptions = { render: "manual", source: { miniHeader } };

  it("are credited when the renderer is done, one a window", () => {
    const { world, source } = connected(options);
    const display = source.channel("display 0");
    display.send("SET_ACK", { generation: 3, window: 4 });
    marks(display, 8);
    world.run();
    expect(display.newest("ACK_SYNC").body).toEqual({ generation: 3 });
    for (const acks of [0, 0, 0, 1, 1, 1, 1, 2]) {
      world.rendered(0);
      world.run();
      expect(display.names().filter((name) => name === "ACK")).toHaveLength(acks);
    }
  });

  it("of messages that need no renderer are credited at once", () => {
    const { world, source } = connected(options);
    const inputs = source.channel("inputs 0");
    inputs.send("SET_ACK", { generation: 1, window: 2 });
    for (let count = 0; count < 5; count++) inputs.send("KEY_MODIFIERS", { modifiers: 0 });
    world.run();
    expect(inputs.names()).toEqual(["ACK_SYNC", "ACK", "ACK"]);
  });

  it("of an earlier window do not count in the next one", () => {
    const { world, source } = connected(options);
    const display = source.channel("display 0");
    display.send("SET_ACK", { generation: 1, window: 3 });
    marks(display, 2);
    display.send("SET_ACK", { generation: 2, window: 3 });
    marks(display, 3);
    world.run();
    for (let count = 0; count < 4; count++) world.rendered(0);
    world.run();
    expect(display.names("INIT")).toEqual(["ACK_SYNC", "ACK_SYNC"]);
    world.rendered(0);
    world.run();
    expect(display.names("INIT")).toEqual(["ACK_SYNC", "ACK_SYNC", "ACK"]);
  });

  it("stop with the renderer, and reading with them", () => {
    const { world, source } = connected(options);
    const display = source.channel("display 0");
    marks(display, 600);
    world.run();
    expect(world.renders.filter(({ type }) => type === "apply")).toHaveLength(512);
    expect(display.connection.paused).toBe(true);
    for (let count = 0; count < 600; count++) {
      world.rendered(0);
      world.run();
    }
    expect(world.renders.filter(({ type }) => type === "apply")).toHaveLength(600);
    expect(display.connection.paused).toBe(false);
  });
});

describe("waits for other channels", () => {
  it("hold a display back until another one has rendered the serial", () => {
    const { world, source } = connected(twoDisplays);
    const [first, second] = [source.channel("display 0"), source.channel("display 1")];
    second.send("MARK");
    first.send("WAIT_FOR_CHANNELS", wait(1, 1n));
    first.send("MARK");
    world.run();
    const applied = () => world.renders.filter((r) => r.type === "apply" && r.display === 0).length;
    expect(applied()).toBe(0);
    expect(first.connection.paused).toBe(true);
    world.rendered(1);
    world.run();
    expect(applied()).toBe(1);
    expect(first.connection.paused).toBe(false);
  });

  it("hold back what comes before anything of the other channel is there", () => {
    const { world, source } = connected(twoDisplays);
    source.channel("display 0").send("INVAL_ALL_PIXMAPS", wait(1, 2n));
    world.run();
    expect(world.renders.filter(({ type }) => type === "apply")).toEqual([]);
    marks(source.channel("display 1"), 2);
    world.run();
    world.rendered(1);
    world.rendered(1);
    expect(world.renders.at(-1)).toMatchObject({
      display: 0,
      message: { name: "INVAL_ALL_PIXMAPS" },
    });
  });

  it("end when the other channel does", () => {
    const setting = connected(twoDisplays);
    const { world, source } = setting;
    const display = source.channel("display 0");
    display.send("WAIT_FOR_CHANNELS", wait(1, 100n));
    display.send("PING", { id: 1, timestamp: 0n, data: new Uint8Array() });
    world.run();
    expect(display.names()).toEqual(["INIT"]);
    source.channel("display 1").close();
    world.run();
    expect(display.names()).toEqual(["INIT", "PONG"]);
    expectAttached(setting, source);
  });

  it("for channels that are not there, or for the channel itself, are none", () => {
    const { world, source } = connected(twoDisplays);
    const display = source.channel("display 0");
    display.send("WAIT_FOR_CHANNELS", wait(7, 1n));
    display.send("WAIT_FOR_CHANNELS", wait(0, 1000n));
    display.send("WAIT_FOR_CHANNELS", wait(0, 1n, 99));
    display.send("PING", { id: 1, timestamp: 0n, data: new Uint8Array() });
    world.run();
    expect(display.names()).toEqual(["INIT", "PONG"]);
  });

  it("count a frame of sub-messages when all of them are rendered", () => {
    const { world, source } = connected(twoDisplays);
    const [first, second] = [source.channel("display 0"), source.channel("display 1")];
    sendList(second, "MARK", "RESET");
    first.send("WAIT_FOR_CHANNELS", wait(1, 1n));
    first.send("PING", { id: 1, timestamp: 0n, data: new Uint8Array() });
    world.run();
    world.rendered(1);
    world.run();
    expect(first.names()).toEqual(["INIT"]);
    world.rendered(1);
    world.run();
    expect(first.names()).toEqual(["INIT", "PONG"]);
  });

  it("of two displays for each other are satisfied in turn", () => {
    const { world, source } = connected({ ...twoDisplays, render: "auto" });
    const [first, second] = [source.channel("display 0"), source.channel("display 1")];
    first.send("MARK");
    second.send("WAIT_FOR_CHANNELS", wait(0, 1n));
    second.send("MARK");
    first.send("WAIT_FOR_CHANNELS", wait(1, 2n));
    first.send("MARK");
    world.run();
    expect(world.renders.filter(({ type }) => type === "apply")).toHaveLength(3);
  });
});

describe("a frame of sub-messages", () => {
  it("is one message for serials and acknowledgements", () => {
    const { world, source } = connected({ source: { channels: ["display 0"] } });
    const display = source.channel("display 0");
    display.send("SET_ACK", { generation: 1, window: 2 });
    sendList(display, "MARK", "RESET", "MARK");
    display.send("MARK");
    world.run();
    expect(display.names("INIT")).toEqual(["ACK_SYNC", "ACK"]);
    const names = world.renders.flatMap((r) => (r.type === "apply" ? [r.message.name] : []));
    expect(names).toEqual(["MARK", "RESET", "MARK", "MARK"]);
  });
});

describe("a hostile or broken server", () => {
  const optional = ["display 0", "inputs 0", "cursor 0", "usbredir 0", "playback 0"];

  it.each(optional)("ends only %s with an unknown message", (label) => {
    const setting = connected();
    const { world, source } = setting;
    source.channel(label).sendRaw({ id: 999, body: new Uint8Array() });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "UNKNOWN_MESSAGE" } }]);
    expectAttached(setting, source);
  });

  it.each(optional)("ends only %s with a message that does not decode", (label) => {
    const setting = connected();
    const { world, source } = setting;
    source.channel(label).sendRaw({ id: 3, body: Uint8Array.of(1) });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "BAD_MESSAGE" } }]);
    expectAttached(setting, source);
  });

  it("ends only its channel with a message that is announced too large", () => {
    const setting = connected();
    const { world, source } = setting;
    source.channel("cursor 0").sendBytes(Uint8Array.of(101, 0, 255, 255, 255, 255));
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "MESSAGE_TOO_LARGE" } }]);
    expectAttached(setting, source);
  });

  it("ends the session with a message of main that does not decode", () => {
    const setting = connected();
    setting.source.main.sendRaw({ id: 104, body: Uint8Array.of(255, 255, 255, 255) });
    setting.world.run();
    expectEnded(setting, "BAD_MESSAGE");
  });

  it("goes on after an unknown message of main", () => {
    const setting = connected();
    setting.source.main.sendRaw({ id: 999, body: new Uint8Array(3) });
    setting.world.run();
    expectAttached(setting, setting.source);
  });

  it.each(["MIGRATE", "MIGRATE_DATA"])("ends only the channel with a stray %s", (name) => {
    const setting = connected();
    const { world, source } = setting;
    const body = name === "MIGRATE" ? { flags: 3 } : { data: new Uint8Array(4) };
    source.channel("usbredir 0").sendRaw(baseCodec.server.encode({ name, body } as never));
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "UNEXPECTED_MESSAGE" } }]);
    expectAttached(setting, source);
  });

  it("that sends a cursor from an empty cache ends only that channel", () => {
    const setting = connected();
    const { world, source } = setting;
    const header = { unique: 5n, type: 0, width: 1, height: 1, hotSpotX: 0, hotSpotY: 0 };
    source.channel("cursor 0").send("SET", {
      position: { x: 0, y: 0 },
      visible: 1,
      cursor: { flags: 4, header, data: new Uint8Array() },
    });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "UNEXPECTED_MESSAGE" } }]);
    expectAttached(setting, source);
  });

  it("that does not read what it is sent loses the channel before memory is full", () => {
    const setting = connected();
    const { world, source } = setting;
    const { key } = source.channel("cursor 0").connection;
    world.feed({ type: "backlog", connection: key, bytes: 1 << 20 });
    expect(world.named("channel-lost")).toEqual([]);
    world.feed({ type: "backlog", connection: key, bytes: 1 << 27 });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "CHANNEL_CLOSED" } }]);
    expectNoBreach(setting);
  });
});

describe("a renderer", () => {
  it("that gives up ends only its display", () => {
    const setting = connected(twoDisplays);
    const { world, source } = setting;
    world.renderFailed(1, new ChannelClosed("display 1", null));
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ channel: "display", id: 1 }]);
    expectAttached(setting, source);
  });

  it("may answer for messages of a display that was lost and opened again", () => {
    const setting = connected(twoDisplays);
    const { world, source } = setting;
    marks(source.channel("display 0"), 3);
    world.run();
    source.channel("display 0").close();
    world.run();
    source.list("display 0");
    world.run();
    const display = source.channel("display 0");
    display.send("SET_ACK", { generation: 1, window: 1 });
    display.send("MARK");
    world.run();
    for (let count = 0; count < 3; count++) world.rendered(0);
    world.run();
    expect(display.names("INIT")).toEqual(["ACK_SYNC"]);
    world.rendered(0);
    world.run();
    expect(display.names("INIT")).toEqual(["ACK_SYNC", "ACK"]);
  });
});
