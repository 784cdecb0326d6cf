// What a server sends to a client of ours in the seconds behind a move: only what changes.

import type { ServerOptions } from "@caraway/server";
import type { TestcardOptions } from "@caraway/testcard";
import { describe, expect, it } from "vitest";
import { MovedDesktop } from "./moved-desktop.ts";

const size = { width: 640, height: 480 };
const windowMs = 5000;
/** Beyond the rate before, for what a new server has to say. */
const allowance = 4096;

const desktops: [string, TestcardOptions, Partial<ServerOptions>][] = [
  ["that stands still", { speed: 0 }, {}],
  ["that is busy", { speed: 1 }, {}],
  ["that is busy, as GLZ", { speed: 1 }, { compression: "glz" }],
  ["that is busy, of pixels only", { speed: 1, output: "framebuffer" }, {}],
];

describe("behind a seamless move, a desktop", () => {
  for (const [which, guest, options] of desktops) {
    it(`${which} is sent no more than before, and shown exactly`, () => {
      const desktop = new MovedDesktop({ ...size, ...guest }, options);
      desktop.advance(3000);
      for (let moves = 0; moves < 2; moves++) {
        const before = desktop.listen(windowMs);
        desktop.move(500, true);
        const after = desktop.listen(windowMs);
        expect(after).toBeLessThanOrEqual(1.2 * before + allowance);
        expect(desktop.isExact).toBe(true);
      }
    });
  }

  it("is sent again when the servers know nothing of each other", () => {
    const desktop = new MovedDesktop({ ...size, speed: 1 });
    desktop.advance(3000);
    desktop.move(500, false);
    desktop.advance(windowMs);
    expect(desktop.isExact).toBe(true);
  });
});
