import type { GuestOutput } from "@caraway/server";
import { createTestcard, loadTestcard } from "@caraway/testcard";
import { describe, expect, it } from "vitest";
import { clickMs, soundAt } from "../src/melody.ts";
import { Player } from "./player.ts";

const options = { width: 240, height: 240, speed: 0, sound: true } as const;

function played(outputs: readonly GuestOutput[]): Buffer {
  return Buffer.concat(
    outputs.flatMap((output) => (output.type === "playback-samples" ? [output.samples] : [])),
  );
}

function started(): Player {
  const player = new Player(createTestcard(options));
  player.drain();
  player.send({ type: "run" });
  return player;
}

describe("the testcard's sound", () => {
  it("begins when it runs, and is that of the time that it has run", () => {
    const player = new Player(createTestcard(options));
    expect(player.drain().some(({ type }) => type === "playback-start")).toBe(false);
    const outputs = [...player.send({ type: "run" }), ...player.wait(300)];
    expect(outputs.filter(({ type }) => type === "playback-start")).toHaveLength(1);
    expect(played(outputs).equals(soundAt(0, 300))).toBe(true);
  });

  it("clicks at each second, on both channels", () => {
    const right = (from: number, length: number) => {
      const bytes = Buffer.from(soundAt(from, length));
      return Array.from({ length: length * 48 }, (_, frame) => bytes.readInt16LE(frame * 4 + 2));
    };
    expect(Math.max(...right(3000, clickMs))).toBeGreaterThan(15_000);
    expect(right(3000 + clickMs, 1000 - clickMs).every((value) => value === 0)).toBe(true);
  });

  it("goes on with the next sample in another process", () => {
    const player = started();
    const before = played(player.wait(1234));
    player.send({ type: "stop" });
    const copy = new Player(loadTestcard(player.card.save(player.now), 0));
    const description = copy.drain();
    expect(description.filter(({ type }) => type === "playback-start")).toHaveLength(1);
    copy.send({ type: "run" });
    const after = played(copy.wait(1000));
    const whole = Buffer.concat([before, after]);
    expect(whole.equals(soundAt(0, whole.length / 192))).toBe(true);
    expect(whole.length).toBeGreaterThan(2200 * 192);
  });

  it("tells what it hears", () => {
    const player = started();
    player.send({ type: "record-samples", device: 0, samples: Uint8Array.of(0, 1, 0x10, 0xff) });
    expect(player.card.sound).toMatchObject({ heardBytes: 4, loudest: 256 });
    player.send({ type: "record-samples", device: 7, samples: new Uint8Array(8) });
    expect(player.card.sound.heardBytes).toBe(4);
  });
});
