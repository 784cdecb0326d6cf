// Real devices by libusb: a machine with a stick of its own (QEMU's, behind a real controller, kernel and usbfs) gives it away, and the
// testcard's controller works with it.

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { firstUsbSlot, UsbSlot } from "@caraway/testcard";
import { buildProgram } from "@caraway/testing-browser";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureGuest, ensurePackages } from "../src/index.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  runProgram,
  spawnOwned,
} from "../src/ownership.ts";
import { Qmp } from "../src/qmp.ts";
import { SerialLines, SerialShell } from "../src/serial.ts";
import { connectUnix } from "../src/unix-socket.ts";

const megabyte = 1 << 20;
const program = fileURLToPath(new URL("./libusb-program.ts", import.meta.url));
/** Of QEMU's stick: storage of whatever vendor. */
const rules = "0x08,-1,-1,-1,1";

let directory: string;

beforeAll(async () => {
  await ensurePackages(["qemu-system-x86", "squashfs-tools"]);
  directory = makeOwnedDirectory("libusb");
}, 900_000);
afterAll(() => removeOwnedDirectory(directory));

/** Node, libusb and the program, as a disk. */
async function makeTools(): Promise<string> {
  const tools = join(directory, "tools");
  mkdirSync(tools);
  await buildProgram(program, tools, ["usb"]);
  copyFileSync(process.execPath, join(tools, "node"));
  const require = createRequire(new URL("../../../io/node/src/index.ts", import.meta.url));
  for (const name of ["usb", "node-gyp-build"]) {
    const from = dirname(require.resolve(`${name}/package.json`));
    const filter = (path: string) =>
      !/\/(libusb|src|test|android|darwin|win32)/.test(path.slice(from.length));
    cpSync(from, join(tools, "node_modules", name), { recursive: true, filter });
  }
  const disk = join(directory, "tools.squashfs");
  await runProgram("mksquashfs", [tools, disk, "-comp", "lz4", "-no-progress", "-quiet"]);
  return disk;
}

it("a stick of a machine's own is given away, read and written, and pulled out", async () => {
  const [guest, tools] = [await ensureGuest(), await makeTools()];
  const image = join(directory, "stick.img");
  writeFileSync(image, new Uint8Array(megabyte));
  const socket = (name: string) => join(directory, name);
  const served = (name: string) => `unix:${socket(name)},server=on,wait=off`;
  const machine = spawnOwned("qemu-system-x86_64", [
    ...["-machine", "pc-i440fx-7.2,accel=tcg", "-cpu", "qemu64", "-m", "768", "-nodefaults"],
    ...["-display", "none", "-kernel", guest.kernel, "-initrd", guest.initrd],
    ...["-append", "console=ttyS0 quiet", "-serial", served("shell"), "-qmp", served("qmp")],
    ...["-drive", `file=${guest.rootfs},format=raw,if=virtio,readonly=on`],
    ...["-drive", `file=${tools},format=raw,if=virtio,readonly=on`],
    ...[
      "-device",
      "virtio-serial-pci",
      "-chardev",
      `socket,id=far,path=${socket("far")},server=on,wait=off`,
    ],
    ...["-device", "virtserialport,chardev=far,name=org.caraway.usb"],
    ...["-device", "ich9-usb-ehci1,id=usb", "-drive", `if=none,id=stick,format=raw,file=${image}`],
  ]);
  try {
    const isAlive = () => machine.exitCode === null;
    const qmp = await Qmp.connect(socket("qmp"), isAlive);
    const shell = new SerialShell(new SerialLines(await connectUnix(socket("shell"), isAlive)));
    const far = await connectUnix(socket("far"), isAlive);
    await shell.port.waitFor(/GUEST-SHELL-READY/, { timeoutMs: 120_000 });
    const run = (command: string) => shell.run(`( ${command} )`, { timeoutMs: 240_000 });
    // Without a display the X server is started in vain, again and again.
    await run("chmod -x /usr/bin/Xorg; pkill -x Xorg || true");
    await run("mkdir -p /tools && mount /dev/vdb /tools");
    const command = `/tools/node /tools/program.mjs /dev/virtio-ports/org.caraway.usb '${rules}'`;
    await run(
      `for i in $(seq 100); do [ -e /dev/virtio-ports/org.caraway.usb ] && exit 0; sleep 0.2; done; false`,
    );
    await run(`( ${command} > /tmp/said 2>&1 ) & `);
    const says = async (text: string) => {
      await run(
        `for i in $(seq 200); do grep -q '${text}' /tmp/said && exit 0; sleep 0.5; done; cat /tmp/said; false`,
      );
    };
    await says("ready");
    // The stick is plugged into the machine while its program runs.
    await qmp.executeAny("device_add", {
      driver: "usb-storage",
      id: "plugged",
      drive: "stick",
      bus: "usb.0",
    });
    const slot = new UsbSlot(firstUsbSlot(0));
    const { stream } = slot;
    far.on("data", (data) => {
      slot.hear({ type: "stream-data", stream, bytes: new Uint8Array(data) }, performance.now());
    });
    slot.hear({ type: "stream-open", stream, open: true } as never, performance.now());
    slot.hear({ type: "stream-credit", stream, bytes: megabyte }, performance.now());
    let isOver = false;
    const works = (async () => {
      while (!isOver) {
        slot.tick(performance.now(), (output) => {
          if (output.type !== "stream-data") return;
          far.write(output.bytes);
          const { length: bytes } = output.bytes;
          slot.hear({ type: "stream-credit", stream, bytes }, performance.now());
        });
        await delay(5);
      }
    })();
    await says('"connected"');
    const { storage } = slot.state;
    const isEnough = () => storage.readBytes >= 256 << 10 && storage.writtenBytes > 128 << 10;
    for (let waited = 0; waited < 600 && !isEnough(); waited++) await delay(100);
    const said = await run("cat /tmp/said; dmesg | tail -n 3");
    expect(storage.readBytes, said).toBeGreaterThanOrEqual(256 << 10);
    expect(storage.writtenBytes).toBeGreaterThan(128 << 10);
    expect(slot.state).toMatchObject({ plugged: 1, unplugged: 0, lost: 0, strangers: 0 });
    expect(storage).toMatchObject({ wrongAt: null, failed: 0, blocks: 2048, blockSize: 512 });
    expect(said).toContain("QEMU USB");
    await qmp.executeAny("device_del", { id: "plugged" });
    await says('"left"');
    for (let waited = 0; waited < 100 && slot.state.unplugged === 0; waited++) await delay(100);
    expect(slot.state.unplugged).toBe(1);
    isOver = true;
    await works;
    // What was written by usbredir is on the medium.
    expect(readFileSync(image).some((byte) => byte !== 0)).toBe(true);
    qmp.close();
    far.destroy();
    shell.port.close();
  } finally {
    await endProcess(machine);
  }
}, 600_000);
