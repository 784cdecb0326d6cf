// Much data on a client's drives: a file of 200 MB on a stick's file system, writes without a pause while the guest moves ten times, and a
// machine that boots from a disc.

import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openFileDrive, type UsbDeviceEvent, UsbDevices } from "@caraway/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeBootDisc } from "../src/boot-disc.ts";
import { demandAlive } from "../src/guest-death.ts";
import {
  CarawayClient,
  ensureGuest,
  ensurePackages,
  startMigrationTarget,
  startSavedVm,
  type Vm,
} from "../src/index.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  runProgram,
  spawnOwned,
} from "../src/ownership.ts";
import { Qmp } from "../src/qmp.ts";
import { untilGuest, usbMachine, withDrive } from "../src/usb-machine.ts";
import { findFreePort } from "../src/vm.ts";

const megabyte = 1 << 20;
const imageSize = 256 * megabyte;
const moves = 10;

let directory: string;
/** The guest's own root: bytes that do not compress, known to both of us. */
let root: string;

beforeAll(async () => {
  await ensurePackages(["dosfstools"]);
  directory = makeOwnedDirectory("usb");
  root = (await ensureGuest()).rootfs;
}, 900_000);
afterAll(() => removeOwnedDirectory(directory));

function emptyImage(name: string): string {
  const file = join(directory, name);
  const handle = openSync(file, "w");
  ftruncateSync(handle, imageSize);
  closeSync(handle);
  return file;
}

/** Of the file's parts, one after the other. */
function hashOfParts(
  file: string,
  parts: readonly (readonly [from: number, size: number])[],
): string {
  const hash = createHash("sha256");
  const handle = openSync(file, "r");
  for (const [from, size] of parts) {
    const bytes = Buffer.alloc(size);
    expect(readSync(handle, bytes, 0, size, from)).toBe(size);
    hash.update(bytes);
  }
  closeSync(handle);
  return hash.digest("hex");
}

function runIn(vm: Vm, command: string): Promise<string> {
  return vm.shell.run(`( ${command} )`, { timeoutMs: 240_000 });
}

function guestSees(vm: Vm, there: boolean): Promise<void> {
  return untilGuest(vm, there ? "[ -b /dev/sda ]" : "[ ! -e /dev/sda ]");
}

it("200 MB are written to a file on a stick, read back intact, and the stick is pulled out", async () => {
  const file = emptyImage("files.img");
  await runProgram("mkfs.vfat", ["-F", "32", file]);
  await using vm = await startSavedVm(usbMachine);
  const half = 100 * megabyte;
  const expected = hashOfParts(root, [
    [0, half],
    [0, half],
  ]);
  const written = "(head -c 100M /dev/vda; head -c 100M /dev/vda)";
  const read = "sha256sum /mnt/big | cut -d' ' -f1";
  await withDrive(vm, { kind: "stick", file, readOnly: false }, async (drive, events) => {
    await guestSees(vm, true);
    await runIn(vm, "dmesg -C; mkdir -p /mnt && mount -t vfat /dev/sda /mnt");
    await runIn(vm, `${written} > /mnt/big && sync && umount /mnt`);
    await runIn(vm, "echo 3 > /proc/sys/vm/drop_caches; mount -t vfat /dev/sda /mnt");
    expect(await runIn(vm, read)).toBe(expected);
    await runIn(vm, "umount /mnt");
    expect(await runIn(vm, "dmesg | grep -iE 'error|reset|fat' || true")).toBe("");
    drive.unplug();
    await guestSees(vm, false);
    expect(events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
  });
  // Plugged in again, by another session.
  await withDrive(vm, { kind: "stick", file, readOnly: true }, async () => {
    await guestSees(vm, true);
    await runIn(vm, "mount -t vfat -o ro /dev/sda /mnt");
    expect(await runIn(vm, read)).toBe(expected);
    await runIn(vm, "umount /mnt");
  });
}, 600_000);

it(`a stick is written without a pause while its guest moves ${moves} times, and nothing is missing`, async () => {
  const file = emptyImage("moving.img");
  await runProgram("mkfs.vfat", ["-F", "32", file]);
  const half = 100 * megabyte;
  const expected = hashOfParts(root, [
    [0, half],
    [0, half],
  ]);
  let vm = await startSavedVm(usbMachine);
  try {
    await withDrive(vm, { kind: "stick", file, readOnly: false }, async (drive, events) => {
      await guestSees(vm, true);
      await runIn(vm, "dmesg -C; mkdir -p /mnt && mount -t vfat /dev/sda /mnt");
      // A file of 200 MB, four megabytes at a time, each on the stick before the next; again and again.
      const copy =
        "dd if=/dev/vda of=/mnt/big bs=1M count=4 skip=$((n*4%100)) seek=$((n*4)) conv=notrunc,fsync";
      const pass = `for n in $(seq 0 49); do ${copy} || exit 1; echo $n >> /tmp/chunks; done 2>/dev/null`;
      const loop = `while [ ! -e /tmp/stop ]; do ${pass}; echo whole >> /tmp/passes; done`;
      await runIn(vm, `( ( ${loop} ); echo $? > /tmp/done ) > /dev/null 2>&1 &`);
      const chunks = async () => Number(await runIn(vm, "cat /tmp/chunks 2>/dev/null | wc -l"));
      for (let move = 0; move < moves; move++) {
        const before = await chunks();
        for (let waited = 0; (await chunks()) === before && waited < 100; waited++)
          await delay(100);
        const target = await startMigrationTarget(vm);
        const source = vm;
        const { downtimeMs } = await source.migrateTo(target);
        vm = target;
        await source.close();
        await demandAlive(vm, 60_000);
        expect(await runIn(vm, "[ -e /tmp/done ] && cat /tmp/done || echo writing")).toBe(
          "writing",
        );
        expect(await chunks()).toBeGreaterThan(before);
        expect(await runIn(vm, "dmesg | grep -iE 'usb|error|reset|sd |fat-fs' || true")).toBe("");
        process.stdout.write(
          `  move ${move + 1}: ${await chunks()} parts, ${downtimeMs} ms down\n`,
        );
      }
      // A whole pass behind the last move.
      const whole = "cat /tmp/passes 2>/dev/null | wc -l";
      const passes = Number(await runIn(vm, whole));
      await runIn(vm, "touch /tmp/stop");
      await runIn(
        vm,
        "for i in $(seq 1000); do [ -e /tmp/done ] && exit 0; sleep 0.2; done; false",
      );
      expect(await runIn(vm, "cat /tmp/done")).toBe("0");
      expect(Number(await runIn(vm, whole))).toBeGreaterThan(passes);
      await runIn(
        vm,
        "umount /mnt; echo 3 > /proc/sys/vm/drop_caches; mount -t vfat /dev/sda /mnt",
      );
      expect(await runIn(vm, "sha256sum /mnt/big | cut -d' ' -f1")).toBe(expected);
      await runIn(vm, "umount /mnt");
      expect(await runIn(vm, "dmesg | grep -iE 'usb|error|reset|sd |fat-fs' || true")).toBe("");
      expect(events.map(({ type }) => type)).toEqual(["connected"]);
      drive.unplug();
      await guestSees(vm, false);
      expect(events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
    });
  } finally {
    await vm.close();
  }
}, 1_200_000);

it("a machine boots from a disc in a client's drive", async () => {
  const said = "BOOTED FROM THE DISC OF A CLIENT";
  const disc = join(directory, "boot.iso");
  await makeBootDisc(disc, said);
  const port = await findFreePort();
  const serial = join(directory, "serial");
  const socket = join(directory, "boot-qmp");
  const machine = spawnOwned("qemu-system-x86_64", [
    ...["-machine", "pc-i440fx-7.2,accel=tcg", "-m", "64", "-nodefaults", "-display", "none"],
    ...["-device", "ich9-usb-ehci1", "-chardev", "spicevmc,id=slot,name=usbredir"],
    ...["-device", "usb-redir,chardev=slot,bootindex=1"],
    ...["-spice", `addr=127.0.0.1,port=${port},disable-ticketing=on`],
    ...["-serial", `file:${serial}`, "-qmp", `unix:${socket},server=on,wait=off`],
  ]);
  try {
    const qmp = await Qmp.connect(socket, () => machine.exitCode === null);
    const events: UsbDeviceEvent[] = [];
    const drive = await openFileDrive({ kind: "cd", file: disc, readOnly: true }, (event) => {
      events.push(event);
    });
    const drives = new UsbDevices([drive]);
    const place = {
      host: "127.0.0.1",
      port,
      tlsPort: null,
      unixPath: null,
      url: null,
      identity: null,
    };
    await using client = new CarawayClient(place, {
      session: { channels: ["main", "usbredir"] },
      onStream: (stream) => drives.offer(stream),
    });
    for (let waited = 0; events.length === 0 && waited < 200; waited++) await delay(50);
    expect(events.map(({ type }) => type)).toEqual(["connected"]);
    await delay(500);
    await qmp.executeAny("system_reset");
    const line = () => readFileSync(serial, "latin1");
    for (let waited = 0; !line().includes(said) && waited < 600; waited++) await delay(100);
    expect(line()).toContain(said);
    client.close();
    await drives.close();
    qmp.close();
  } finally {
    await endProcess(machine);
  }
}, 180_000);
