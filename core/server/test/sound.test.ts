import { FrameWriter } from "@caraway/channel";
import { AudioDataMode, PeerProof, peerCodec, peerVersion } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { defaultTargetMove, plainEncoders, type ServerOptions } from "../src/index.ts";
import { type RawChannel, RawClient, type RawClientOptions } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const format = { channels: 2, frequency: 48_000 };
const packetBytes = 480 * 4;
const encoders = { ...plainEncoders, opus: true };

/** A guest that runs and has a loudspeaker and a microphone. */
function setUp(options: Partial<ServerOptions> = {}): ServerWorld {
  const world = new ServerWorld({ encoders, ...options });
  world.begin();
  world.guest(
    { type: "attach", device: { kind: "playback", id: 0 } },
    { type: "attach", device: { kind: "record", id: 0 } },
  );
  return world;
}

function open(
  world: ServerWorld,
  name: "playback" | "record",
  options?: RawClientOptions,
): RawChannel {
  return new RawClient(world, options).openAll().open(name);
}

function samples(count: number, value: number): Uint8Array {
  return new Uint8Array(count * packetBytes).fill(value);
}

function play(world: ServerWorld, bytes: Uint8Array): void {
  world.guest({ type: "playback-samples", device: 0, samples: bytes });
}

function packets(channel: RawChannel): { time: number; data: Uint8Array }[] {
  return channel.ofName<{ time: number; data: Uint8Array }>("DATA");
}

function modes(channel: RawChannel): number[] {
  return channel.ofName<{ mode: number }>("MODE").map(({ mode }) => mode);
}

describe("what the guest plays", () => {
  it("goes to all who hear, as Opus to those that take it, in packets of 10 ms", () => {
    const world = setUp();
    const opus = open(world, "playback");
    const raw = open(world, "playback", { opus: false });
    world.guest({ type: "playback-start", device: 0, format });
    play(world, samples(1, 1).subarray(0, 100));
    play(world, samples(2, 1));
    world.guest({ type: "playback-stop", device: 0 });
    expect(opus.names.filter((name) => name !== "SET_ACK")).toEqual([
      "MODE",
      "START",
      "DATA",
      "DATA",
      "STOP",
    ]);
    expect(modes(opus)).toEqual([AudioDataMode.OPUS]);
    expect(modes(raw)).toEqual([AudioDataMode.RAW]);
    expect(packets(opus).map(({ data }) => data.length)).toEqual([4, 4]);
    expect(packets(raw).map(({ data }) => data.length)).toEqual([packetBytes, packetBytes]);
    const [first, second] = packets(raw);
    expect(second!.time - first!.time).toBe(10);
    expect(opus.ofName<object>("START")).toMatchObject([{ ...format, format: 1 }]);
  });

  it("is stamped by its samples, also when a busy guest gives many at once, and anew behind a gap", () => {
    const world = setUp();
    const channel = open(world, "playback", { opus: false });
    world.guest({ type: "playback-start", device: 0, format });
    const times = () => packets(channel).map(({ time }) => time);
    for (const [index, pause] of [10, 10, 60, 0, 0, 0, 0, 0, 10, 400, 10].entries()) {
      world.advance(pause);
      play(world, samples(1, index));
    }
    const steps = times()
      .slice(1)
      .map((time, at) => time - times()[at]!);
    const even = steps.filter((step) => Math.abs(step - 10) <= 1);
    expect(even).toHaveLength(steps.length - 1);
    expect(Math.max(...steps)).toBeGreaterThan(390);
  });

  it("is raw where Opus does not have its rate", () => {
    const world = setUp();
    const channel = open(world, "playback");
    const odd = { channels: 2, frequency: 44_100 };
    world.guest({ type: "playback-start", device: 0, format: odd });
    play(world, new Uint8Array(441 * 4));
    expect(modes(channel)).toEqual([AudioDataMode.OPUS, AudioDataMode.RAW]);
    expect(packets(channel).map(({ data }) => data.length)).toEqual([441 * 4]);
  });

  it("is heard by who comes later, at the guest's volume", () => {
    const world = setUp();
    world.guest(
      { type: "volume", kind: "playback", device: 0, volume: [100, 200], mute: true },
      { type: "playback-start", device: 0, format },
    );
    const channel = open(world, "playback");
    play(world, samples(1, 7));
    expect(channel.ofName("VOLUME")).toEqual([{ volume: [100, 200] }]);
    expect(channel.ofName("MUTE")).toEqual([{ mute: 1 }]);
    expect(channel.names).toContain("START");
    expect(packets(channel)).toHaveLength(1);
  });

  it("is left out for a client that does not take it, and goes on when it does", () => {
    const world = setUp();
    const slow = open(world, "playback", { opus: false });
    const quick = open(world, "playback", { opus: false });
    world.guest({ type: "playback-start", device: 0, format });
    world.hold(slow.connection);
    for (let count = 0; count < 1000; count++) {
      world.advance(10);
      play(world, samples(1, 3));
    }
    expect(packets(quick)).toHaveLength(1000);
    expect(world.heldBytes(slow.connection)).toBeLessThan(256 << 10);
    world.release(slow.connection);
    const before = packets(slow).length;
    expect(before).toBeLessThan(200);
    play(world, samples(1, 4));
    expect(packets(slow)).toHaveLength(before + 1);
    expect(packets(slow).at(-1)!.data[0]).toBe(4);
  });

  it("that makes no sense is a fault of the guest, and nobody else's", () => {
    const world = setUp();
    const channel = open(world, "playback");
    play(world, samples(1, 1));
    world.guest(
      { type: "playback-start", device: 5, format },
      { type: "playback-start", device: 0, format: { channels: 0, frequency: 48_000 } },
      { type: "playback-start", device: 0, format: { channels: 2, frequency: Number.NaN } },
    );
    expect(world.eventsOf("guest-fault").map(({ error }) => error.constructor.name)).toEqual(
      Array(4).fill("SoundFault"),
    );
    expect(channel.isClosed).toBe(false);
    expect(channel.names).not.toContain("START");
  });

  it("ends with its device", () => {
    const world = setUp();
    const channel = open(world, "playback");
    world.guest({ type: "playback-start", device: 0, format });
    world.guest({ type: "detach", device: { kind: "playback", id: 0 } });
    expect(channel.names).toContain("STOP");
    expect(channel.isClosed).toBe(true);
  });
});

describe("the multimedia time", () => {
  it("goes on where the source's was, also over the end of its 32 bits", () => {
    const world = new ServerWorld();
    world.command({ name: "migrate-expect", move: { ...defaultTargetMove, peer: true } });
    const body = {
      version: peerVersion,
      round: 1,
      session: 5,
      proof: PeerProof.NONE,
      secret: new Uint8Array(0),
      viewOnly: 0,
      miniHeader: 1,
      mediaTime: 2 ** 32 - 100,
    };
    const announce = peerCodec.encode({ name: "ANNOUNCE", body });
    world.peer(new FrameWriter(true, 1n).write(announce));
    world.command({ name: "migrate-abandon" });
    world.begin();
    world.advance(1000);
    const main = new RawClient(world).open("main");
    const [init] = main.ofName<{ multiMediaTime: number }>("INIT");
    // Clients are set 400 ms behind.
    expect(init?.multiMediaTime).toBe(500);
  });
});

describe("the guest's microphone", () => {
  function heard(world: ServerWorld): number[] {
    return world.guestInputs("record-samples").map((input) => input.samples.length);
  }

  function speak(channel: RawChannel, mode: keyof typeof AudioDataMode, data: Uint8Array): void {
    const body = { time: 0, mode: AudioDataMode[mode], data: new Uint8Array(0) };
    channel.send({ name: "MODE", body });
    channel.send({ name: "DATA", body: { time: 0, data } });
  }

  it("is a client's while the guest listens, raw or Opus", () => {
    const world = setUp();
    const channel = open(world, "record");
    speak(channel, "RAW", samples(1, 1));
    world.guest({ type: "record-start", device: 0, format });
    speak(channel, "RAW", samples(1, 1));
    speak(channel, "OPUS", Uint8Array.of(1, 2, 3, 4));
    world.guest({ type: "record-stop", device: 0 });
    speak(channel, "RAW", samples(1, 1));
    expect(heard(world)).toEqual([packetBytes, packetBytes]);
    expect(channel.names).toEqual(["START", "STOP"]);
  });

  it("is the first client's, and passes on when that one leaves", () => {
    const world = setUp();
    const first = open(world, "record");
    const second = open(world, "record");
    world.guest({ type: "record-start", device: 0, format });
    speak(second, "RAW", samples(1, 2));
    expect(heard(world)).toEqual([]);
    first.close();
    expect(second.names).toEqual(["START"]);
    speak(second, "RAW", samples(1, 2));
    expect(heard(world)).toEqual([packetBytes]);
  });

  it("takes no more than time brings", () => {
    const world = setUp();
    const channel = open(world, "record");
    world.guest({ type: "record-start", device: 0, format });
    for (let count = 0; count < 1000; count++) speak(channel, "RAW", samples(1, 2));
    expect(heard(world).length).toBeLessThanOrEqual(200);
    world.advance(1000);
    const before = heard(world).length;
    speak(channel, "RAW", samples(1, 2));
    expect(heard(world)).toHaveLength(before + 1);
  });

  it("ends the channel over a coding that was not offered", () => {
    const world = setUp();
    const channel = open(world, "record");
    speak(channel, "CELT_0_5_1", new Uint8Array(4));
    expect(channel.isClosed).toBe(true);
    expect(world.eventsOf("channel-lost")).toMatchObject([{ channel: "record 0" }]);
    expect(world.eventsOf("client-left")).toEqual([]);
  });
});
