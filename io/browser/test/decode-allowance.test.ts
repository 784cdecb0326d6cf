import { describe, expect, it } from "vitest";
import { DecodeAllowance } from "../src/decode-allowance.ts";

const kib = 1024;

/** Images of one size that come at a steady pace; gives how many were decoded in place. */
function inPlace(size: number, everyMs: number, decodeMs: number, count = 200): number {
  const allowance = new DecodeAllowance();
  let taken = 0;
  for (let image = 0; image < count; image++) {
    if (!allowance.takes(size, 1000 + image * everyMs)) continue;
    taken += 1;
    allowance.spent(decodeMs);
  }
  return taken;
}

describe("what a session's own thread decodes", () => {
  it("is everything small, however much there is", () => {
    expect(inPlace(4 * kib, 1, 5)).toBe(200);
  });

  it("is nothing large, however seldom it comes", () => {
    expect(inPlace(300 * kib, 1000, 10)).toBe(0);
  });

  it("is parts of pictures as long as they leave time for other things", () => {
    expect(inPlace(40 * kib, 12, 2)).toBe(200);
    // All of these would take four fifths of the time.
    const taken = inPlace(40 * kib, 5, 4);
    expect(taken * 4).toBeLessThan(200 * 5 * 0.4);
    expect(taken).toBeGreaterThan(50);
  });
});
