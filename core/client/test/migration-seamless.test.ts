import { MainCapability } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptedServer } from "./scripted-server.ts";
import {
  connected,
  expectAttached,
  expectNoBreach,
  ready,
  type SettingOptions,
} from "./setting.ts";

function stateOf(message: { body: unknown }): unknown {
  const { data } = message.body as { data: Uint8Array };
  return JSON.parse(new TextDecoder().decode(data));
}

describe.each([
  [true, true],
  [false, false],
  [true, false],
  [false, true],
])("a seamless migration, mini headers at the source %s, at the target %s", (first, second) => {
  const options: SettingOptions = {
    source: { miniHeader: first, agentTokens: 10 },
    target: { miniHeader: second },
  };

  it("carries every channel over and lets the source go at once", () => {
    const setting = ready("seamless", options);
    const { world, source, target } = setting;
    source.finish(target);
    world.run();
    expect(source.completed).toBe(true);
    expect(target.isArrived).toBe(true);
    expect(world.phases).toBe("begin:seamless ready:seamless switching:seamless done:seamless");
    expect(world.outcomes.sort()).toEqual(
      ["main 0", ...source.listed].map((label) => `${label}: kept`).sort(),
    );
    expectAttached(setting, target);
  });

  it("hands each channel's state over unchanged, as the first message there", () => {
    const setting = ready("seamless", options);
    const { world, source, target } = setting;
    const serials = new Map(
      source.labels.map((label) => [label, source.channel(label).nextSerial]),
    );
    source.finish(target);
    world.run();
    for (const label of ["display 0", "inputs 0", "usbredir 0"]) {
      const [state] = target.channel(label).messages;
      expect(state?.name).toBe("MIGRATE_DATA");
      // MIGRATE stands before it.
      const serial = Number(serials.get(label)!) + 1;
      expect(stateOf(state!)).toEqual({ from: "source", channel: label, serial });
    }
    expect(target.main.names().slice(0, 2)).toEqual(["MIGRATE_DST_DO_SEAMLESS", "MIGRATE_DATA"]);
    expect(target.channel("playback 0").names()).not.toContain("MIGRATE_DATA");
  });

  it("keeps what the guest shows: nothing is reset, and no INIT is sent", () => {
    const { world, source, target } = ready("seamless", options);
    const renders = world.renders.length;
    source.finish(target);
    world.run();
    expect(world.renders.slice(renders).map(({ type }) => type)).not.toContain("reset");
    expect(world.renders.map(({ type }) => type)).not.toContain("reset-caches");
    expect(target.channel("display 0").names()).not.toContain("INIT");
    expect(world.named("agent")).toEqual([]);
  });

  it("counts display messages on from the serial of the state", () => {
    const channels = ["display 0", "display 1"];
    const { world, source, target } = ready("seamless", {
      ...options,
      source: { ...options.source, channels },
      target: { ...options.target, channels },
      render: "manual",
    });
    for (let count = 0; count < 5; count++) source.channel("display 0").send("MARK");
    world.run();
    source.finish(target);
    world.run();
    const [zero, one] = [target.channel("display 0"), target.channel("display 1")];
    const { serial } = stateOf(zero.messages[0]!) as { serial: number };
    // SET_ACK has the serial of MIGRATE_DATA, INVAL_ALL_PALETTES the next, then MARK.
    expect(zero.nextSerial).toBe(BigInt(serial) + 2n);
    zero.send("MARK");
    one.send("WAIT_FOR_CHANNELS", {
      waitList: [{ channelType: 2, channelId: 0, messageSerial: BigInt(serial) + 2n }],
    });
    one.send("PING", { id: 1, timestamp: 0n, data: new Uint8Array() });
    world.run();
    for (let count = 0; count < 6; count++) {
      world.rendered(0);
      world.run();
      expect(one.names()).not.toContain("PONG");
    }
    world.rendered(0);
    world.run();
    expect(one.names()).toContain("PONG");
  });

  it("numbers its own messages on", () => {
    const { world, source, target } = ready("seamless", options);
    world.type(30);
    world.run();
    const inputs = source.channel("inputs 0");
    source.finish(target);
    world.advance(1000);
    world.type(31);
    world.run();
    const { serials } = target.channel("inputs 0");
    const { length } = inputs.serials;
    if (!second) expect(serials[0]).toBe(BigInt(length) + 1n);
    expect(serials.at(-1)! - serials[0]!).toBe(BigInt(serials.length - 1));
  });
});

describe("the order of things in a seamless migration", () => {
  const labels = ["main 0", "display 0", "inputs 0", "cursor 0", "usbredir 0", "playback 0"];

  it("does not matter: MIGRATE comes on the channels one by one, in any order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(labels, { minLength: labels.length }), (order) => {
        const setting = ready("seamless");
        const { world, source, target } = setting;
        for (const label of order) {
          expect(source.completed).toBe(false);
          source.migrate(label);
          world.run();
        }
        expect(source.completed).toBe(true);
        expect(world.phases).toContain("done:seamless");
        expectAttached(setting, target);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps the source's connections until the last state is there", () => {
    const { world, source, target } = ready("seamless");
    for (const label of labels.filter((label) => label !== "display 0")) {
      source.migrate(label);
      world.run();
    }
    expect(source.labels.sort()).toEqual([...labels].sort());
    expect(target.main.names()).toContain("MIGRATE_DATA");
    source.migrate("display 0");
    world.run();
    expect(source.labels).toEqual([]);
    expect(source.completed).toBe(true);
  });

  it("sends the flush mark behind what was sent before, and nothing after it", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    world.type(30);
    source.finish(target);
    // The mark is written before anything that is typed now.
    world.run(() => source.channel("inputs 0").names().includes("MIGRATE_FLUSH_MARK"));
    world.type(31);
    world.run();
    expect(source.history.find(({ name }) => name === "inputs")?.names()).toEqual([
      "KEY_DOWN",
      "KEY_UP",
      "MIGRATE_FLUSH_MARK",
    ]);
    expectNoBreach(setting);
  });

  it("leaves what the target says early unread until the channel moves", () => {
    const { world, source, target } = ready("seamless");
    target.channel("inputs 0").send("INIT", { keyboardModifiers: 4 });
    target.channel("cursor 0").send("SET_ACK", { generation: 9, window: 20 });
    target.main.send("MULTI_MEDIA_TIME", { time: 5 });
    world.run();
    expect(world.named("lock-leds")).toEqual([]);
    expect(target.channel("cursor 0").names()).toEqual([]);
    source.finish(target);
    world.run();
    expect(world.named("lock-leds")).toMatchObject([{ capsLock: true }]);
    expect(target.channel("cursor 0").names()).toEqual(["ACK_SYNC"]);
    expect(world.named("multi-media-time").at(-1)).toMatchObject({ time: 5 });
  });

  it("goes on with the window of acknowledgements that the target opens", () => {
    const { world, source, target } = ready("seamless");
    source.channel("display 0").send("SET_ACK", { generation: 5, window: 3 });
    source.channel("display 0").send("MARK");
    world.run();
    source.finish(target);
    world.run();
    const display = target.channel("display 0");
    expect(display.newest("ACK_SYNC").body).toEqual({ generation: 1 });
    for (let count = 0; count < 19; count++) display.send("MARK");
    world.run();
    // INVAL_ALL_PALETTES and 19 more fill a window of 20.
    expect(display.names().filter((name) => name === "ACK")).toHaveLength(1);
  });

  it("sends what was queued for a moving channel behind its state", () => {
    const { world, source, target } = ready("seamless", { source: { agentTokens: 10 } });
    source.migrate("main 0");
    world.run(() => source.main.names().includes("MIGRATE_FLUSH_MARK"));
    world.command({ name: "mouse-mode", mode: "server" });
    world.run();
    const names = target.main.names("MIGRATE_DST_DO_SEAMLESS");
    expect(names[0]).toBe("MIGRATE_DATA");
    expect(names).toContain("MOUSE_MODE_REQUEST");
    expect(target.main.newest("MOUSE_MODE_REQUEST").body).toEqual({ mode: 1 });
  });

  it("says its preferences to the target again", () => {
    const { world, source, target } = connected({ session: { preferredCompression: 4 } });
    source.displayCapabilities = [6];
    target.displayCapabilities = [6];
    source.announce(target);
    world.run();
    source.finish(target);
    world.run();
    expect(target.channel("display 0").names().slice(0, 2)).toEqual([
      "MIGRATE_DATA",
      "PREFERRED_COMPRESSION",
    ]);
    expect(target.main.names()).toContain("MOUSE_MODE_REQUEST");
    expect(world.named("mouse-mode").at(-1)).toMatchObject({ mode: "client" });
  });
});

describe("what is typed around a seamless migration", () => {
  it("is written once, to one server, and releases of the last moments are said again", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    world.type(30);
    world.advance(10_000);
    world.command({ name: "input", input: { kind: "key-down", scancode: 42 } });
    world.type(31);
    world.run();
    source.finish(target);
    world.run();
    world.type(32);
    world.command({ name: "input", input: { kind: "key-up", scancode: 42 } });
    world.advance(1000);
    expect(source.keys).toEqual(["+30", "-30", "+42", "+31", "-31"]);
    expect(target.keys).toEqual(["-31", "+32", "-32", "-42"]);
    expect(world.named("migration").find(({ phase }) => phase === "input-window")).toMatchObject({
      sentInWindow: 3,
      resentReleases: 1,
    });
    expectAttached(setting, target);
  });

  it("waits until the target's guest may run", () => {
    const { world, source, target } = ready("seamless");
    source.finish(target);
    world.run();
    world.type(30);
    world.advance(399);
    expect(target.keys).toEqual([]);
    world.advance(100);
    expect(target.keys).toEqual(["+30", "-30"]);
  });

  it("does not release a key that was pressed again before the move", () => {
    const { world, source, target } = ready("seamless");
    world.type(30);
    world.command({ name: "input", input: { kind: "key-down", scancode: 30 } });
    world.run();
    source.finish(target);
    world.advance(1000);
    expect(target.keys).toEqual([]);
  });

  it("releases first what was released last, and never what is held again", () => {
    const { world, source, target } = ready("seamless");
    for (const scancode of [30, 31, 32]) {
      world.type(scancode);
      world.advance(900);
    }
    source.finish(target);
    world.run();
    world.type(40);
    world.command({ name: "input", input: { kind: "key-down", scancode: 30 } });
    world.advance(2000);
    expect(target.keys).toEqual(["-32", "+40", "-40", "+30", "-31"]);
  });

  it("releases before what is pressed again after the move", () => {
    const { world, source, target } = ready("seamless");
    world.type(30);
    source.finish(target);
    world.run();
    world.type(30);
    world.advance(1000);
    expect(target.keys).toEqual(["-30", "+30", "-30"]);
  });

  it("keeps clicks at their places", () => {
    const { world, source, target } = ready("seamless");
    const place = (x: number) => {
      world.command({ name: "input", input: { kind: "position", x, y: 1, display: 0 } });
    };
    place(99);
    world.run();
    // The mouse mode changes when the newest place is still held back.
    source.migrate("inputs 0");
    world.run();
    place(1);
    place(2);
    world.command({ name: "input", input: { kind: "button-down", button: 1 } });
    place(3);
    place(4);
    world.command({ name: "input", input: { kind: "button-up", button: 1 } });
    place(5);
    source.migrate(...source.labels.filter((label) => label !== "inputs 0"));
    world.advance(1000);
    expect(target.channel("inputs 0").messages.slice(1)).toMatchObject([
      { name: "MOUSE_POSITION", body: { x: 2, buttonsState: 0 } },
      { name: "MOUSE_PRESS", body: { buttonsState: 1 } },
      { name: "MOUSE_POSITION", body: { x: 4, buttonsState: 1 } },
      { name: "MOUSE_RELEASE", body: { buttonsState: 0 } },
      { name: "MOUSE_POSITION", body: { x: 5, buttonsState: 0 } },
    ]);
  });
});

describe("channels that come and go around a seamless migration", () => {
  it("that the source announces while the target is linked go over too", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    const channels = [...source.listed, "display 1"];
    Object.assign(source.options, { channels });
    Object.assign(target.options, { channels });
    source.list("display 1");
    world.run();
    expect(source.channel("display 1").connection.port).toBe(1);
    expect(target.labels).toContain("display 1");
    source.finish(target);
    world.run();
    expect(world.outcomes).toContain("display 1: kept");
    expectAttached(setting, target);
  });

  it("that are still being linked to the source are linked to the target when it counts no more", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    const channels = [...source.listed, "display 1"];
    Object.assign(source.options, { channels });
    Object.assign(target.options, { channels });
    source.refuse = ({ name, id }) => (name === "display" && id === 1 ? "silence" : null);
    source.list("display 1");
    world.run();
    source.finish(target);
    world.run();
    expect(source.completed).toBe(true);
    world.advance(1000);
    expect(target.labels).toContain("display 1");
    expect(world.outcomes).toContain("display 1: rebuilt");
    expectAttached(setting, target);
  });

  it("that the source loses do not hold the move", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.channel("playback 0").close();
    world.run();
    expect(target.labels).not.toContain("playback 0");
    source.finish(target);
    world.run();
    expect(world.phases).toContain("done:seamless");
    expect(source.completed).toBe(true);
  });

  it("that only the target has are found there, when it has all the state", () => {
    const setting = ready("seamless", {
      target: {
        channels: ["display 0", "inputs 0", "cursor 0", "usbredir 0", "playback 0", "usbredir 1"],
      },
    });
    const { world, source, target } = setting;
    source.finish(target);
    world.run();
    world.advance(1000);
    expect(target.labels).toContain("usbredir 1");
    expectAttached(setting, target);
  });

  it("that are announced by the target later are opened there", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.finish(target);
    world.advance(1000);
    Object.assign(target.options, { channels: [...target.listed, "usbredir 1"] });
    target.list("usbredir 1");
    world.run();
    expect(target.labels).toContain("usbredir 1");
    expectAttached(setting, target);
  });

  it("that the target announces in the middle of the switch are linked there behind it", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.migrate("main 0");
    world.run();
    const channels = [...target.listed, "usbredir 1"];
    Object.assign(target.options, { channels });
    target.list("usbredir 1");
    world.run();
    const before = world.connections.size;
    source.migrate(...source.labels.filter((label) => label !== "main 0"));
    world.advance(1000);
    // One connection more: to the target, and none to the source that did not know the channel.
    expect(world.connections.size).toBe(before + 1);
    expect(target.labels).toContain("usbredir 1");
    expectAttached(setting, target);
  });

  it("are asked for until the target answers", () => {
    const { world, source, target } = ready("seamless");
    source.migrate("main 0", "inputs 0", "cursor 0", "playback 0", "usbredir 0");
    world.run();
    expect(target.main.names()).not.toContain("ATTACH_CHANNELS");
    source.migrate("display 0");
    // The question overtakes the state of the display.
    const display = target.channel("display 0").connection;
    world.run(() => world.steps.every(({ label }) => label === `${display.key} to server`));
    expect(target.isArrived).toBe(false);
    expect(world.named("channel-linked")).toHaveLength(6);
    world.run();
    world.advance(1000);
    expect(target.main.names().filter((name) => name === "ATTACH_CHANNELS")).toHaveLength(2);
    expect(world.session.deadline()).toBeNull();
  });
});

describe("a target that does not take state", () => {
  it.each([
    ["says no", { seamless: "nack" } as const],
    [
      "does not know how",
      { mainCapabilities: [MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE] },
    ],
  ])("because it %s gets the session semi-seamless", (_, target) => {
    const setting = connected({ target });
    const { world, source, target: server } = setting;
    source.announce(server);
    world.run();
    expect(source.answer).toBe("connected");
    source.finish(server);
    world.run();
    expect(world.phases).toBe(
      "begin:seamless ready:semi-seamless switching:semi-seamless done:semi-seamless",
    );
    expectAttached(setting, server);
  });

  it("because it never answers is given up in time", () => {
    const setting = connected({ target: { seamless: "silent" } });
    const { world, source, target } = setting;
    source.announce(target);
    world.advance(8999);
    expect(source.answer).toBe("none");
    world.advance(1);
    expect(source.answer).toBe("error");
    expect(world.phases).toBe("begin:seamless not-ready");
    expectAttached(setting, source);
  });

  it("because it talks nonsense is asked again, and harms nothing", () => {
    const setting = connected();
    const { world, source, target } = setting;
    Object.assign(target.options, { seamless: "silent" });
    source.announce(target);
    world.run();
    target.main.sendBytes(new Uint8Array(64).fill(0xff));
    world.run();
    Object.assign(target.options, { seamless: "ack" });
    world.advance(1000);
    expect(source.answer).toBe("seamless");
    source.finish(target);
    world.run();
    expectAttached(setting, target);
  });
});

describe("migrations that follow each other", () => {
  it("go from server to server, ten times", () => {
    const setting = connected();
    const { world } = setting;
    let here = setting.source;
    for (let port = 20; port < 30; port++) {
      const next = new ScriptedServer(world, { name: `server ${port}`, port });
      here.announce(next);
      world.run();
      world.type(30);
      here.finish(next);
      world.advance(300);
      expect(here.completed).toBe(true);
      expect(here.violations).toEqual([]);
      expectAttached({ ...setting, source: here, target: next }, next);
      here.die();
      here = next;
    }
    expect(world.phases.match(/done:seamless/g)).toHaveLength(10);
  });

  it("may be announced by the target before the last channel is there", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    const third = new ScriptedServer(world, { name: "third", port: 3 });
    source.migrate("main 0");
    world.run();
    target.announce(third);
    world.run();
    expect(third.labels).toEqual([]);
    source.migrate(...source.labels.filter((label) => label !== "main 0"));
    world.run();
    expect(target.answer).toBe("seamless");
    target.finish(third);
    world.advance(1000);
    expectAttached({ ...setting, source: target, target: third }, third);
  });

  it("replace each other before the guest has moved", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    const third = new ScriptedServer(world, { name: "third", port: 3 });
    source.announce(third);
    world.run();
    expect(target.labels).toEqual([]);
    expect(world.phases).toBe(
      "begin:seamless ready:seamless cancelled begin:seamless ready:seamless",
    );
    source.finish(third);
    world.run();
    expectAttached(setting, third);
  });
});
