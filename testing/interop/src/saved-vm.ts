// Machines that are on their desktop in a few seconds: booted once for each set of devices, saved, and started from that state ever after.

import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cached, hashOf } from "./cache.ts";
import { ensureGuest } from "./guest.ts";
import { waitForMigration } from "./migration.ts";
import {
  completeDevices,
  type DisplayDevice,
  deviceArguments,
  type SpiceOptions,
  type VmDevices,
} from "./qemu-arguments.ts";
import { ensureQemu, startVm, type Vm, waitForDesktop, waitUntilLoaded } from "./vm.ts";

/** Boots a machine to its desktop and saves it, once; gives the file of its state. The guest in it is paused. */
export async function ensureSavedVm(machine: DisplayDevice | VmDevices): Promise<string> {
  const devices = toDevices(machine);
  const version = await ensureQemu();
  const guest = await ensureGuest();
  // The state fits this QEMU, this guest and these devices only.
  const machineArguments = deviceArguments(
    devices,
    {},
    { ...guest, kernel: "", initrd: "", rootfs: "" },
  );
  const hash = hashOf(guest.hash, version, ...machineArguments);
  const directory = await cached(`state-${devices.display}-${hash}`, async (target) => {
    const file = join(target, "state");
    process.stderr.write(`interop: booting ${devices.display} once, to save it, in about 40 s\n`);
    const vm = await startVm({ devices });
    try {
      await waitForDesktop(vm);
      await delay(3000);
      await vm.shell.run("sync; echo 3 > /proc/sys/vm/drop_caches");
      await vm.stop();
      await vm.qmp.execute("migrate-set-parameters", { "max-bandwidth": 1 << 30 });
      await vm.qmp.execute("migrate", { uri: `exec:cat > ${file}` });
      await waitForMigration(vm);
      process.stderr.write(`interop: saved ${statSync(file).size >> 20} MiB\n`);
    } finally {
      await vm.close();
    }
  });
  return join(directory, "state");
}

export interface SavedVmOptions {
  readonly spice?: SpiceOptions;
  /** Leave the guest paused until `cont()`. */
  readonly paused?: boolean;
}

/** A machine on its desktop. The default devices are those of `VmDevices` for a display device named alone. */
export async function startSavedVm(
  machine: DisplayDevice | VmDevices,
  options: SavedVmOptions = {},
): Promise<Vm> {
  const state = await ensureSavedVm(machine);
  const vm = await startVm({
    devices: toDevices(machine),
    ...(options.spice && { spice: options.spice }),
    incoming: `exec:cat ${state}`,
  });
  try {
    await waitUntilLoaded(vm);
    if (options.paused !== true) await vm.cont();
    return vm;
  } catch (error) {
    const { log } = vm;
    await vm.close();
    throw new Error(`the saved state was not loaded: ${log}`, { cause: error });
  }
}

/** A machine that waits for the guest of another one (`source.migrateTo(target)`), with the same devices. */
export function startMigrationTarget(source: Vm, spice?: SpiceOptions): Promise<Vm> {
  return startVm({
    devices: source.devices,
    spice: spice ?? source.spiceOptions,
    incoming: "defer",
  });
}

function toDevices(machine: DisplayDevice | VmDevices): VmDevices {
  return completeDevices(typeof machine === "string" ? { display: machine } : machine);
}
