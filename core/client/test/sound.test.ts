import {
  AudioDataMode,
  AudioFormat,
  capabilityWords,
  hasCapability,
  PlaybackCapability,
  RecordCapability,
} from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { channelCapabilities } from "../src/capabilities.ts";
import { defaultSessionOptions } from "../src/index.ts";
import { connected, expectNoBreach, ready, type SettingOptions } from "./setting.ts";

const options = {
  session: { channels: ["main", "playback", "record"], opus: true, opusRecord: true },
  source: { channels: ["playback 0", "record 0"] },
  target: { channels: ["playback 0", "record 0"] },
} as const satisfies SettingOptions;

const stereo = { channels: 2, format: AudioFormat.S16, frequency: 48_000 };

function mode(name: keyof typeof AudioDataMode) {
  return { time: 0, mode: AudioDataMode[name], data: new Uint8Array(0) };
}

describe("sound from the guest", () => {
  it("is announced with what it is, told as it comes, and ended", () => {
    const { world, source } = connected(options);
    const playback = source.channel("playback 0");
    playback.send("MODE", mode("OPUS"));
    playback.send("VOLUME", { volume: [65_535, 1000] });
    playback.send("MUTE", { mute: 1 });
    playback.send("LATENCY", { latencyMs: 80 });
    playback.send("START", { ...stereo, time: 5 });
    playback.send("DATA", { time: 7, data: Uint8Array.of(1, 2, 3) });
    playback.send("STOP");
    playback.send("DATA", { time: 9, data: Uint8Array.of(4) });
    world.run();
    expect(world.named("playback-start")).toEqual([
      { name: "playback-start", channelId: 0, channels: 2, frequency: 48_000, time: 5 },
    ]);
    expect(world.named("playback-data")).toEqual([
      {
        name: "playback-data",
        channelId: 0,
        coding: "opus",
        time: 7,
        data: Uint8Array.of(1, 2, 3),
      },
    ]);
    expect(world.named("playback-stop")).toHaveLength(1);
    expect(world.named("playback-latency")).toMatchObject([{ ms: 80 }]);
    expect(world.named("volume")).toMatchObject([
      { kind: "playback", volume: [65_535, 1000], muted: false },
      { kind: "playback", volume: [65_535, 1000], muted: true },
    ]);
  });

  it("offers Opus only to an embedder that decodes it", () => {
    const { world } = connected(options);
    const announced = (opus: boolean) => {
      const settings = { ...defaultSessionOptions, endpoint: world.session.endpoint, opus };
      return channelCapabilities("playback", settings);
    };
    const bit = PlaybackCapability.SPICE_PLAYBACK_CAP_OPUS;
    expect(hasCapability(announced(true), bit)).toBe(true);
    expect(hasCapability(announced(false), bit)).toBe(false);
  });

  it.each([
    ["a coding that was not offered", "MODE", mode("CELT_0_5_1")],
    ["a format that nobody knows", "START", { ...stereo, format: 7, time: 0 }],
    ["no channels", "START", { ...stereo, channels: 0, time: 0 }],
    ["absurdly many channels", "START", { ...stereo, channels: 70_000, time: 0 }],
    ["no frequency", "START", { ...stereo, frequency: 0, time: 0 }],
  ])("ends its channel alone over %s", (_what, name, body) => {
    const { world, source } = connected(options);
    source.channel("playback 0").send(name, body);
    world.run();
    expect(world.named("channel-lost")).toMatchObject([
      { channel: "playback", error: { code: "UNEXPECTED_MESSAGE" } },
    ]);
    expect(world.named("ended")).toEqual([]);
  });

  it("ends its channel over raw samples that are no whole frames", () => {
    const { world, source } = connected(options);
    source.channel("playback 0").send("START", { ...stereo, time: 0 });
    source.channel("playback 0").send("DATA", { time: 0, data: new Uint8Array(6) });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([{ channel: "playback" }]);
    expect(world.named("playback-stop")).toHaveLength(1);
  });

  it("plays on through a seamless move, in the same coding", () => {
    const setting = ready("seamless", options);
    const { world, source, target } = setting;
    source.channel("playback 0").send("MODE", mode("OPUS"));
    source.channel("playback 0").send("START", { ...stereo, time: 0 });
    world.run();
    source.finish(target);
    world.run();
    target.channel("playback 0").send("START", { ...stereo, time: 900 });
    target.channel("playback 0").send("DATA", { time: 900, data: Uint8Array.of(1) });
    world.run();
    expect(world.named("playback-start")).toHaveLength(1);
    expect(world.named("playback-stop")).toEqual([]);
    expect(world.named("playback-data")).toMatchObject([{ time: 900, coding: "opus" }]);
    expectNoBreach(setting);
  });

  it("begins anew after a move that keeps nothing", () => {
    const setting = ready("semi-seamless", options);
    const { world, source, target } = setting;
    source.channel("playback 0").send("START", { ...stereo, time: 0 });
    world.run();
    source.finish(target);
    world.run();
    expect(world.named("playback-stop")).toHaveLength(1);
    target.channel("playback 0").send("START", { ...stereo, time: 900 });
    world.run();
    expect(world.named("playback-start")).toHaveLength(2);
  });
});

describe("sound for the guest", () => {
  const withOpus = {
    ...options,
    source: {
      ...options.source,
      streamCapabilities: capabilityWords([RecordCapability.SPICE_RECORD_CAP_OPUS]),
    },
  };

  it("goes while the guest listens, announced with coding and time", () => {
    const { world, source } = connected(options);
    const data = new Uint8Array(8).fill(3);
    world.command({ name: "record-data", channelId: 0, data });
    source.channel("record 0").send("START", stereo);
    world.run();
    world.command({ name: "record-data", channelId: 0, data });
    world.command({ name: "record-data", channelId: 0, data: new Uint8Array(5) });
    world.run();
    source.channel("record 0").send("STOP");
    world.run();
    world.command({ name: "record-data", channelId: 0, data });
    world.run();
    expect(world.named("record-start")).toMatchObject([{ coding: "raw", channels: 2 }]);
    expect(world.named("record-stop")).toHaveLength(1);
    expect(source.channel("record 0").names()).toEqual(["MODE", "START_MARK", "DATA"]);
    expect(source.channel("record 0").messages[2]).toMatchObject({ body: { data } });
  });

  it("is Opus where the server takes it and Opus has the format", () => {
    const { world, source } = connected(withOpus);
    const record = source.channel("record 0");
    record.send("START", stereo);
    world.run();
    record.send("START", { ...stereo, frequency: 44_100 });
    world.run();
    expect(world.named("record-start").map(({ coding }) => coding)).toEqual(["opus", "raw"]);
    const modes = record.messages.filter(({ name }) => name === "MODE").map(({ body }) => body);
    expect(modes).toMatchObject([{ mode: AudioDataMode.OPUS }, { mode: AudioDataMode.RAW }]);
  });
});

describe("the session's multimedia time", () => {
  it("is the server's, and that of the sound while sound is heard", () => {
    const { world, source } = connected(options);
    const before = world.session.mediaTime(world.now)!;
    source.main.send("MULTI_MEDIA_TIME", { time: before + 40 });
    world.run();
    world.advance(1000);
    expect(world.session.mediaTime(world.now)).toBe(before + 1040);
    world.command({ name: "sound-heard", time: before + 1030 });
    world.run();
    world.advance(400);
    expect(world.session.mediaTime(world.now)).toBe(before + 1430);
  });
});
