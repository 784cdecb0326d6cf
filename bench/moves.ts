// What clients are sent on their display in the five seconds behind a seamless move of the testcard,
// beside the five seconds before it: our own client in memory and in virtual time, so that the
// figures are the same in every run, and spice-gtk over sockets.

import type { TestcardOptions } from "@caraway/testcard";
import { MovedDesktop } from "../guests/testcard/test/moved-desktop.ts";
import { measureMoveBytes } from "../testing/interop/src/move-bytes.ts";
import type { BenchRow } from "./row.ts";

const windowMs = 5000;
/** Beyond the rate before, for what a new server has to say. */
const allowance = { ours: 4096, gtk: 16_384 };
const suite = "moves";
const unit = "kB";

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
    return rowsOf(`our client, ${name}`, before, after, allowance.ours);
  });
}

export async function benchMovesOfGtk(): Promise<BenchRow[]> {
  const still = (await measureMoveBytes({ speed: 0 })).gtk;
  const busy = (await measureMoveBytes({ speed: 1 })).gtk;
  return [
    ...rowsOf("spice-gtk, static", still.before, still.after, allowance.gtk),
    ...rowsOf("spice-gtk, busy", busy.before, busy.after, allowance.gtk),
  ];
}

function rowsOf(name: string, before: number, after: number, allowed: number): BenchRow[] {
  const ceiling = (1.2 * before + allowed) / 1000;
  return [
    { suite, unit, name: `${name}, 5 s before`, value: before / 1000 },
    { suite, unit, name: `${name}, 5 s behind a seamless move`, value: after / 1000, ceiling },
  ];
}
