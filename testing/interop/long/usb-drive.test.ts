// A stick and a CD drive of ours in a real guest: QEMU's usb-redir and Linux's drivers read and write them, and see them come and go.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMigrationTarget, startSavedVm, type Vm } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "../src/ownership.ts";
import { untilGuest, usbMachine, withDrive } from "../src/usb-machine.ts";

const megabyte = 1 << 20;
const size = 12 * megabyte;
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let vm: Vm;
let directory: string;

beforeAll(async () => {
  directory = makeOwnedDirectory("usb");
  vm = await startSavedVm(usbMachine);
}, 900_000);
afterAll(async () => {
  await vm?.close();
  removeOwnedDirectory(directory);
});

/** Runs a line of shell; what leaves it leaves a shell of its own. */
function inGuest(command: string): Promise<string> {
  return vm.shell.run(`( ${command} )`, { timeoutMs: 120_000 });
}

function guestSees(device: string, there: boolean): Promise<void> {
  return untilGuest(vm, there ? `[ -b ${device} ]` : `[ ! -e ${device} ]`);
}

/** Nothing of the kernel's about disks that fail. */
async function noErrors(): Promise<void> {
  const text = await inGuest("dmesg | grep -iE 'I/O error|reset high-speed|medium error' || true");
  expect(text).toBe("");
}

it("a stick is read, written and pulled out by a Linux guest, without an error", async () => {
  const file = join(directory, "stick.img");
  const before = randomBytes(size);
  writeFileSync(file, before);
  await withDrive(vm, { kind: "stick", file, readOnly: false }, async (drive, events) => {
    await guestSees("/dev/sda", true);
    expect(await inGuest("cat /sys/block/sda/size")).toBe(`${size / 512}`);
    expect((await inGuest("sha256sum /dev/sda")).split(" ")[0]).toBe(hash(before));
    // All of it anew, in large writes, then a middle part in small ones.
    await inGuest("dd if=/dev/urandom of=/tmp/new bs=1M count=4 2>/dev/null");
    await inGuest("dd if=/tmp/new of=/dev/sda bs=1M seek=4 conv=fsync 2>/dev/null");
    await inGuest("dd if=/tmp/new of=/dev/sda bs=512 count=64 seek=1001 oflag=direct 2>/dev/null");
    const told = (await inGuest("sha256sum /tmp/new; head -c 32768 /tmp/new | sha256sum")).split(
      /\s+/,
    );
    const after = readFileSync(file);
    expect(hash(after.subarray(4 * megabyte, 8 * megabyte))).toBe(told[0]);
    const small = after.subarray(1001 * 512, 1001 * 512 + 32_768);
    expect(hash(small)).toBe(told[2]);
    expect(Buffer.compare(after.subarray(8 * megabyte), before.subarray(8 * megabyte))).toBe(0);
    await inGuest("echo 3 > /proc/sys/vm/drop_caches");
    expect((await inGuest("sha256sum /dev/sda")).split(" ")[0]).toBe(hash(after));
    await noErrors();
    drive.unplug();
    await guestSees("/dev/sda", false);
    expect(events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
    await delay(100);
  });
}, 300_000);

it("a stick stays while its guest moves in the middle of writes, and every block is there", async () => {
  const file = join(directory, "moving.img");
  writeFileSync(file, new Uint8Array(size));
  const target = await startMigrationTarget(vm);
  await withDrive(vm, { kind: "stick", file, readOnly: false }, async (_, events) => {
    await guestSees("/dev/sda", true);
    await inGuest(
      "dmesg -C; rm -f /tmp/done; dd if=/dev/urandom of=/tmp/new bs=1M count=3 2>/dev/null",
    );
    const write = "dd if=/tmp/new of=/dev/sda bs=16k oflag=direct seek=$n";
    const loop = `for n in 0 192 384 576; do ${write} || exit 1; done 2>/dev/null`;
    await inGuest(`( ( ${loop} ); echo $? > /tmp/done ) > /dev/null 2>&1 &`);
    await delay(500);
    const source = vm;
    await source.migrateTo(target);
    vm = target;
    const written = readFileSync(file).filter((byte) => byte !== 0).length;
    await source.close();
    await inGuest("for i in $(seq 600); do [ -e /tmp/done ] && exit 0; sleep 0.2; done; false");
    expect(await inGuest("cat /tmp/done")).toBe("0");
    // It was under way when the guest moved.
    expect(written).toBeLessThan(0.99 * size);
    const [expected] = (await inGuest("sha256sum /tmp/new")).split(" ");
    const after = readFileSync(file);
    for (let at = 0; at < size; at += 3 * megabyte) {
      expect(hash(after.subarray(at, at + 3 * megabyte))).toBe(expected);
    }
    expect(await inGuest("dmesg | grep -iE 'usb|error|sd ' || true")).toBe("");
    expect(events.map(({ type }) => type)).toEqual(["connected"]);
  });
  await guestSees("/dev/sda", false);
}, 300_000);

it("a CD is read, and cannot be written", async () => {
  const file = join(directory, "disc.iso");
  const disc = randomBytes(4 * megabyte);
  writeFileSync(file, disc);
  await withDrive(vm, { kind: "cd", file, readOnly: true }, async () => {
    await guestSees("/dev/sr0", true);
    expect((await inGuest("sha256sum /dev/sr0")).split(" ")[0]).toBe(hash(disc));
    await inGuest("! dd if=/dev/zero of=/dev/sr0 bs=2048 count=1 2>/dev/null");
    await noErrors();
  });
  await guestSees("/dev/sr0", false);
}, 300_000);
