// A stick that a page gives to a real Linux guest: 200 MB are written to it and read back intact.

import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildScript } from "@caraway/testing-browser";
import { expect, it } from "vitest";
import { addressOf, ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { ensureGuest, ensurePackages, startSavedVm } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";
import { usbMachine } from "../src/usb-machine.ts";

const megabyte = 1 << 20;
const pageUsb = fileURLToPath(
  new URL("../../../apps/viewer/browser-test/page-usb.ts", import.meta.url),
);

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

it("a page's serial adapter by WebUSB and its keyboard are used by a Linux guest", async () => {
  await using world = await ViewerWorld.start();
  await using vm = await startSavedVm(usbMachine);
  const run = (command: string) => vm.shell.run(`( ${command} )`, { timeoutMs: 120_000 });
  const sees = (test: string) => {
    return run(`for i in $(seq 150); do ${test} && exit 0; sleep 0.2; done; dmesg | tail; false`);
  };
  await using viewer = await world.open(addressOf(vm));
  await viewer.until(({ devices }) => devices.usbSlots > 1, 60_000);
  await viewer.page.evaluate(await buildScript(pageUsb));
  await viewer.page.evaluate("navigator.usb.choice = 'serial'");
  await viewer.page.getByRole("button", { name: "Clipboard and files" }).click();
  await viewer.page.getByRole("menuitem", { name: "A USB device of this computer" }).click();
  await sees("[ -c /dev/ttyACM0 ]");
  // It says what it hears in capitals.
  const talk =
    "exec 3<>/dev/ttyACM0; stty raw -echo <&3; echo hello there >&3; timeout 20 head -n 1 <&3";
  expect(await run(talk)).toBe("HELLO THERE");
  const large = "head -c 65536 /dev/zero | tr '\\0' a";
  const back = `exec 3<>/dev/ttyACM0; stty raw -echo <&3; ( ${large} >&3 ) & timeout 60 head -c 65536 <&3 | sha256sum`;
  const expected = createHash("sha256").update(Buffer.alloc(65_536, "A")).digest("hex");
  expect((await run(back)).split(" ")[0]).toBe(expected);
  await viewer.page.evaluate("navigator.usb.pull()");
  await sees("[ ! -e /dev/ttyACM0 ]");
  // What is typed goes through the keyboard that is plugged in.
  await viewer.run(({ devices }) => devices.attachKeyboard());
  const keyboard = "/dev/input/by-id/usb-Caraway_Keyboard_1-event-kbd";
  await sees(`[ -e ${keyboard} ]`);
  await run(`cat ${keyboard} > /tmp/keys 2>/dev/null &`);
  await viewer.page.keyboard.press("Escape");
  await viewer.run((element) => element.focus());
  await viewer.page.keyboard.type("ab");
  await viewer.page.waitForTimeout(1000);
  await run("sleep 1; pkill -x cat || true");
  const bytes = Buffer.from(await run("base64 -w0 /tmp/keys"), "base64");
  const keys: number[][] = [];
  for (let at = 16; at + 8 <= bytes.length; at += 24) {
    if (bytes.readUInt16LE(at) !== 1) continue;
    keys.push([bytes.readUInt16LE(at + 2), bytes.readInt32LE(at + 4)]);
  }
  expect(keys).toEqual([
    [0x1e, 1],
    [0x1e, 0],
    [0x30, 1],
    [0x30, 0],
  ]);
  expect(viewer.errors).toEqual([]);
}, 600_000);
