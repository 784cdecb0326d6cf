// The guest follows the sizes that our client asks its agent for, with one monitor and with two,
// and what each monitor shows stays exact.

import type { Cell, CellResult, VmDevices } from "@caraway/interop";
import { comparePictures, connectCaraway, startSavedVm } from "@caraway/interop";

type Wanted = readonly { width: number; height: number; x: number; y: number }[];

/** Waits until the monitors have these places. */
async function untilMonitors(client: ReturnType<typeof connectCaraway>, wanted: Wanted) {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const boxes = client.client.screens.list().map(({ box }) => ({
      width: box.right - box.left,
      height: box.bottom - box.top,
      x: box.left,
      y: box.top,
    }));
    if (JSON.stringify(boxes) === JSON.stringify(wanted)) return;
    if (performance.now() > deadline) {
      throw new Error(`the guest has monitors ${JSON.stringify(boxes)}`);
    }
    await client.settle(200);
  }
}

async function followCell(devices: VmDevices, layouts: readonly Wanted[]): Promise<CellResult> {
  const vm = await startSavedVm(devices);
  const client = connectCaraway(vm);
  try {
    await client.settle();
    await client.waitFor((event) => event.name === "agent");
    await vm.shell.run("busy start scroll");
    for (const monitors of layouts) {
      client.client.command({ name: "monitors", monitors });
      await untilMonitors(client, monitors);
      const difference = await comparePictures(vm, client);
      if (difference.pixels > 0) {
        const detail = `${JSON.stringify(monitors)}: ${JSON.stringify(difference)}`;
        return { outcome: "failed", detail };
      }
    }
    return { outcome: "passed", detail: `followed ${layouts.length} layouts, pictures equal` };
  } finally {
    client.close();
    await vm.close();
  }
}

const one = (width: number, height: number): Wanted => [{ width, height, x: 0, y: 0 }];
const sizes = [one(1280, 800), one(800, 600), one(1024, 768)];

export const cells: readonly Cell[] = [
  {
    name: "qxl-vga follows the size of one monitor",
    run: () => followCell({ display: "qxl-vga" }, sizes),
  },
  {
    name: "virtio-vga follows the size of one monitor",
    run: () => followCell({ display: "virtio-vga" }, sizes),
  },
  {
    name: "qxl-vga follows two monitors",
    run: () =>
      followCell({ display: "qxl-vga", monitors: 2 }, [
        [
          { width: 800, height: 600, x: 0, y: 0 },
          { width: 640, height: 480, x: 800, y: 0 },
        ],
        one(1024, 768),
      ]),
  },
];
