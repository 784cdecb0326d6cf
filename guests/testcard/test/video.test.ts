import { createTestcard } from "@caraway/testcard";
import { describe, expect, it } from "vitest";
import { clickMs, soundAt } from "../src/melody.ts";
import { flashBox, levelOf } from "../src/video-window.ts";
import { Player } from "./player.ts";

/** Of the window's inside at the place where it stands at first, on a monitor of the usual size. */
const inside = { left: 353, top: 258 };
const middle = {
  x: inside.left + flashBox.left + 40,
  y: inside.top + flashBox.top + 40,
};

function brightness(player: Player): number {
  const { width, pixmap } = player.card.surface(0, 0)!;
  return (pixmap.pixels[middle.y * width + middle.x]! & 0xff00) >> 8;
}

function started(options: object): Player {
  const player = new Player(createTestcard({ video: true, ...options }));
  player.drain();
  player.send({ type: "run" });
  return player;
}

describe("the testcard's video", () => {
  it.each(["drawing", "framebuffer"] as const)("flashes when the sound clicks, as %s", (output) => {
    const player = started({ output, sound: true });
    player.wait(1000 - 10);
    expect(brightness(player)).toBeLessThan(200);
    player.wait(20);
    expect(brightness(player)).toBe(255);
    expect(Math.max(...soundAt(1000, clickMs))).toBeGreaterThan(100);
    player.wait(120);
    expect(brightness(player)).toBeLessThan(200);
  });

  it("gives a picture that no client can have yet, 25 times a second", () => {
    const player = started({});
    player.wait(510);
    const pictures = player.wait(1000).flatMap((output) => {
      if (output.type !== "draw" || output.drawing.name !== "DRAW_COPY") return [];
      const { srcBitmap } = output.drawing.body;
      return srcBitmap.kind === "pixels" && srcBitmap.key === null ? [srcBitmap] : [];
    });
    expect(new Set(pictures).size).toBe(25);
  });

  it("shows how loud the microphone is", () => {
    expect([0, 10, 0x1000, 0x7fff, 0x8000].map(levelOf)).toEqual([0, 8, 25, 31, 32]);
    const player = started({ sound: true });
    player.wait(500);
    const loud = new Uint8Array(96).fill(0x7f);
    player.send({ type: "record-samples", device: 0, samples: loud });
    player.wait(100);
    const { width, pixmap } = player.card.surface(0, 0)!;
    const at = (inside.top + 192 + 10) * width + inside.left + 40;
    expect(pixmap.pixels[at]! & 0xffffff).toBe(0x5cc08a);
  });
});
