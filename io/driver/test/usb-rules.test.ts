import {
  defaultAutoFilter,
  type PassedUsb,
  RuledUsb,
  type UsbBus,
  type UsbBusListener,
  type WebUsbDevice,
} from "@caraway/driver";
import { HidDevice, parseFilter, SerialDevice, type UsbDevice } from "@caraway/usbredir";
import { describe, expect, it } from "vitest";
import { EmulatedWebUsb } from "./web-usb.ts";

function web(device: UsbDevice, productName: string, withheld: readonly number[] = []) {
  return new EmulatedWebUsb({ device, productName, withheld });
}

class Bus implements UsbBus {
  readonly there: WebUsbDevice[] = [];
  listener: UsbBusListener | null = null;

  async devices(): Promise<readonly WebUsbDevice[]> {
    return this.there;
  }

  watch(listener: UsbBusListener): void {
    this.listener = listener;
  }

  close(): void {
    this.listener = null;
  }
}

function ruled(bus: Bus) {
  const taken: PassedUsb[] = [];
  const heard: string[] = [];
  const rules = new RuledUsb(bus, {
    taken: (device) => {
      taken.push(device);
      heard.push(`${device.device.productName} taken`);
    },
    left: ({ device }) => heard.push(`${device.productName} left`),
    failed: ({ productName }, error) => heard.push(`${productName}: ${(error as Error).message}`),
    event: () => {},
  });
  return { rules, taken, heard };
}

describe("rules for real devices", () => {
  it("give the guest what is there, and what comes, and leave keyboards alone", async () => {
    const bus = new Bus();
    const [line, keys] = [web(new SerialDevice(), "Line"), web(new HidDevice("keyboard"), "Keys")];
    bus.there.push(keys, line);
    const { rules, heard } = ruled(bus);
    const auto = parseFilter(defaultAutoFilter);
    await rules.start({ onConnect: auto, auto });
    expect(heard).toEqual(["Line taken"]);
    const other = web(new SerialDevice(), "Other");
    bus.listener!.connected(web(new HidDevice("mouse"), "Mouse"));
    bus.listener!.connected(other);
    await expect.poll(() => heard).toEqual(["Line taken", "Other taken"]);
    bus.listener!.disconnected(keys);
    bus.listener!.disconnected(line);
    expect(heard.at(-1)).toBe("Line left");
    rules.close();
    expect(bus.listener).toBeNull();
  });

  it("leave alone what is there when only what comes is wanted, and the other way", async () => {
    const bus = new Bus();
    bus.there.push(web(new SerialDevice(), "Line"));
    const { rules, heard } = ruled(bus);
    const all = parseFilter("-1,-1,-1,-1,1");
    await rules.start({ onConnect: null, auto: all });
    expect(heard).toEqual([]);
    await rules.start({ onConnect: all, auto: null });
    expect(heard).toEqual(["Line taken"]);
    bus.listener!.connected(web(new SerialDevice(), "Other"));
    await Promise.resolve();
    expect(heard).toEqual(["Line taken"]);
  });

  it("take a device again that was pulled out by hand, and say what cannot be had", async () => {
    const bus = new Bus();
    const line = web(new SerialDevice(), "Line");
    const { rules, taken, heard } = ruled(bus);
    await rules.take(line);
    await rules.take(line);
    expect(heard).toEqual(["Line taken"]);
    taken[0]!.unplug();
    await taken[0]!.close();
    await rules.take(line);
    expect(heard).toEqual(["Line taken", "Line taken"]);
    await rules.take(web(new HidDevice("tablet"), "Tablet", [3]));
    expect(heard.at(-1)).toContain("Tablet: Caraway Tablet is withheld");
    // What was taken by hand is followed, too.
    bus.listener!.disconnected(line);
    expect(heard.at(-1)).toBe("Line left");
  });
});
