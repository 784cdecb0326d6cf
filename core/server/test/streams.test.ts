import { decodeLz4Block, encodeLz4Block } from "@caraway/codecs";
import { DataCompressionType } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ServerOptions } from "../src/index.ts";
import { type RawChannel, RawClient, type RawClientOptions } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const stream = { use: "usbredir", id: 2 } as const;
const port = { use: "port", id: 1 } as const;
const card = { use: "smartcard", id: 0 } as const;

/** A guest that runs and has these devices. */
function setUp(options: Partial<ServerOptions> = {}): ServerWorld {
  const world = new ServerWorld(options);
  world.begin();
  for (const name of [stream, port, card]) {
    const device = { kind: "stream", ...name, name: "org.example.device" } as const;
    world.guest({ type: "attach", device });
  }
  return world;
}

function open(world: ServerWorld, options?: RawClientOptions): RawChannel {
  return new RawClient(world, options).openAll().open("usbredir", 2);
}

/** Bytes `from` to `to` of a sequence that differs at every place nearby. */
function sequence(from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, index) => Math.imul(from + index, 167) >>> 3);
}

function isSame(bytes: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(bytes, expected) === 0;
}

function toGuest(world: ServerWorld, use = "usbredir"): Uint8Array {
  const inputs = world.guestInputs("stream-data").filter((input) => input.stream.use === use);
  return Buffer.concat(inputs.map(({ bytes }) => bytes));
}

function granted(world: ServerWorld): number {
  const inputs = world.guestInputs("stream-credit").filter(({ stream: s }) => s.use === "usbredir");
  return inputs.reduce((sum, { bytes }) => sum + bytes, 0);
}

function toClient(channel: RawChannel): Uint8Array {
  return Buffer.concat(channel.ofName<{ data: Uint8Array }>("DATA").map(({ data }) => data));
}

function say(channel: RawChannel, data: Uint8Array): void {
  channel.send({ name: "DATA", body: { data } });
}

function listed(main: RawChannel): number[][] {
  const lists = main.ofName<{ channels: { type: number; id: number }[] }>("CHANNELS_LIST");
  return lists.map(({ channels }) => {
    return channels.filter(({ type }) => type >= 8).map(({ type, id }) => 10 * type + id);
  });
}

describe("a stream", () => {
  it("goes both ways, as far as the guest grants", () => {
    const world = setUp();
    const channel = open(world);
    expect(world.guestInputs("stream-open").at(-1)).toMatchObject({ stream, open: true });
    say(channel, sequence(0, 100));
    expect(toGuest(world)).toHaveLength(0);
    world.guest({ type: "stream-credit", stream, bytes: 30 });
    expect(isSame(toGuest(world), sequence(0, 30))).toBe(true);
    world.guest({ type: "stream-credit", stream, bytes: 1000 });
    say(channel, sequence(100, 200));
    expect(isSame(toGuest(world), sequence(0, 200))).toBe(true);
    world.guest({ type: "stream-data", stream, bytes: sequence(0, 150_000) });
    expect(isSame(toClient(channel), sequence(0, 150_000))).toBe(true);
    expect(channel.ofName<{ data: Uint8Array }>("DATA").map(({ data }) => data.length)).toEqual([
      65536, 65536, 18928,
    ]);
  });

  it("grants the guest so much, and no more, while a client takes nothing", () => {
    const world = setUp();
    expect(granted(world)).toBe(0);
    const channel = open(world);
    world.hold(channel.connection);
    let sent = 0;
    for (let turn = 0; turn < 100; turn++) {
      const bytes = Math.min(50_000, granted(world) - sent);
      world.guest({ type: "stream-data", stream, bytes: sequence(sent, sent + bytes) });
      sent += bytes;
    }
    expect(sent).toBe(granted(world));
    expect(sent).toBeLessThan(1 << 20);
    world.release(channel.connection);
    expect(isSame(toClient(channel), sequence(0, sent))).toBe(true);
    expect(granted(world)).toBe(sent + (256 << 10));
  });

  it("is not read while the guest takes nothing, and is again when it does", () => {
    const world = setUp();
    const channel = open(world);
    for (let at = 0; at < 300_000; at += 50_000) say(channel, sequence(at, at + 50_000));
    expect(world.paused.has(channel.connection)).toBe(true);
    say(channel, sequence(300_000, 350_000));
    world.guest({ type: "stream-credit", stream, bytes: 100_000 });
    expect(world.paused.has(channel.connection)).toBe(true);
    world.guest({ type: "stream-credit", stream, bytes: 1 << 20 });
    expect(world.paused.has(channel.connection)).toBe(false);
    expect(isSame(toGuest(world), sequence(0, 350_000))).toBe(true);
  });

  it("waits while the guest stands still", () => {
    const world = setUp();
    const channel = open(world);
    world.guest({ type: "stream-credit", stream, bytes: 1000 });
    say(channel, sequence(0, 10));
    world.guest({ type: "running", running: false });
    say(channel, sequence(10, 20));
    expect(isSame(toGuest(world), sequence(0, 10))).toBe(true);
    world.guest({ type: "running", running: true });
    expect(isSame(toGuest(world), sequence(0, 20))).toBe(true);
  });

  it("of a guest that sends more than it may is a fault of the guest", () => {
    const world = setUp();
    const channel = open(world);
    const bytes = new Uint8Array(granted(world) + 1);
    world.guest({ type: "stream-data", stream, bytes });
    expect(world.eventsOf("guest-fault")).toMatchObject([{ what: "stream-data" }]);
    expect(toClient(channel)).toHaveLength(0);
  });

  it("is compressed where both can and it pays", () => {
    const world = setUp();
    world.guest({ type: "stream-credit", stream, bytes: 1 << 20 });
    const channel = open(world, { compresses: true });
    world.guest({ type: "stream-data", stream, bytes: new Uint8Array(5000) });
    world.guest({ type: "stream-data", stream, bytes: new Uint8Array(500) });
    expect(channel.names.slice(-2)).toEqual(["COMPRESSED_DATA", "DATA"]);
    const [{ compressed }] = channel.ofName<{
      compressed: { uncompressedSize: number; data: Uint8Array };
    }>("COMPRESSED_DATA") as [
      { compressed: { type: number; uncompressedSize: number; data: Uint8Array } },
    ];
    expect(isSame(decodeLz4Block(compressed.data, 5000), new Uint8Array(5000))).toBe(true);
    const data = sequence(0, 9000).map((byte) => byte & 7);
    const packed = {
      type: DataCompressionType.LZ4,
      uncompressedSize: data.length,
      data: encodeLz4Block(data),
    };
    channel.send({ name: "COMPRESSED_DATA", body: { compressed: packed } });
    expect(isSame(toGuest(world), data)).toBe(true);
    const local = setUp();
    const near = open(local, { compresses: true, local: true });
    local.guest({ type: "stream-data", stream, bytes: new Uint8Array(5000) });
    expect(near.names).toEqual(["DATA"]);
  });

  it("keeps every byte in order, however either end stalls", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5), fc.nat(60_000)), { minLength: 20, maxLength: 80 }),
        (turns) => {
          const world = setUp();
          const channel = open(world);
          let [up, down, credit] = [0, 0, 0];
          for (const [what, size] of turns) {
            if (what <= 1) {
              say(channel, sequence(up, up + size));
              up += size;
            } else if (what === 2) {
              const bytes = Math.min(size, granted(world) - down);
              world.guest({ type: "stream-data", stream, bytes: sequence(down, down + bytes) });
              down += bytes;
            } else if (what === 3) {
              world.guest({ type: "stream-credit", stream, bytes: size });
              credit += size;
            } else if (what === 4) world.hold(channel.connection);
            else world.release(channel.connection);
          }
          expect(toGuest(world).length).toBeLessThanOrEqual(credit);
          world.release(channel.connection);
          world.guest({ type: "stream-credit", stream, bytes: 1 << 24 });
          expect(isSame(toGuest(world), sequence(0, up))).toBe(true);
          expect(isSame(toClient(channel), sequence(0, down))).toBe(true);
          expect(channel.isClosed).toBe(false);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("who has a device", () => {
  it("is one client, and the next one is told when it is free", () => {
    const world = setUp();
    const first = new RawClient(world).openAll();
    const second = new RawClient(world).openAll();
    for (const client of [first, second]) {
      client.channel("main").send({ name: "ATTACH_CHANNELS", body: {} });
      expect(listed(client.channel("main")).at(-1)).toEqual([92, 101, 80]);
    }
    const channel = first.open("usbredir", 2);
    expect(second.open("usbredir", 2).failure?.code).toBe("LINK_CHANNEL_NOT_AVAILABLE");
    second.channel("main").send({ name: "ATTACH_CHANNELS", body: {} });
    expect(listed(second.channel("main")).at(-1)).toEqual([101, 80]);
    channel.close();
    expect(listed(second.channel("main")).at(-1)).toEqual([92]);
    expect(world.guestInputs("stream-open").at(-1)).toMatchObject({ stream, open: false });
    expect(second.open("usbredir", 2).failure).toBeNull();
    expect(world.eventsOf("stream-owner").map(({ client }) => client)).toEqual([1, null, 2]);
  });

  it("gets nothing that was meant for the one before", () => {
    const world = setUp();
    const first = open(world);
    say(first, sequence(0, 10));
    first.close();
    const second = open(world);
    world.guest({ type: "stream-credit", stream, bytes: 100 });
    say(second, sequence(50, 60));
    expect(isSame(toGuest(world), sequence(50, 60))).toBe(true);
  });

  it("is nobody who only looks on", () => {
    const tickets = [{ password: "see", expiresAt: null, viewOnly: true }];
    const world = setUp({ tickets });
    const client = new RawClient(world, { password: "see" }).openAll();
    client.channel("main").send({ name: "ATTACH_CHANNELS", body: {} });
    expect(listed(client.channel("main")).at(-1)).toEqual([]);
    expect(client.open("usbredir", 2).failure?.code).toBe("LINK_CHANNEL_NOT_AVAILABLE");
  });

  it("keeps it when it links again", () => {
    const world = setUp();
    const client = new RawClient(world).openAll();
    const before = client.open("usbredir", 2);
    const after = client.open("usbredir", 2);
    expect([before.isClosed, after.isClosed]).toEqual([true, false]);
    world.guest({ type: "stream-data", stream, bytes: sequence(0, 5) });
    expect(isSame(toClient(after), sequence(0, 5))).toBe(true);
  });

  it("loses it with the device", () => {
    const world = setUp();
    const channel = open(world);
    const heard = world.toGuest.length;
    const device = { kind: "stream", ...stream, name: "org.example.device" } as const;
    world.guest({ type: "detach", device });
    expect(channel.isClosed).toBe(true);
    expect(world.toGuest.length).toBe(heard);
    world.guest({ type: "attach", device });
    expect(world.guestInputs("stream-open").at(-1)).toMatchObject({ stream, open: false });
  });
});

describe("a port", () => {
  it("says its name, and what happens at either end", () => {
    const world = setUp();
    world.guest({ type: "stream-open", stream: port, open: true });
    const channel = new RawClient(world).openAll().open("port", 1);
    expect(channel.received).toMatchObject([
      { name: "INIT", body: { name: "org.example.device", opened: 1 } },
    ]);
    world.guest({ type: "stream-open", stream: port, open: false });
    expect(channel.received.at(-1)).toMatchObject({ name: "EVENT", body: { event: 1 } });
    channel.send({ name: "EVENT", body: { event: 2 } });
    expect(world.guestInputs("stream-break")).toEqual([{ type: "stream-break", stream: port }]);
    channel.send({ name: "EVENT", body: { event: 1 } });
    expect(world.guestInputs("stream-open").at(-1)).toMatchObject({ stream: port, open: false });
    channel.send({ name: "EVENT", body: { event: 7 } });
    expect(channel.isClosed).toBe(true);
  });
});

describe("a smartcard reader", () => {
  const message = (type: number, readerId: number, data: Uint8Array) => {
    return { name: "DATA", body: { type, readerId, data } };
  };
  /** As the device reads and says it. */
  const packed = (type: number, data: Uint8Array) => {
    return Uint8Array.from([0, 0, 0, type, 0, 0, 0, 0, 0, 0, 0, data.length, ...data]);
  };
  const none = new Uint8Array(0);

  it("takes whole messages in network order, and says such", () => {
    const world = setUp();
    world.guest({ type: "stream-credit", stream: card, bytes: 1000 });
    const channel = new RawClient(world).openAll().open("smartcard");
    channel.send(message(3, 0xffffffff, Buffer.from("reader\0")));
    channel.send(message(7, 0, sequence(0, 5)));
    channel.send(message(3, 0xffffffff, none));
    expect(channel.received).toMatchObject([message(2, 0xffffffff, Uint8Array.of(2, 0, 0, 0))]);
    const expected = Buffer.concat([packed(3, none), packed(7, sequence(0, 5))]);
    expect(isSame(toGuest(world, "smartcard"), expected)).toBe(true);
    const said = Buffer.concat([packed(2, sequence(0, 4)), packed(7, sequence(0, 9))]);
    for (const byte of said) {
      world.guest({ type: "stream-data", stream: card, bytes: Uint8Array.of(byte) });
    }
    expect(channel.received.slice(1)).toMatchObject([
      message(2, 0, sequence(0, 4)),
      message(7, 0, sequence(0, 9)),
    ]);
    channel.close();
    const last = toGuest(world, "smartcard").subarray(expected.length);
    expect(isSame(last, packed(4, none))).toBe(true);
  });

  it("refuses readers that are not there, and messages without end", () => {
    const world = setUp();
    const channel = new RawClient(world).openAll().open("smartcard");
    channel.send(message(7, 3, none));
    expect(channel.isClosed).toBe(true);
    const other = new RawClient(world).openAll().open("smartcard");
    const endless = Uint8Array.from([0, 0, 0, 7, 0, 0, 0, 0, 0x7f, 0, 0, 0]);
    world.guest({ type: "stream-data", stream: card, bytes: endless });
    expect(other.isClosed).toBe(true);
  });
});
