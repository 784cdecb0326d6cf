// What stands behind the host's role of a slot: a device takes the guest's packets and answers them.
// Some need no hardware; one passes everything on to a real device.

import type { DeviceInput, DeviceOutput } from "./device-work.ts";
import type { Packet } from "./packets.ts";
import type { UsbDescription } from "./usb-description.ts";

export interface DeviceOwner {
  send(packet: Packet): void;
  say(output: DeviceOutput): void;
  /** A number for work that no other work of the slot has. */
  newTask(): number;
}

export interface UsbDevice {
  /** As it is now; it may be another behind a configuration or an alternate setting. */
  readonly description: UsbDescription;
  /** Called once, before anything else. */
  plugged(owner: DeviceOwner): void;
  /** Whatever the guest says of a device that it has. */
  take(packet: Packet): void;
  handle(input: DeviceInput): void;
  /** The guest has lost it: nothing of what is under way is answered. */
  gone(): void;
  snapshot(): unknown;
}
