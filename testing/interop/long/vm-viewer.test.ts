// A busy VM that moves between two of our hosts with three clients at once: ours, spice-gtk, and the
// viewer in a real browser.

import { expect, it } from "vitest";
import { type ViewerPage, ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { manyMoves } from "../cells/vm-moves.ts";
import { type Onlooker, VmSetting } from "../cells/vm-setting.ts";

function onlooker(page: ViewerPage): Onlooker {
  return {
    get isAlive() {
      return page.run(({ state }) => state.kind === "connected");
    },
    difference: (wanted) => page.difference(wanted),
  };
}

it("takes our client, spice-gtk and the viewer along ten times", async () => {
  await using world = await ViewerWorld.start();
  // The page comes from another port.
  await using vms = await VmSetting.start({ flags: ["--origin", world.server.origin] });
  let viewer: ViewerPage | null = null;
  try {
    const { detail, facts } = await manyMoves(vms, 10, async () => {
      const { host, port } = await vms.address();
      const page = await world.open(`?host=${host}&port=${port}&resize=off`);
      viewer = page;
      await page.untilShown();
      await page.hideControls();
      return { "the viewer": onlooker(page) };
    });
    process.stderr.write(`${detail}\n${JSON.stringify(facts, null, 1)}\n`);
    const page = viewer as ViewerPage | null;
    const moves = await page!.run(({ migrations }) => {
      return migrations.map(({ mode, outcome }) => `${mode} ${outcome}`);
    });
    expect(moves).toEqual(Array.from({ length: 10 }, () => "seamless done"));
    expect(page!.errors).toEqual([]);
  } finally {
    await (viewer as ViewerPage | null)?.[Symbol.asyncDispose]();
  }
}, 900_000);
