// Behind a seamless move our server sends only what changes, to spice-gtk and to our own client.

import { describe, expect, it } from "vitest";
import { measureMoveBytes } from "../src/move-bytes.ts";

/** Beyond 1.2 times the rate before. */
const allowance = { gtk: 16 << 10, ours: 4 << 10 };

describe("behind a seamless move, in five seconds", () => {
  it.each([
    ["stands still", 0],
    ["is busy", 1],
  ])("clients of a desktop that %s are sent what changes", async (_name, speed) => {
    const bytes = await measureMoveBytes({ speed });
    for (const client of ["gtk", "ours"] as const) {
      const { before, after } = bytes[client];
      expect(after).toBeLessThanOrEqual(1.2 * before + allowance[client]);
    }
  });
});
