// The kernel modules of disks for a guest that has none of its own: taken from the very package of its kernel, sent through its shell.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";
import type { Vm } from "./vm.ts";

const modules = ["scsi/scsi_common", "scsi/scsi_mod", "scsi/sd_mod", "scsi/sr_mod"];

/** A line of the guest's terminal holds 4095 characters. */
const lineMax = 3500;

async function ensureModules(kernel: string): Promise<string> {
  await ensurePackages(["binutils"]);
  const directory = await cached(`modules-${kernel}`, async (target) => {
    const work = makeOwnedDirectory("modules");
    try {
      const shell = (command: string) => runProgram("sh", ["-c", `cd ${work} && ${command}`]);
      await shell(`apt-get -q download linux-image-${kernel}`);
      const [archive] = readdirSync(work);
      const paths = modules.map((name) => `./lib/modules/${kernel}/kernel/drivers/${name}.ko`);
      await shell(
        `dpkg-deb --fsys-tarfile ${archive} | tar x --strip-components=7 ${paths.join(" ")}`,
      );
      await shell("strip -g *.ko && tar c *.ko | gzip -9 > modules.tar.gz");
      await runProgram("cp", [join(work, "modules.tar.gz"), target]);
    } finally {
      removeOwnedDirectory(work);
    }
  });
  return join(directory, "modules.tar.gz");
}

/** Makes the guest know USB disks and CD drives; they appear as /dev/sda and /dev/sr0. */
export async function loadDiskModules(vm: Vm): Promise<void> {
  const kernel = await vm.shell.run("uname -r");
  const packed = await runProgram("base64", ["-w0", await ensureModules(kernel)]);
  await vm.shell.run("mkdir -p /tmp/disk && cd /tmp/disk && : > packed");
  for (let at = 0; at < packed.length; at += lineMax) {
    await vm.shell.run(`printf %s ${packed.slice(at, at + lineMax)} >> /tmp/disk/packed`);
  }
  await vm.shell.run(
    [
      "cd /tmp/disk && base64 -d packed | gzip -d | tar x",
      "insmod ./scsi_common.ko && insmod ./scsi_mod.ko",
      // What disks need beside is in the guest.
      "for m in crc-t10dif crc64-rocksoft t10-pi cdrom; do modprobe $m 2>/dev/null; done",
      "insmod ./sd_mod.ko && insmod ./sr_mod.ko && modprobe usb-storage",
    ].join("; "),
  );
}
