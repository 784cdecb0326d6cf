// What a client of ours is sent on its display in the five seconds behind a seamless move of the
// testcard, beside the five seconds before it. All in memory and in virtual time, so the figures are
// the same in every run.

import type { TestcardOptions } from "@caraway/testcard";
import { MovedDesktop } from "../guests/testcard/test/moved-desktop.ts";
import type { BenchRow } from "./row.ts";

const windowMs = 5000;
/** Beyond the rate before, for what a new server has to say. */
const allowance = 4096;

const desktops: readonly (readonly [string, TestcardOptions])[] = [
  ["static", { speed: 0 }],
  ["busy", { speed: 1 }],
  ["busy framebuffer", { speed: 1, output: "framebuffer" }],
];

export async function benchMoves(): Promise<BenchRow[]> {
  return desktops.flatMap(([name, guest]) => {
    const desktop = new MovedDesktop({ width: 1024, height: 768, ...guest });
    desktop.advance(3000);
    const before = desktop.listen(windowMs);
    desktop.move(500, true);
    const after = desktop.listenSinceMove(windowMs);
    if (!desktop.isExact) throw new Error(`${name}: the client does not show the guest's picture`);
    const row = { suite: "moves", unit: "kB" };
    return [
      { ...row, name: `${name} 1024x768, 5 s before`, value: before / 1000 },
      {
        ...row,
        name: `${name} 1024x768, 5 s behind a seamless move`,
        value: after / 1000,
        ceiling: (1.2 * before + allowance) / 1000,
      },
    ];
  });
}
