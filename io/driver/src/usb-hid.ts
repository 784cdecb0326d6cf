// A keyboard, mouse or tablet by USB, for guests that want one of their own.

import { type DeviceInput, HidDevice, type HidKind, scancodeUsage } from "@caraway/usbredir";
import { AttachedUsb, type UsbDeviceEvent } from "./usb-slots.ts";

export class UsbHid extends AttachedUsb {
  readonly kind: HidKind;

  constructor(kind: HidKind, onEvent: (event: UsbDeviceEvent) => void = () => {}) {
    super(onEvent);
    this.kind = kind;
  }

  /** A key by its code on SPICE's wire. False: a keyboard by USB does not have it. */
  key(scancode: number, down: boolean): boolean {
    const usage = scancodeUsage(scancode);
    if (usage !== null) this.feed({ type: "hid-key", usage, down });
    return usage !== null;
  }

  /** Where it is of `tabletMax`, or how far a mouse went; buttons and wheel as in `HidInput`. */
  point(x: number, y: number, buttons: number, wheel = 0): void {
    this.feed({ type: "hid-pointer", x, y, buttons, wheel });
  }

  make(): HidDevice {
    return new HidDevice(this.kind);
  }

  perform(): Promise<DeviceInput> {
    return Promise.reject(new Error("there is nothing to be done"));
  }

  protected async release(): Promise<void> {}
}
