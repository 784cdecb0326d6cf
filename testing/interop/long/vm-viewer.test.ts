// A busy VM that moves between two of our hosts with three clients at once: ours, spice-gtk, and the
// viewer in a real browser.

import { expect, it } from "vitest";
import { ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { manyMoves } from "../cells/vm-moves.ts";
import { VmSetting } from "../cells/vm-setting.ts";

it("takes our client, spice-gtk and the viewer along ten times", async () => {
  await using world = await ViewerWorld.start();
  // The page comes from another port.
  await using vms = await VmSetting.start({ flags: ["--origin", world.server.origin] });
  const { host, port } = await vms.address();
  await using viewer = await world.open(`?host=${host}&port=${port}&resize=off`);
  await viewer.untilShown();
  await viewer.hideControls();
  const onlooker = {
    get isAlive() {
      return viewer.run(({ state }) => state.kind === "connected");
    },
    difference: (wanted: Parameters<typeof viewer.difference>[0]) => viewer.difference(wanted),
  };
  const { detail, facts } = await manyMoves(vms, 10, { "the viewer": onlooker });
  process.stderr.write(`${detail}\n${JSON.stringify(facts, null, 1)}\n`);
  const moves = await viewer.run(({ migrations }) => {
    return migrations.map(({ mode, outcome }) => `${mode} ${outcome}`);
  });
  expect(moves).toEqual(Array.from({ length: 10 }, () => "seamless done"));
  expect(viewer.errors).toEqual([]);
}, 900_000);
