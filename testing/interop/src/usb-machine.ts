// The machine of the tests that redirect USB devices and smartcards: a saved state of it serves all of them.

import type { VmDevices } from "./qemu-arguments.ts";

/** Two slots for USB devices, a smartcard reader, and nothing beside that moves slowly. */
export const usbMachine: VmDevices = {
  display: "VGA",
  agent: false,
  audio: false,
  webdav: false,
  usbredir: 2,
  smartcard: true,
};
