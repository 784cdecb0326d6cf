// Runs in a machine with USB devices: gives those that the rules on its command line allow to whoever
// speaks the guest's role of usbredir at the other end of a port.

import { createReadStream, createWriteStream, openSync } from "node:fs";
import { ClientStream, RuledUsb, UsbDevices, usbName } from "@caraway/driver";
import { parseFilter } from "@caraway/usbredir";
import { HostUsb } from "../../../io/node/src/host-usb.ts";

const [, , path = "", rules = ""] = process.argv;

function say(event: string, more: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
}

const usb = await HostUsb.open();
for (const device of await usb.devices()) {
  const id = `${device.vendorId.toString(16)}:${device.productId.toString(16)}`;
  say("device", { id, name: usbName(device) });
}
// A port can be opened once.
const port = openSync(path, "r+");
const output = createWriteStream(path, { fd: port });
const opened = { stream: 1, channel: "usbredir", id: 0, portName: null, guestOpen: true } as const;
const stream = new ClientStream({ name: "stream-opened", ...opened }, (command) => {
  if (command.name !== "stream-send") return;
  const { length } = command.bytes;
  output.write(command.bytes, () =>
    stream.handle({ name: "stream-sent", stream: 1, bytes: length }),
  );
});
const devices = new UsbDevices([]);
devices.offer(stream);
const ruled = new RuledUsb(usb, {
  taken(device) {
    say("taken", { name: usbName(device.device), withheld: device.withheld });
    devices.add(device);
  },
  left(device) {
    say("left", { name: usbName(device.device) });
    void devices.remove(device);
  },
  failed: (device, error) => say("failed", { name: usbName(device), message: String(error) }),
  event(device, event) {
    const message = "error" in event ? String(event.error) : null;
    say("usb", { name: usbName(device), type: event.type, message });
  },
});
const filter = parseFilter(rules);
await ruled.start({ onConnect: filter, auto: filter });
say("ready");
for await (const chunk of createReadStream(path, { fd: port })) {
  stream.handle({ name: "stream-data", stream: 1, bytes: new Uint8Array(chunk as Buffer) });
}
