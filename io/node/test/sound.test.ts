import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SessionCommand } from "@caraway/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  openOpusDecoder,
  openOpusEncoder,
  type PlaybackSink,
  readWav,
  SoundError,
  SoundPlayer,
  SoundRecorder,
  WavWriter,
  wavSource,
} from "../src/index.ts";

const frequency = 48_000;
const tone = 1000;
const stereo = { channels: 2, frequency };

function sine(frames: number, from = 0): Float32Array {
  return Float32Array.from({ length: frames * 2 }, (_, index) => {
    return 0.5 * Math.sin((2 * Math.PI * tone * (from + (index >> 1))) / frequency);
  });
}

/** Part of the power that lies in the tone. */
function purity(samples: Float32Array): number {
  let cosine = 0;
  let sineSum = 0;
  let power = 0;
  const frames = samples.length >> 1;
  for (let frame = 0; frame < frames; frame++) {
    const value = samples[frame * 2]!;
    const phase = (2 * Math.PI * tone * frame) / frequency;
    cosine += value * Math.cos(phase);
    sineSum += value * Math.sin(phase);
    power += value * value;
  }
  return (2 * (cosine ** 2 + sineSum ** 2)) / (frames * power);
}

function collect(): { sink: PlaybackSink; heard: number[]; log: string[] } {
  const heard: number[] = [];
  const log: string[] = [];
  const sink: PlaybackSink = {
    start: (device, format) => log.push(`start ${device} ${format.channels} ${format.frequency}`),
    play: (_device, samples) => heard.push(...samples),
    stop: (device) => log.push(`stop ${device}`),
    volume: (_device, volume, muted) => log.push(`volume ${volume.join(" ")} ${muted}`),
    failed: (_device, error) => log.push(`failed ${error.constructor.name}`),
  };
  return { sink, heard, log };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

describe("Opus", () => {
  it("keeps a tone a tone", async () => {
    const encoder = await openOpusEncoder(2, frequency);
    const decoder = await openOpusDecoder(2, frequency);
    const heard: number[] = [];
    for (let packet = 0; packet < 50; packet++) {
      const samples = Int16Array.from(sine(480, packet * 480), (value) => value * 32_767);
      heard.push(...decoder.decode(encoder.encode(samples, 480)));
    }
    expect(heard).toHaveLength(50 * 960);
    expect(purity(Float32Array.from(heard.slice(10 * 960)))).toBeGreaterThan(0.99);
    encoder.close();
    decoder.close();
  });

  it("says of noise that it is no packet", async () => {
    const decoder = await openOpusDecoder(2, frequency);
    expect(() => decoder.decode(Uint8Array.of(0xff, 0xff, 0xff))).toThrow(SoundError);
    decoder.close();
  });
});

describe("a player of sound", () => {
  it("plays raw samples and Opus in the order in which they come", async () => {
    const { sink, heard, log } = collect();
    const player = new SoundPlayer(sink);
    const encoder = await openOpusEncoder(2, frequency);
    const packet = encoder.encode(
      Int16Array.from(sine(480), (value) => value * 32_767),
      480,
    );
    encoder.close();
    const play = (coding: "raw" | "opus", data: Uint8Array) => {
      player.handle({ name: "playback-data", channelId: 0, coding, time: 0, data });
    };
    player.handle({ name: "playback-start", channelId: 0, ...stereo, time: 0 });
    player.handle({
      name: "volume",
      kind: "playback",
      channelId: 0,
      volume: [65_535],
      muted: false,
    });
    play("opus", packet);
    play("raw", Uint8Array.of(0, 64, 0, 192));
    play("opus", Uint8Array.of(0xff, 0xff, 0xff));
    player.handle({ name: "playback-stop", channelId: 0 });
    await until(() => log.includes("stop 0"));
    expect(heard).toHaveLength(960 + 2);
    expect(heard.slice(-2)).toEqual([0.5, -0.5]);
    expect(log).toEqual(["start 0 2 48000", "volume 1 false", "failed SoundError", "stop 0"]);
  });
});

describe("a recorder of sound", () => {
  it.each(["raw", "opus"] as const)(
    "sends %s in real time while the guest listens",
    async (coding) => {
      const sent: Uint8Array[] = [];
      const command = (each: SessionCommand) => {
        if (each.name === "record-data") sent.push(each.data);
      };
      const source = wavSource({ ...stereo, samples: sine(frequency) });
      const recorder = new SoundRecorder(source, command);
      recorder.handle({ name: "record-start", channelId: 0, coding, ...stereo });
      await until(() => sent.length >= 20);
      recorder.handle({ name: "record-stop", channelId: 0 });
      const count = sent.length;
      await delay(50);
      expect(sent).toHaveLength(count);
      if (coding === "raw") expect(sent.every(({ length }) => length === 480 * 4)).toBe(true);
      else {
        const decoder = await openOpusDecoder(2, frequency);
        const heard = sent.flatMap((packet) => [...decoder.decode(packet)]);
        decoder.close();
        expect(purity(Float32Array.from(heard.slice(5 * 960)))).toBeGreaterThan(0.98);
      }
    },
  );
});

describe("WAV files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "caraway-sound-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("hold what was played, and give it back", () => {
    const path = join(folder, "sound.wav");
    const writer = new WavWriter(path);
    const samples = sine(4800);
    writer.start(0, stereo);
    writer.play(0, samples);
    writer.start(0, { channels: 1, frequency: 8000 });
    writer.play(0, new Float32Array(10));
    writer.close();
    const sound = readWav(path);
    expect(sound).toMatchObject(stereo);
    expect(sound.samples).toHaveLength(samples.length);
    expect(purity(sound.samples)).toBeGreaterThan(0.999);
    const half = wavSource(sound).read({ channels: 1, frequency: frequency / 2 }, 2400);
    expect(half[10]).toBeCloseTo(sound.samples[40]!, 6);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["noise", new Uint8Array(100).fill(7)],
    ["a header alone", Buffer.from("RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", "latin1")],
  ])("are refused when they are %s", (_what, bytes) => {
    const path = join(folder, "bad.wav");
    writeFileSync(path, bytes);
    expect(() => readWav(path)).toThrow(SoundError);
  });
});
