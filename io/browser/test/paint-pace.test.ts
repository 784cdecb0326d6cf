import { describe, expect, it } from "vitest";
import { PaintPace } from "../src/paint-pace.ts";

/** When paintings happen, given the times of changes. */
function paintings(changes: readonly number[], incomplete: readonly number[] = []): number[] {
  const pace = new PaintPace();
  const times: number[] = [];
  const waiting = [...changes];
  for (let now = 0; now < 2000; now++) {
    if (pace.dueAt !== null && now >= pace.dueAt) {
      pace.painted(now);
      times.push(now);
    }
    while (waiting[0] === now) pace.changed(waiting.shift()!, !incomplete.includes(now));
  }
  return times;
}

const every = (ms: number, count: number) =>
  Array.from({ length: count }, (_, at) => 100 + at * ms);

describe("the pace of painting", () => {
  it("paints a single change within a few milliseconds", () => {
    expect(paintings([100])).toEqual([105]);
  });

  it("paints the steps of one change together", () => {
    expect(paintings([100, 102, 105])).toEqual([110]);
  });

  it("does not wait for ever for a change to end", () => {
    const [first] = paintings(every(2, 100));
    expect(first).toBe(115);
  });

  it("paints changes of sixty a second one by one, and faster ones together", () => {
    expect(paintings(every(17, 50))).toHaveLength(50);
    expect(paintings(every(8, 100)).length).toBeLessThan(30);
  });

  it("paints a picture in four parts once, twenty-four times a second", () => {
    const parts = every(42, 24).flatMap((at) => [at, at + 6, at + 12, at + 18]);
    // The screen rested before the first one.
    expect(paintings(parts).length).toBeLessThanOrEqual(25);
  });

  it("waits for images that are being decoded, but not longer than a glance", () => {
    expect(paintings([100, 110], [100])).toEqual([115]);
    expect(paintings([100], [100])).toEqual([130]);
  });
});
