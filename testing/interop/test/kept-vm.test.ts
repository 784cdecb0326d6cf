// A VM of QEMU that our own hosts start: the shortest course of a move, with a machine that shows
// its firmware's text and no more.

import { expect, it } from "vitest";
import { demandKept } from "../cells/host-setting.ts";
import { VmSetting } from "../cells/vm-setting.ts";
import { ensurePackages, firmwareVm } from "../src/index.ts";

it("goes from host to host with its session, and shows the same", async () => {
  await ensurePackages(["qemu-system-x86"]);
  await using vms = await VmSetting.start({ vm: firmwareVm });
  await using client = await vms.connect();
  const moved = await vms.move();
  expect(moved).toMatchObject({ owner: "target", error: null });
  demandKept(moved, 1);
  expect(await vms.there.host.guests()).toEqual([]);
  await vms.demandSame({ client });
}, 120_000);
