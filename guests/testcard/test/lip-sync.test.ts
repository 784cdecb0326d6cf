// The testcard's flash and its click at a client of ours, through a move, in virtual time: the
// loudspeaker takes 10 ms at a time and is heard 30 ms later, as in a browser.

import type { Renderer } from "@caraway/canvas";
import { defaultPlayout, floatSamples, PlayoutBuffer } from "@caraway/media";
import { type GuestOutput, plainEncoders } from "@caraway/server";
import { describe, expect, it } from "vitest";
import { flashBox } from "../src/video-window.ts";
import { MovedDesktop } from "./moved-desktop.ts";

const frequency = 48_000;
const deviceMs = 30;
const blockMs = 10;
const encoders = { ...plainEncoders, jpeg: true };
/** On a screen of 340 by 270. */
const flashAt = { x: 11 + flashBox.left + 48, y: 22 + flashBox.top + 48 };

interface Times {
  readonly made: number[];
  readonly heard: number[];
  readonly seen: number[];
  /** Of more than a few milliseconds. */
  readonly silences: number[];
}

class Room {
  readonly desktop: MovedDesktop;
  readonly times: Times = { made: [], heard: [], seen: [], silences: [] };
  clockSteps: number[] = [];
  /** How long the guest stood still when it last did. */
  stoodMs = 0;
  #stoppedAt = 0;
  readonly #buffer = new PlayoutBuffer({ channels: 2, frequency, ...defaultPlayout });
  #events = 0;
  #isLit = false;
  #quietMs = 0;
  #clock: number | null = null;

  constructor(oneWayMs: number) {
    this.desktop = new MovedDesktop(
      { width: 340, height: 270, sound: true, video: true },
      { encoders, jpeg: "never" },
      {},
      {
        oneWayMs,
        jpegMs: 8,
        session: { channels: ["main", "display", "inputs", "cursor", "playback"] },
        onGuestOutput: (output, now) => this.#made(output, now),
        onFrame: (renderer, now) => this.#look(renderer, now),
      },
    );
  }

  listen(ms: number): void {
    for (let passed = 0; passed < ms; passed += blockMs) {
      this.desktop.advance(blockMs);
      this.#play();
    }
  }

  move(downtimeMs: number): void {
    // The loudspeaker does not wait.
    this.desktop.move(
      () => this.listen(500),
      true,
      () => this.listen(downtimeMs),
    );
  }

  #play(): void {
    for (const event of this.desktop.events.slice(this.#events)) {
      if (event.name === "playback-start") this.#buffer.fed(true);
      if (event.name !== "playback-data") continue;
      this.#buffer.push(event.time, floatSamples(event.data), this.desktop.now);
    }
    this.#events = this.desktop.events.length;
    const { nextTime } = this.#buffer;
    const block = new Float32Array((frequency / 1000) * blockMs * 2);
    const played = this.#buffer.pull(block);
    const at = this.desktop.now + deviceMs;
    for (let frame = 0; frame < block.length / 2; frame++) {
      const time = at + (frame * 1000) / frequency;
      const isClick = Math.abs(block[frame * 2 + 1]!) > 0.1;
      if (isClick && time - (this.times.heard.at(-1) ?? 0) > 500) this.times.heard.push(time);
      const isQuiet = block[frame * 2] === 0 && block[frame * 2 + 1] === 0;
      if (isQuiet) this.#quietMs += 1000 / frequency;
      else {
        if (this.#quietMs > 8) this.times.silences.push(this.#quietMs);
        this.#quietMs = 0;
      }
    }
    if (played > 0 && nextTime !== null) {
      this.desktop.command({ name: "sound-heard", time: Math.floor(nextTime - deviceMs) });
    }
    const clock = this.desktop.mediaTime;
    if (clock !== null && this.#clock !== null) this.clockSteps.push(clock - this.#clock);
    this.#clock = clock;
  }

  #made(output: GuestOutput, now: number): void {
    if (output.type === "running") {
      if (output.running) this.stoodMs = now - this.#stoppedAt;
      else this.#stoppedAt = now;
    }
    if (output.type !== "playback-samples") return;
    const right = floatSamples(output.samples).filter((_value, index) => index % 2 === 1);
    const isClick = right.some((value) => Math.abs(value) > 0.1);
    if (isClick && now - (this.times.made.at(-1) ?? 0) > 500) this.times.made.push(now);
  }

  #look(renderer: Renderer, now: number): void {
    const { width, pixmap } = renderer.primary(0)!;
    const isLit = ((pixmap.pixels[flashAt.y * width + flashAt.x]! >> 8) & 255) > 220;
    if (isLit && !this.#isLit) this.times.seen.push(now);
    this.#isLit = isLit;
  }
}

/** From each flash to the click of its second. */
function apart({ heard, seen }: Times, from: number): number[] {
  return seen
    .filter((time) => time > from)
    .flatMap((time) => {
      const click = heard.find((one) => Math.abs(one - time) < 500);
      return click === undefined ? [] : [time - click];
    });
}

/** The clock comes slowly to where sound is heard: from 400 ms behind in 4 s at the most. */
const steadyMs = 5000;

const oneWayMs = 20;

describe("flash and click, some way from their server", () => {
  it("are seen and heard together, before and behind a move, on a clock that never steps back", () => {
    const room = new Room(oneWayMs);
    const downtimeMs = 200;
    const startedAt = room.desktop.now;
    room.listen(steadyMs + 2500);
    const before = apart(room.times, startedAt + steadyMs);
    expect(before.length).toBeGreaterThanOrEqual(2);
    for (const ms of before) expect(Math.abs(ms)).toBeLessThanOrEqual(40);
    room.times.silences.length = 0;
    const movedAt = room.desktop.now;
    room.move(downtimeMs);
    room.listen(4000);
    const after = apart(room.times, movedAt + downtimeMs + 1000);
    expect(after.length).toBeGreaterThanOrEqual(2);
    for (const ms of after) expect(Math.abs(ms)).toBeLessThanOrEqual(40);
    const silence = room.times.silences.reduce((sum, ms) => sum + ms, 0);
    expect(silence).toBeLessThanOrEqual(room.stoodMs + 2 * oneWayMs + 20);
    expect(Math.min(...room.clockSteps)).toBeGreaterThanOrEqual(0);
    const names = room.desktop.events.map(({ name }) => name);
    expect(names.filter((name) => name === "video-began")).toHaveLength(1);
    expect(names).not.toContain("video-ended");
    const late = room.times.heard.map((click) => {
      return click - (room.times.made.findLast((made) => made <= click) ?? 0);
    });
    expect(Math.max(...late.slice(3))).toBeLessThanOrEqual(150 + oneWayMs);
  }, 180_000);
});
