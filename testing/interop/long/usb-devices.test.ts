// A keyboard, a tablet and a serial adapter of ours in a real guest: Linux's own drivers use them, also while the guest moves.

import { createHash, randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { streamLine, type UsbDeviceEvent, UsbHid, UsbSerial } from "@caraway/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMigrationTarget, startSavedVm, type Vm } from "../src/index.ts";
import { untilGuest, usbMachine, withUsb } from "../src/usb-machine.ts";

const kilobyte = 1024;
const keyA = 0x1e;
const keyB = 0x30;
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let vm: Vm;

beforeAll(async () => {
  vm = await startSavedVm(usbMachine);
}, 900_000);
afterAll(async () => {
  await vm?.close();
});

function inGuest(command: string, timeoutMs = 120_000): Promise<string> {
  return vm.shell.run(`( ${command} )`, { timeoutMs });
}

function sees(test: string): Promise<void> {
  return untilGuest(vm, test);
}

async function moveGuest(): Promise<void> {
  const target = await startMigrationTarget(vm);
  const source = vm;
  await source.migrateTo(target);
  vm = target;
  await source.close();
}

interface InputEvent {
  readonly type: number;
  readonly code: number;
  readonly value: number;
}

/** What the kernel told of a device since `watchInput`; of 24 bytes each, without the marks between. */
async function inputEvents(): Promise<InputEvent[]> {
  await inGuest("sleep 1; pkill -x cat || true");
  const bytes = Buffer.from(await inGuest("base64 -w0 /tmp/events"), "base64");
  return Array.from({ length: Math.floor(bytes.length / 24) }, (_, index) => {
    const at = index * 24 + 16;
    const [type, code] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    return { type, code, value: bytes.readInt32LE(at + 4) };
  }).filter(({ type }) => type === 1 || type === 3);
}

async function watchInput(name: string): Promise<void> {
  const link = `/dev/input/by-id/usb-Caraway_${name}`;
  await sees(`[ -e ${link} ]`);
  await inGuest(`cat ${link} > /tmp/events 2>/dev/null &`);
  // Linux does not believe what a device says in the moment in which it is opened.
  await inGuest("sleep 1");
}

it("a keyboard's keys come as they were pressed, and stay held while the guest moves", async () => {
  const events: UsbDeviceEvent[] = [];
  const keyboard = new UsbHid("keyboard", (event) => events.push(event));
  await withUsb(vm, [keyboard], async () => {
    await watchInput("Keyboard_1-event-kbd");
    await inGuest("dmesg -C");
    keyboard.key(keyA, true);
    keyboard.key(keyB, true);
    keyboard.key(keyB, false);
    await moveGuest();
    keyboard.key(keyA, false);
    // Linux repeats what is held by itself, with the value 2.
    const pressed = (await inputEvents()).filter(({ type, value }) => type === 1 && value < 2);
    expect(pressed.map(({ code, value }) => [code, value])).toEqual([
      [keyA, 1],
      [keyB, 1],
      [keyB, 0],
      [keyA, 0],
    ]);
    expect(await inGuest("dmesg | grep -iE 'usb|hid' || true")).toBe("");
    // A lamp that the guest lights.
    await inGuest("for led in /sys/class/leds/*::capslock; do echo 1 > $led/brightness; done");
    await expect
      .poll(() => events.filter(({ type }) => type === "leds").at(-1), { timeout: 10_000 })
      .toEqual({ type: "leds", leds: 2 });
    keyboard.unplug();
    await sees("[ ! -e /dev/input/by-id/usb-Caraway_Keyboard_1-event-kbd ]");
  });
}, 300_000);

it("a tablet's places and buttons come as they are", async () => {
  const tablet = new UsbHid("tablet");
  await withUsb(vm, [tablet], async () => {
    await watchInput("Tablet_1-event-mouse");
    tablet.point(1000, 2000, 0);
    tablet.point(32_767, 0, 1, 1);
    tablet.point(32_767, 0, 0);
    const seen = (await inputEvents()).map(({ type, code, value }) => [type, code, value]);
    expect(seen).toEqual([
      [3, 0, 1000],
      [3, 1, 2000],
      [1, 0x110, 1],
      [3, 0, 32_767],
      [3, 1, 0],
      [1, 0x110, 0],
    ]);
  });
}, 300_000);

/** The other end of a line: what was said to it, and what it says. */
class FarEnd extends Duplex {
  readonly heard: Uint8Array[] = [];

  override _read(): void {}

  override _write(data: Uint8Array, _encoding: string, done: () => void): void {
    this.heard.push(data);
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.heard);
  }
}

it("a serial line carries bytes both ways, each once, while the guest moves", async () => {
  const events: UsbDeviceEvent[] = [];
  const far = new FarEnd();
  const serial = new UsbSerial(streamLine(far, far), (event) => events.push(event));
  await withUsb(vm, [serial], async () => {
    await sees("[ -c /dev/ttyACM0 ]");
    // The guest copies what it hears, from the line's opening on, and says as much at the same time.
    const size = 256 * kilobyte;
    await inGuest("head -c 256k /dev/vda > /tmp/said; dmesg -C");
    const [expected] = (await inGuest("sha256sum /tmp/said")).split(" ");
    const hear = `head -c ${size} > /tmp/heard; echo $? > /tmp/done`;
    const say = "dd if=/tmp/said bs=512 2>/dev/null >&3";
    await inGuest(
      `( exec 3<>/dev/ttyACM0; stty raw -echo 115200 <&3; ( ${hear} ) <&3 & ${say}; wait ) > /dev/null 2>&1 &`,
    );
    // From here on the terminal between neither echoes nor changes anything.
    const isRaw = (event: UsbDeviceEvent) => event.type === "line" && event.line.baud === 115_200;
    await expect.poll(() => events.some(isRaw), { timeout: 20_000 }).toBe(true);
    const ours = randomBytes(size);
    for (let at = 0; at < size; at += 4 * kilobyte) far.push(ours.subarray(at, at + 4 * kilobyte));
    for (let waited = 0; far.bytes.length < 16 * kilobyte && waited < 200; waited++)
      await delay(50);
    const before = far.bytes.length;
    expect(before).toBeLessThan(size);
    await moveGuest();
    const heard = () => inGuest("ls -l /tmp/heard; dmesg | tail -n 3");
    await sees("[ -e /tmp/done ]").catch(async (error: unknown) => {
      throw new Error(`${far.bytes.length} bytes are here, there ${await heard()}`, {
        cause: error,
      });
    });
    await expect.poll(() => far.bytes.length, { timeout: 60_000 }).toBe(size);
    expect(hash(far.bytes)).toBe(expected);
    expect((await inGuest("sha256sum /tmp/heard")).split(" ")[0]).toBe(hash(ours));
    expect(await inGuest("dmesg | grep -iE 'usb|acm' || true")).toBe("");
    expect(events.some((event) => event.type === "line" && event.line.dtr)).toBe(true);
  });
}, 300_000);
