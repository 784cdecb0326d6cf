// `caraway usb`: the USB devices of this machine, as `--usb host=…` and rules for redirection name them.

import { filteredUsb, HostUsb, usbName } from "@caraway/node";
import type { Command } from "commander";
import { jsonLine } from "./json-lines.ts";

export function addUsbCommand(program: Command): void {
  program
    .command("usb")
    .description("list the USB devices of this machine that a guest could be given")
    .option("--json", "one JSON object a line on standard output", false)
    .action(listDevices);
}

async function listDevices({ json }: { readonly json: boolean }): Promise<void> {
  const usb = await HostUsb.open();
  const devices = await usb.devices();
  for (const device of devices) {
    const { vendor, product, version, deviceClass, interfaces } = filteredUsb(device);
    const [id, classes] = [`${hex(vendor, 4)}:${hex(product, 4)}`, [deviceClass]];
    for (const { interfaceClass } of interfaces) classes.push(interfaceClass);
    const name = usbName(device);
    if (json) {
      process.stdout.write(`${jsonLine({ id, name, version, deviceClass, interfaces })}\n`);
    } else {
      const kinds = [...new Set(classes)].filter((each) => each !== 0);
      process.stdout.write(
        `${id}  ${name}  (class ${kinds.map((each) => hex(each, 2)).join(", ")})\n`,
      );
    }
  }
  if (devices.length === 0 && !json) {
    process.stderr.write("this machine has no USB device that could be opened\n");
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
