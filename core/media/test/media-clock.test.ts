import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MediaClock, signedDifference } from "../src/index.ts";

describe("the multimedia clock", () => {
  it("has no time before the first reading, and goes with ours from there", () => {
    const clock = new MediaClock();
    expect(clock.at(100)).toBeNull();
    expect(clock.untilShown(5, 100)).toBeNull();
    clock.serverSays(5000, 100);
    expect(clock.at(100)).toBe(5000);
    expect(clock.at(350)).toBe(5250);
    expect(clock.untilShown(5300, 350)).toBe(50);
  });

  it("goes over the end of its 32 bits", () => {
    const clock = new MediaClock();
    clock.serverSays(2 ** 32 - 10, 0);
    expect(clock.at(30)).toBe(20);
    expect(clock.untilShown(40, 30)).toBe(20);
    expect(signedDifference(5, 2 ** 32 - 5)).toBe(10);
  });

  it("never goes backward, and ends where the readings say, however they come", () => {
    const reading = fc.record({
      after: fc.integer({ min: 1, max: 500 }),
      off: fc.integer({ min: -900, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(reading, { minLength: 1, maxLength: 40 }), (readings) => {
        const clock = new MediaClock();
        clock.serverSays(100_000, 0);
        let now = 0;
        let last = 100_000;
        for (const { after, off } of readings) {
          now += after;
          clock.serverSays(100_000 + now + off, now);
          expect(clock.at(now)!).toBeGreaterThanOrEqual(last);
          last = clock.at(now)!;
        }
        const { off } = readings[readings.length - 1]!;
        const settled = now + 20_000;
        expect(Math.abs(clock.at(settled)! - (100_000 + settled + off))).toBeLessThanOrEqual(3);
      }),
    );
  });

  it("follows sound while there is sound, and the server again behind it", () => {
    const clock = new MediaClock();
    clock.serverSays(1000, 0);
    clock.soundSays(1000, 10);
    clock.serverSays(1300, 20);
    expect(clock.untilShown(1010, 20)).toBeLessThanOrEqual(2);
    clock.serverSays(2300, 1000);
    expect(clock.at(6000)).toBe(7300);
  });

  it("takes the time of another server at once", () => {
    const clock = new MediaClock();
    clock.soundSays(500_000, 0);
    clock.serverSays(1000, 100);
    expect(clock.at(150)).toBe(1050);
  });
});
