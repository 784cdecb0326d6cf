// A VM that somebody else has started: a host adopts it by its monitors, serves it, and moves it to
// another host.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { demandKept } from "../cells/host-setting.ts";
import { VmSetting } from "../cells/vm-setting.ts";
import { ensurePackages, firmwareMachine, firmwareVm, Qmp, stoppedPicture } from "../src/index.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  spawnOwned,
} from "../src/ownership.ts";

it.each(["dbus", "vnc"] as const)(
  "is adopted with its display by %s, and moves",
  async (display) => {
    await ensurePackages(["qemu-system-x86"]);
    const directory = makeOwnedDirectory("adopted");
    const at = (name: string) => join(directory, name);
    const monitor = (name: string) => ["-qmp", `unix:${at(name)},server=on,wait=off`];
    const shows = { dbus: ["dbus,p2p=yes"], vnc: ["none", "-vnc", `unix:${at("vnc")}`] }[display];
    const qemu = spawnOwned("qemu-system-x86_64", [
      ...[...firmwareMachine, "-display", ...shows],
      ...[...monitor("qmp"), ...monitor("inputs"), ...monitor("control")],
    ]);
    try {
      while (!existsSync(at("control"))) await delay(20);
      const control = await Qmp.connect(at("control"), () => true);
      const vnc = display === "vnc" ? { vnc: at("vnc") } : {};
      const adopt = { qmp: at("qmp"), inputs: at("inputs"), ...vnc };
      await using vms = await VmSetting.start({ vm: { ...firmwareVm, display }, adopt });
      await using client = await vms.connect();
      expect(await client.difference(await stoppedPicture(control, directory))).toBe(0);
      await control.execute("cont");
      control.close();
      const moved = await vms.move();
      demandKept(moved, 1);
      await vms.demandSame({ client });
      while (qemu.exitCode === null) await delay(20);
    } finally {
      await endProcess(qemu);
      removeOwnedDirectory(directory);
    }
  },
  120_000,
);
