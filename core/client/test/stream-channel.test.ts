import { encodeLz4Block } from "@caraway/codecs";
import { capabilityWords, DataCompressionType, SpicevmcCapability } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultSessionOptions, type StreamCommand } from "../src/index.ts";
import type { ScriptedChannel } from "./scripted-channel.ts";
import { usualChannels } from "./scripted-server.ts";
import {
  connected,
  expectAttached,
  expectNoBreach,
  ready,
  type Setting,
  type SettingOptions,
} from "./setting.ts";

const channels = [...usualChannels, "port 3", "webdav 1", "smartcard 0"];
const options: SettingOptions = {
  session: {
    channels: [...defaultSessionOptions.channels, "usbredir", "port", "webdav", "smartcard"],
  },
  source: { channels },
  target: { channels },
};

const usb = "usbredir 0";

/** Bytes `from` to `to` of a sequence that differs at every place nearby. */
function sequence(from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, index) => Math.imul(from + index, 167) >>> 3);
}

function keyOf({ world }: Setting, channel: string, id: number): number {
  return world.named("stream-opened").findLast((e) => e.channel === channel && e.id === id)!.stream;
}

function command(setting: Setting, what: StreamCommand): void {
  setting.world.command(what);
  setting.world.run();
}

function send(setting: Setting, stream: number, bytes: Uint8Array): void {
  command(setting, { name: "stream-send", stream, bytes });
}

/** Data that a server got on a channel, in order. */
function gotBy(...ends: (ScriptedChannel | undefined)[]): Uint8Array {
  const messages = ends.flatMap((end) => end?.messages ?? []);
  const parts = messages.filter(({ name }) => name === "DATA");
  return Buffer.concat(parts.map(({ body }) => (body as { data: Uint8Array }).data));
}

/** Data that the embedder got of a stream. */
function cameBy({ world }: Setting, stream: number): Uint8Array {
  const parts = world.named("stream-data").filter((event) => event.stream === stream);
  return Buffer.concat(parts.map(({ bytes }) => bytes));
}

function expectBytes(bytes: Uint8Array, expected: Uint8Array): void {
  expect(bytes).toHaveLength(expected.length);
  expect(Buffer.compare(bytes, expected)).toBe(0);
}

function paused({ world, source }: Setting, label: string): boolean {
  return world.connections.get(source.channel(label).connection.key)!.paused;
}

describe("a usbredir channel", () => {
  it("is a stream from the link on, of bytes both ways", () => {
    const setting = connected(options);
    const { world, source } = setting;
    expect(world.named("stream-opened")).toContainEqual(
      expect.objectContaining({ channel: "usbredir", id: 0, portName: null, guestOpen: true }),
    );
    const key = keyOf(setting, "usbredir", 0);
    send(setting, key, sequence(0, 100));
    source.channel(usb).send("DATA", { data: sequence(0, 70) });
    source.channel(usb).send("DATA", { data: sequence(70, 100) });
    world.run();
    expectBytes(gotBy(source.channel(usb)), sequence(0, 100));
    expectBytes(cameBy(setting, key), sequence(0, 100));
    expect(world.named("stream-sent")).toEqual([{ name: "stream-sent", stream: key, bytes: 100 }]);
  });

  it("says large data in messages of at most 64 KiB", () => {
    const setting = connected(options);
    send(setting, keyOf(setting, "usbredir", 0), sequence(0, 150_000));
    const end = setting.source.channel(usb);
    expect(end.names()).toEqual(["DATA", "DATA", "DATA"]);
    expectBytes(gotBy(end), sequence(0, 150_000));
  });

  it("stops reading while the embedder takes nothing, and goes on when it does", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const key = keyOf(setting, "usbredir", 0);
    const total = 40 * 20_000;
    for (let at = 0; at < total; at += 20_000) {
      source.channel(usb).send("DATA", { data: sequence(at, at + 20_000) });
    }
    world.run();
    expect(paused(setting, usb)).toBe(true);
    expect(cameBy(setting, key).length).toBeLessThanOrEqual((256 << 10) + 20_000);
    let taken = 0;
    while (taken < total) {
      const came = cameBy(setting, key).length;
      expect(came).toBeGreaterThan(taken);
      command(setting, { name: "stream-taken", stream: key, bytes: came - taken });
      taken = came;
    }
    expect(paused(setting, usb)).toBe(false);
    expectBytes(cameBy(setting, key), sequence(0, total));
  });

  it("acknowledges what the embedder has taken, and no more", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const key = keyOf(setting, "usbredir", 0);
    const end = source.channel(usb);
    end.send("SET_ACK", { generation: 1, window: 2 });
    for (let at = 0; at < 8; at++) end.send("DATA", { data: sequence(10 * at, 10 * at + 10) });
    world.run();
    expect(end.names("ACK_SYNC")).toEqual([]);
    command(setting, { name: "stream-taken", stream: key, bytes: 39 });
    expect(end.names("ACK_SYNC")).toEqual(["ACK"]);
    command(setting, { name: "stream-taken", stream: key, bytes: 1 });
    expect(end.names("ACK_SYNC")).toEqual(["ACK", "ACK"]);
    command(setting, { name: "stream-taken", stream: key, bytes: 1 << 30 });
    expect(end.names("ACK_SYNC")).toEqual(["ACK", "ACK", "ACK", "ACK"]);
  });

  it("keeps what the network does not take, and sends it later", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const key = keyOf(setting, "usbredir", 0);
    const connection = source.channel(usb).connection.key;
    world.feed({ type: "backlog", connection, bytes: 300_000 });
    send(setting, key, sequence(0, 1000));
    expect(gotBy(source.channel(usb))).toHaveLength(0);
    expect(world.named("stream-sent")).toEqual([]);
    world.feed({ type: "backlog", connection, bytes: 0 });
    world.run();
    expectBytes(gotBy(source.channel(usb)), sequence(0, 1000));
  });

  it("ends when the embedder sends without measure", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const key = keyOf(setting, "usbredir", 0);
    world.feed({ type: "backlog", connection: source.channel(usb).connection.key, bytes: 300_000 });
    const megabytes = new Uint8Array(16 << 20);
    for (let count = 0; count < 5; count++) send(setting, key, megabytes);
    expect(world.named("channel-lost")).toMatchObject([{ error: { code: "STREAM_OVERFLOW" } }]);
    expect(world.named("stream-closed")).toEqual([{ name: "stream-closed", stream: key }]);
  });

  it("reads compressed data, and refuses what is damaged or too large", () => {
    const data = sequence(0, 5000).map((byte) => byte & 3);
    const block = encodeLz4Block(data);
    const type = DataCompressionType.LZ4;
    const setting = connected(options);
    const { world, source } = setting;
    const key = keyOf(setting, "usbredir", 0);
    const say = (uncompressedSize: number, bytes: Uint8Array) => {
      const compressed = { type, uncompressedSize, data: bytes };
      source.channel(usb).send("COMPRESSED_DATA", { compressed });
      world.run();
    };
    say(data.length, block);
    expectBytes(cameBy(setting, key), data);
    for (const [size, bytes] of [
      [data.length + 1, block],
      [data.length, block.subarray(1)],
      [0xffffffff, block],
    ] as const) {
      const other = connected(options);
      const compressed = { type, uncompressedSize: size, data: bytes };
      other.source.channel(usb).send("COMPRESSED_DATA", { compressed });
      other.world.run();
      expect(other.world.named("channel-lost")).toMatchObject([
        { channel: "usbredir", error: { code: "UNEXPECTED_MESSAGE" } },
      ]);
      expect(other.world.endCode).toBeUndefined();
    }
  });
});

describe("a server that takes compressed data", () => {
  it("gets it where it is smaller", () => {
    const setting = connected({
      ...options,
      source: {
        channels,
        streamCapabilities: capabilityWords([
          SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4,
        ]),
      },
    });
    const key = keyOf(setting, "usbredir", 0);
    send(setting, key, new Uint8Array(999));
    send(setting, key, new Uint8Array(5000));
    send(setting, key, crypto.getRandomValues(new Uint8Array(5000)));
    expect(setting.source.channel(usb).names()).toEqual(["DATA", "COMPRESSED_DATA", "DATA"]);
    expect(setting.source.channel(usb).messages[1]!.body).toMatchObject({
      compressed: { uncompressedSize: 5000 },
    });
  });
});

describe("a port", () => {
  it("is a stream when it has said its name", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const ports = () => world.named("stream-opened").filter(({ channel }) => channel === "port");
    expect(ports()).toEqual([]);
    source.channel("port 3").send("INIT", { name: "org.example.serial", opened: 0 });
    world.run();
    expect(ports()).toMatchObject([{ id: 3, portName: "org.example.serial", guestOpen: false }]);
  });

  it("tells and takes what happens at its ends, in order with the data", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const end = source.channel("port 3");
    end.send("INIT", { name: "a", opened: 0 });
    end.send("EVENT", { event: 0 });
    end.send("DATA", { data: sequence(0, 3) });
    end.send("EVENT", { event: 1 });
    world.run();
    const stream = keyOf(setting, "port", 3);
    expect(world.events.filter(({ name }) => name.startsWith("stream-")).slice(-4)).toMatchObject([
      { name: "stream-opened", portName: "a" },
      { name: "stream-signal", signal: "opened" },
      { name: "stream-data" },
      { name: "stream-signal", signal: "closed" },
    ]);
    command(setting, { name: "stream-send-signal", stream, signal: "opened" });
    send(setting, stream, sequence(0, 3));
    command(setting, { name: "stream-send-signal", stream, signal: "break" });
    expect(end.messages).toMatchObject([
      { name: "EVENT", body: { event: 0 } },
      { name: "DATA" },
      { name: "EVENT", body: { event: 2 } },
    ]);
  });

  it("ends when it speaks before its name, twice of it, or of what is not known", () => {
    for (const [first, second] of [
      ["DATA", { data: sequence(0, 3) }],
      ["EVENT", { event: 0 }],
      ["INIT", { name: "again", opened: 1 }],
      ["EVENT", { event: 9 }],
    ] as const) {
      const setting = connected(options);
      const end = setting.source.channel("port 3");
      if (first === "INIT" || "event" in second === true) {
        if (!("event" in second) || second.event === 9) {
          end.send("INIT", { name: "a", opened: 1 });
        }
      }
      end.send(first, second);
      setting.world.run();
      expect(setting.world.named("channel-lost")).toMatchObject([{ channel: "port", id: 3 }]);
      expect(setting.world.endCode).toBeUndefined();
    }
  });
});

describe("a smartcard channel", () => {
  it("passes messages on whole, both ways", () => {
    const setting = connected(options);
    const { world, source } = setting;
    const stream = keyOf(setting, "smartcard", 0);
    const message = { type: 7, readerId: 2, data: sequence(0, 9) };
    command(setting, { name: "stream-send-card", stream, message });
    source.channel("smartcard 0").send("DATA", { ...message, type: 5 });
    world.run();
    expect(source.channel("smartcard 0").messages).toMatchObject([{ name: "DATA", body: message }]);
    expect(world.named("stream-card")).toEqual([
      { name: "stream-card", stream, message: { ...message, type: 5 } },
    ]);
    command(setting, { name: "stream-send", stream, bytes: sequence(0, 9) });
    expect(source.channel("smartcard 0").messages).toHaveLength(1);
  });
});

describe("a seamless move", () => {
  it("carries the queue over behind MIGRATE_DATA, and the stream goes on", () => {
    const setting = ready("seamless", options);
    const { world, source, target } = setting;
    const stream = keyOf(setting, "usbredir", 0);
    send(setting, stream, sequence(0, 10));
    const before = source.channel(usb);
    source.migrate(usb);
    world.run(() => before.names().includes("MIGRATE_FLUSH_MARK"));
    send(setting, stream, sequence(10, 20));
    source.migrate(...source.labels.filter((label) => label !== usb));
    world.run();
    send(setting, stream, sequence(20, 30));
    expectBytes(gotBy(before), sequence(0, 10));
    expect(target.channel(usb).names()).toEqual(["MIGRATE_DATA", "DATA", "DATA"]);
    expectBytes(gotBy(target.channel(usb)), sequence(10, 30));
    expect(world.named("stream-closed")).toEqual([]);
    expectAttached(setting, target);
  });

  it("may say a port's name again, as closed when it has not got the guest yet", () => {
    const setting = connected(options);
    const { world, source, target } = setting;
    source.channel("port 3").send("INIT", { name: "a", opened: 1 });
    source.channel("webdav 1").send("INIT", { name: "b", opened: 1 });
    world.run();
    source.announce(target, "seamless");
    world.run();
    source.finish(target);
    world.run();
    target.channel("port 3").send("INIT", { name: "a", opened: 0 });
    target.channel("webdav 1").send("INIT", { name: "b", opened: 1 });
    world.run();
    const stream = keyOf(setting, "port", 3);
    target.channel("port 3").send("EVENT", { event: 0 });
    world.run();
    // It was open all the time.
    expect(world.named("stream-signal")).toEqual([]);
    target.channel("port 3").send("EVENT", { event: 1 });
    world.run();
    expect(world.named("stream-signal")).toEqual([
      { name: "stream-signal", stream, signal: "closed" },
    ]);
    expectAttached(setting, target);
  });

  it("does not wait for an embedder that takes nothing", () => {
    const setting = ready("seamless", options);
    const { world, source, target } = setting;
    const stream = keyOf(setting, "usbredir", 0);
    const old = source.channel(usb);
    for (let at = 0; at < 40; at++) {
      old.send("DATA", { data: sequence(at * 20_000, at * 20_000 + 20_000) });
    }
    world.run();
    expect(paused(setting, usb)).toBe(true);
    source.finish(target);
    world.run();
    expectAttached(setting, target);
    const moved = target.channel(usb);
    moved.send("DATA", { data: sequence(800_000, 800_010) });
    world.run();
    expectBytes(cameBy(setting, stream), sequence(0, 800_000));
    command(setting, { name: "stream-taken", stream, bytes: 800_000 });
    expectBytes(cameBy(setting, stream), sequence(0, 800_010));
  });

  it("loses and doubles nothing, in any order of events and any cuts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffffffff), { minLength: 400, maxLength: 400 }),
        fc.array(fc.nat(4000), { minLength: 10, maxLength: 60 }),
        (choices, sizes) => {
          let at = 0;
          const roll = (below: number) => choices[at++ % choices.length]! % below;
          const setting = ready("seamless", options);
          const { world, source, target } = setting;
          const stream = keyOf(setting, "usbredir", 0);
          const total = sizes.reduce((sum, size) => sum + size, 0);
          let [up, down, used] = [0, 0, 0];
          let isMoving = false;
          const work = sizes.map((size, index) => () => {
            if (index === sizes.length >> 1) {
              isMoving = true;
              source.finish(target);
            }
            world.command({ name: "stream-send", stream, bytes: sequence(up, up + size) });
            up += size;
            // The source says nothing of the device once it has said MIGRATE.
            const end = isMoving ? target.channels.get(usb) : source.channel(usb);
            if (end === undefined || end.phase !== "open") return;
            end.send("DATA", { data: sequence(down, down + size) });
            down += size;
          });
          while (work.length > 0) {
            const { steps } = world;
            const index = roll(steps.length + 2);
            if (index < steps.length) steps[index]!.take();
            else if (index === steps.length) work.shift()!();
            else {
              const bytes = roll(3000);
              used += bytes;
              world.command({ name: "stream-taken", stream, bytes });
            }
          }
          world.run();
          world.command({ name: "stream-taken", stream, bytes: 1 << 28 });
          world.run();
          const ends = [...source.history, ...target.history];
          expectBytes(gotBy(...ends.filter(({ label }) => label === usb)), sequence(0, total));
          expectBytes(cameBy(setting, stream), sequence(0, down));
          expect(used).toBeGreaterThanOrEqual(0);
          expectNoBreach(setting);
          expect(world.named("channel-lost")).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a stream that only the target has", () => {
  it("slows its server down as any other", () => {
    const lacking = channels.filter((label) => label !== usb);
    const setting = ready("seamless", { ...options, source: { channels: lacking } });
    const { world, source, target } = setting;
    // It was there once, and has gone.
    source.list(usb);
    world.run();
    source.finish(target);
    world.run();
    world.advance(5000);
    const end = target.channel(usb);
    for (let at = 0; at < 40; at++) end.send("DATA", { data: sequence(0, 20_000) });
    world.run();
    expect(world.connections.get(end.connection.key)!.paused).toBe(true);
  });
});

describe("a move that begins anew", () => {
  it("ends the stream, drops what it had to send, and opens another", () => {
    const setting = ready("semi-seamless", options);
    const { world, source, target } = setting;
    const first = keyOf(setting, "usbredir", 0);
    world.feed({ type: "backlog", connection: source.channel(usb).connection.key, bytes: 300_000 });
    send(setting, first, sequence(0, 10));
    source.finish(target);
    world.run();
    const second = keyOf(setting, "usbredir", 0);
    expect(second).not.toBe(first);
    expect(world.named("stream-closed").map(({ stream }) => stream)).toContain(first);
    send(setting, first, sequence(0, 10));
    send(setting, second, sequence(50, 60));
    expectBytes(gotBy(target.channel(usb)), sequence(50, 60));
    expectAttached(setting, target);
  });
});
