// The machine of the tests that redirect USB devices and smartcards: a saved state of it serves all of them. And what they do with it:
// plug devices in by a session of ours, and wait until the guest sees them.

import {
  type AttachedUsb,
  type FileDriveOptions,
  openFileDrive,
  type UsbDeviceEvent,
  UsbDevices,
  type UsbDrive,
} from "@caraway/node";
import { connectCaraway } from "./caraway-client.ts";
import type { VmDevices } from "./qemu-arguments.ts";
import type { Vm } from "./vm.ts";

/** Two slots for USB devices, a smartcard reader, and nothing beside that moves slowly. */
export const usbMachine: VmDevices = {
  display: "VGA",
  agent: false,
  audio: false,
  webdav: false,
  usbredir: 2,
  smartcard: true,
};

/** Runs `use` with a client that has the devices; they are closed with it. */
export async function withUsb(
  vm: Vm,
  devices: readonly AttachedUsb[],
  use: () => Promise<void>,
): Promise<void> {
  const attached = new UsbDevices(devices);
  await using client = connectCaraway(vm, {
    session: { channels: ["main", "usbredir"] },
    onStream: (stream) => attached.offer(stream),
  });
  try {
    await use();
  } finally {
    client.close();
    await attached.close();
  }
}

/** The same with one drive that stands on a file, and all that is told of it. */
export async function withDrive(
  vm: Vm,
  options: FileDriveOptions,
  use: (drive: UsbDrive, events: UsbDeviceEvent[]) => Promise<void>,
): Promise<void> {
  const events: UsbDeviceEvent[] = [];
  const drive = await openFileDrive(options, (event) => events.push(event));
  await withUsb(vm, [drive], () => use(drive, events));
}

/** Waits, half a minute at most, until a test of the guest's shell passes; tells what its kernel said when it does not. */
export async function untilGuest(vm: Vm, test: string): Promise<void> {
  const loop = `for i in $(seq 150); do ${test} && exit 0; sleep 0.2; done; dmesg | tail; false`;
  await vm.shell.run(`( ${loop} )`, { timeoutMs: 120_000 });
}
