// A stick that a page gives to a real Linux guest: 200 MB are written to it and read back intact.

import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { addressOf, ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { ensureGuest, ensurePackages, startSavedVm } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";
import { usbMachine } from "../src/usb-machine.ts";

const megabyte = 1 << 20;

it("200 MB are written to a stick in a page, read back intact, and the stick is pulled out", async () => {
  await ensurePackages(["dosfstools"]);
  const directory = makeOwnedDirectory("usb");
  await using world = await ViewerWorld.start();
  await using vm = await startSavedVm(usbMachine);
  try {
    const file = join(directory, "stick.img");
    const handle = openSync(file, "w");
    ftruncateSync(handle, 256 * megabyte);
    closeSync(handle);
    await runProgram("mkfs.vfat", ["-F", "32", file]);
    const root = openSync((await ensureGuest()).rootfs, "r");
    const half = Buffer.alloc(100 * megabyte);
    expect(readSync(root, half, 0, half.length, 0)).toBe(half.length);
    closeSync(root);
    const expected = createHash("sha256").update(half).update(half).digest("hex");
    const run = (command: string) => vm.shell.run(`( ${command} )`, { timeoutMs: 240_000 });
    const sees = (test: string) => {
      return run(`for i in $(seq 150); do ${test} && exit 0; sleep 0.2; done; dmesg | tail; false`);
    };
    await using viewer = await world.open(addressOf(vm));
    await viewer.until(({ devices }) => devices.usbSlots > 0, 60_000);
    const chooser = viewer.page.waitForEvent("filechooser");
    await viewer.page.evaluate(
      "[...document.querySelector('spice-viewer').shadowRoot.querySelectorAll('.usb .item')][0].click()",
    );
    await (await chooser).setFiles(file);
    await viewer.until(({ devices }) => devices.disks[0]?.state === "connected", 60_000);
    await sees("[ -b /dev/sda ]");
    await run("dmesg -C; mkdir -p /mnt && mount -t vfat /dev/sda /mnt");
    await run("(head -c 100M /dev/vda; head -c 100M /dev/vda) > /mnt/big && sync && umount /mnt");
    await run("echo 3 > /proc/sys/vm/drop_caches; mount -t vfat /dev/sda /mnt");
    expect(await run("sha256sum /mnt/big | cut -d' ' -f1")).toBe(expected);
    await run("umount /mnt");
    expect(await run("dmesg | grep -iE 'error|reset|fat' || true")).toBe("");
    await viewer.run(({ devices }) => devices.detachDisk(devices.disks[0]!.id));
    await sees("[ ! -e /dev/sda ]");
    expect(viewer.errors).toEqual([]);
  } finally {
    removeOwnedDirectory(directory);
  }
}, 900_000);
