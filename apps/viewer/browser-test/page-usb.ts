// Runs in the viewer's page, before it: a `navigator.usb` with devices that no test machine has. A
// serial adapter, which says what it hears in capitals, and a stick, which browsers withhold.

import { SerialDevice, StorageDevice } from "@caraway/usbredir";
import { EmulatedWebUsb } from "../../../io/driver/test/web-usb.ts";

/** Classes that Chromium lets no page claim. */
const withheld = [0x01, 0x03, 0x08, 0x0b, 0x0e, 0x10, 0xe0];
const none = new Uint8Array(0);

function serial(): EmulatedWebUsb {
  let said: number[] = [];
  let wake = () => {};
  return new EmulatedWebUsb({
    device: new SerialDevice(),
    productName: "Echo",
    withheld,
    async work(task, work) {
      if (work.kind === "serial-write") {
        // Lower case letters of ASCII become capitals.
        said.push(...work.data.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte)));
        wake();
      }
      if (work.kind !== "serial-read") return { type: "done", task, data: none };
      while (said.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const data = Uint8Array.from(said.slice(0, work.length));
      said = said.slice(work.length);
      return { type: "done", task, data };
    },
  });
}

function stick(): EmulatedWebUsb {
  const device = new StorageDevice({ kind: "stick", medium: null });
  return new EmulatedWebUsb({ device, productName: "Stick", withheld });
}

class TestUsb extends EventTarget {
  /** What the user chooses next; a test says so. */
  choice: "serial" | "stick" | null = null;
  readonly #chosen: EmulatedWebUsb[] = [];

  async getDevices(): Promise<EmulatedWebUsb[]> {
    return this.#chosen;
  }

  async requestDevice(): Promise<EmulatedWebUsb> {
    if (!navigator.userActivation.isActive) {
      throw new DOMException("only in answer to a gesture", "SecurityError");
    }
    const { choice } = this;
    if (choice === null) throw new DOMException("no device was selected", "NotFoundError");
    const device = choice === "serial" ? serial() : stick();
    this.#chosen.push(device);
    return device;
  }

  /** The user pulls out what was chosen last. */
  pull(): void {
    const device = this.#chosen.pop();
    this.dispatchEvent(Object.assign(new Event("disconnect"), { device }));
  }
}

Object.defineProperty(navigator, "usb", { value: new TestUsb(), configurable: true });
