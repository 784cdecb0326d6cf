// One smoke of the real QEMU with its guest: everything that the other interop tests stand on.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compareImages,
  countColours,
  SerialError,
  startMigrationTarget,
  startSavedVm,
  type Vm,
} from "../src/index.ts";

// The first run on a machine installs QEMU, builds the guest and boots it once.
const setUpMs = 900_000;

describe("a saved machine", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await startSavedVm("qxl-vga", { spice: { imageCompression: "quic" } });
  }, setUpMs);
  afterAll(() => vm?.close());

  it("answers on its machine protocol and on the guest's shell", async () => {
    expect((await vm.qmp.execute("query-status")).status).toBe("running");
    expect((await vm.qmp.execute("query-spice")).enabled).toBe(true);
    expect(await vm.shell.run("printf 'a\\nb'; pgrep -c Xorg")).toBe("a\nb1");
    await expect(vm.shell.run("false")).rejects.toThrow(SerialError);
  });

  it("shows a desktop, which stands still while it is stopped and changes under load", async () => {
    await vm.stop();
    const before = await vm.screendump();
    expect([before.width, before.height]).toEqual([1024, 768]);
    expect(countColours(before)).toBe(256);
    await vm.cont();
    await vm.shell.run("busy start draw; sleep 2");
    await vm.stop();
    const busy = await vm.screendump();
    expect(compareImages(before, busy).pixels).toBeGreaterThan(10_000);
    expect(compareImages(busy, await vm.screendump()).pixels).toBe(0);
    await vm.cont();
    await vm.shell.run("busy stop");
  });

  it("moves to another machine and goes on there", async () => {
    const target = await startMigrationTarget(vm);
    try {
      await vm.shell.run("echo here > /run/mark");
      const report = await vm.migrateTo(target);
      expect(report.resumedAt).not.toBeNull();
      expect((await vm.qmp.execute("query-status")).status).toBe("postmigrate");
      expect(await target.shell.run("cat /run/mark")).toBe("here");
    } finally {
      await target.close();
    }
  });
});
