// What a server sends to a client of ours behind a move: only what changes.

import type { ServerOptions } from "@caraway/server";
import type { TestcardOptions } from "@caraway/testcard";
import { describe, expect, it } from "vitest";
import { MovedDesktop } from "./moved-desktop.ts";

const size = { width: 400, height: 300 };
/** The figures for five seconds of a larger desktop are in bench/moves.ts. */
const windowMs = 800;
const preparationMs = 100;
/** Beyond what one that did not move is sent, for what a new server has to say. */
const allowance = 4096;

const desktops: [string, TestcardOptions, Partial<ServerOptions>][] = [
  ["that stands still", { speed: 0 }, {}],
  ["that is busy", { speed: 1 }, {}],
  ["that is busy, as GLZ", { speed: 1 }, { compression: "glz" }],
  ["that is busy, of pixels only", { speed: 1, output: "framebuffer" }, {}],
];

describe("behind a seamless move, a desktop", () => {
  for (const [which, guest, options] of desktops) {
    it(`${which} is sent what changes, and shown exactly`, () => {
      const [moved, control] = [0, 1].map(() => new MovedDesktop({ ...size, ...guest }, options));
      for (const desktop of [moved!, control!]) desktop.advance(500);
      moved!.move(preparationMs, true);
      control!.advance(preparationMs);
      const wanted = control!.listen(windowMs);
      expect(moved!.listenSinceMove(windowMs)).toBeLessThanOrEqual(1.2 * wanted + allowance);
      expect(moved!.isExact).toBe(true);
    });
  }

  it("is sent again when the servers know nothing of each other", () => {
    const desktop = new MovedDesktop({ ...size, speed: 1 });
    desktop.advance(500);
    desktop.move(preparationMs, false);
    desktop.advance(500);
    expect(desktop.isExact).toBe(true);
  });
});
