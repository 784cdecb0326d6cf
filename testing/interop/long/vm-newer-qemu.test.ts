// A busy Debian on a QEMU 10 that has no SPICE: what its clients see, and its moves.

import { expect, it } from "vitest";
import { manyMoves } from "../cells/vm-moves.ts";
import { debianVm, VmSetting } from "../cells/vm-setting.ts";
import { ensureNewerQemu } from "../src/index.ts";

it("moves a busy Debian between hosts on QEMU 10", async () => {
  const program = await ensureNewerQemu();
  await using vms = await VmSetting.start({ vm: { ...(await debianVm()), program } });
  const { outcome, detail, facts } = await manyMoves(vms, 3);
  process.stderr.write(`${detail}\n${JSON.stringify(facts, null, 1)}\n`);
  expect(outcome).toBe("passed");
}, 600_000);
