import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultPlayout, PlayoutBuffer, TransitMeter } from "../src/index.ts";

const frequency = 48_000;
const packetFrames = 480;
const tone = 440;
/** What a tone changes by from one frame to the next, at most. */
const steepest = (2 * Math.PI * tone) / frequency;

function makeBuffer(): PlayoutBuffer {
  return new PlayoutBuffer({ channels: 1, frequency, ...defaultPlayout });
}

function packet(index: number): Float32Array {
  return Float32Array.from({ length: packetFrames }, (_, frame) => {
    return Math.sin(((index * packetFrames + frame) * tone * 2 * Math.PI) / frequency);
  });
}

interface Run {
  readonly heard: Float32Array;
  readonly buffer: PlayoutBuffer;
  /** How long after it was made the last frame was heard. */
  readonly latencyMs: number;
}

/** Packets made each 10 ms come late by `lateness`, and 2.5 ms are pulled each 2.5 ms of device time. */
function run(seconds: number, lateness: (index: number) => number, deviceRate = 1): Run {
  const buffer = makeBuffer();
  buffer.fed(true);
  const count = seconds * 100;
  let arrived = Number.NEGATIVE_INFINITY;
  const arrivals = Array.from({ length: count }, (_, index) => {
    arrived = Math.max(arrived, index * 10 + 10 + lateness(index));
    return arrived;
  });
  const pulled: Float32Array[] = [];
  let next = 0;
  let latencyMs = 0;
  for (let now = 0; now < seconds * 1000; now += 2.5 / deviceRate) {
    while (next < count && arrivals[next]! <= now) {
      buffer.push(next * 10, packet(next), now);
      next += 1;
    }
    const time = buffer.nextTime;
    if (time !== null) latencyMs = now - time;
    const output = new Float32Array(120);
    buffer.pull(output);
    pulled.push(output);
  }
  const heard = new Float32Array(pulled.length * 120);
  for (const [index, part] of pulled.entries()) heard.set(part, index * 120);
  return { heard, buffer, latencyMs };
}

function steps(heard: Float32Array): number {
  let count = 0;
  for (let frame = 1; frame < heard.length; frame++) {
    if (Math.abs(heard[frame]! - heard[frame - 1]!) > steepest * 1.1) count += 1;
  }
  return count;
}

describe("the playout buffer", () => {
  it("plays what comes evenly soon, whole and without a step", () => {
    const { heard, buffer, latencyMs } = run(5, () => 0);
    expect(buffer.figures).toMatchObject({ underruns: 0, droppedFrames: 0 });
    expect(steps(heard)).toBe(0);
    expect(latencyMs).toBeLessThan(45);
  });

  it("keeps more ready where packets come unevenly, and then misses none", () => {
    const { buffer, latencyMs } = run(20, (index) => (index * 7919) % 60);
    expect(buffer.figures.underruns).toBeLessThanOrEqual(3);
    expect(latencyMs).toBeGreaterThan(60);
    expect(latencyMs).toBeLessThan(150);
  });

  it("is not late with all that follows a hitch, and keeps more ready when there is another", () => {
    const hitches = (...at: number[]) => {
      return (index: number) => (at.includes(index) ? 150 : 0);
    };
    const once = run(8, hitches(300));
    expect(once.buffer.figures.underruns).toBe(1);
    expect(once.latencyMs).toBeLessThan(60);
    const often = run(20, hitches(300, 700, 1000, 1300, 1600));
    expect(often.buffer.figures.underruns).toBeLessThanOrEqual(2);
  });

  it("gives back the delay of a bad time when it is over, without a step in the sound", () => {
    const { heard, latencyMs } = run(60, (index) => (index < 1000 ? (index * 7919) % 80 : 0));
    expect(latencyMs).toBeLessThan(60);
    expect(steps(heard.subarray(15 * frequency))).toBe(0);
  });

  it.each([0.999, 1.001])("stays in step with a device that runs at %f of its rate", (rate) => {
    const { heard, buffer, latencyMs } = run(60, () => 0, rate);
    expect(buffer.figures.underruns).toBe(0);
    expect(latencyMs).toBeLessThan(70);
    expect(steps(heard)).toBe(0);
  });

  it("is silent when there is nothing, and says so only while the guest plays", () => {
    const buffer = makeBuffer();
    buffer.fed(true);
    for (let index = 0; index < 6; index++) buffer.push(index * 10, packet(index), index * 10);
    buffer.fed(false);
    const output = new Float32Array(frequency);
    buffer.pull(output);
    expect(output.subarray(0, 6 * packetFrames).some((value) => value !== 0)).toBe(true);
    expect(output.subarray(6 * packetFrames).every((value) => value === 0)).toBe(true);
    expect(buffer.figures.underruns).toBe(0);
  });

  it("waits for the least latency that the server wants", () => {
    const buffer = makeBuffer();
    buffer.fed(true);
    buffer.leastLatency(200);
    const output = new Float32Array(packetFrames);
    let silent = 0;
    for (let index = 0; index < 40; index++) {
      buffer.push(index * 10, packet(index), index * 10);
      buffer.pull(output);
      if (output.every((value) => value === 0)) silent += 1;
    }
    expect(silent).toBeGreaterThanOrEqual(19);
    expect(silent).toBeLessThanOrEqual(21);
  });

  it("is bounded, whatever comes and whatever is stamped on it", () => {
    const push = fc.tuple(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer({ max: 2000, min: 0 }),
    );
    fc.assert(
      fc.property(fc.array(push, { maxLength: 200 }), (pushes) => {
        const buffer = makeBuffer();
        buffer.fed(true);
        const output = new Float32Array(256);
        let now = 0;
        for (const [time, frames] of pushes) {
          now += frames % 30;
          buffer.push(time, new Float32Array(frames).fill(0.5), now);
          buffer.pull(output);
          expect(buffer.figures.readyMs).toBeLessThanOrEqual(2000);
          expect(buffer.figures.targetMs).toBeLessThanOrEqual(500);
          expect(output.every((value) => value === 0 || value === 0.5)).toBe(true);
        }
      }),
    );
  });
});

describe("the transit meter", () => {
  it("measures the spread, whatever the two clocks differ by", () => {
    const meter = new TransitMeter();
    for (let index = 0; index < 100; index++) {
      meter.arrived(2 ** 32 - 500 + index * 10, 77_000 + index * 10 + (index % 5) * 4);
    }
    expect(meter.spreadMs).toBe(16);
  });
});
