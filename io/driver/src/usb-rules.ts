// Real devices that go to the guest by themselves, by usbredir's rules for filters: those that are
// there when a session begins, and those that come while it lasts.

import { checkFilter, type FilterRule } from "@caraway/usbredir";
import { filteredUsb, PassedUsb, type WebUsbDevice } from "./passed-usb.ts";
import type { UsbDeviceEvent } from "./usb-slots.ts";

/** What has devices: libusb, or a page. */
export interface UsbBus {
  devices(): Promise<readonly WebUsbDevice[]>;
  /** Tells of devices that come and go, until `close`. */
  watch(listener: UsbBusListener): void;
  close(): void;
}

export interface UsbBusListener {
  connected(device: WebUsbDevice): void;
  disconnected(device: WebUsbDevice): void;
}

export interface UsbRules {
  /** For devices that are there when the session begins; null: none of them. */
  readonly onConnect: readonly FilterRule[] | null;
  /** For devices that are plugged in while it lasts; null: none of them. */
  readonly auto: readonly FilterRule[] | null;
}

/** As virt-viewer: anything but keyboards, mice and their like. */
export const defaultAutoFilter = "0x03,-1,-1,-1,0|-1,-1,-1,-1,1";

export interface RuledUsbListener {
  /** A device is given to the guest as soon as it has a slot. */
  taken(device: PassedUsb): void;
  /** It was pulled out. */
  left(device: PassedUsb): void;
  /** The rules allow a device, and it cannot be had. */
  failed(device: WebUsbDevice, error: unknown): void;
  event(device: WebUsbDevice, event: UsbDeviceEvent): void;
}

/** Gives devices of a bus to the guest by rules, as they come and go. */
export class RuledUsb {
  readonly #usb: UsbBus;
  readonly #listener: RuledUsbListener;
  readonly #taken = new Map<WebUsbDevice, PassedUsb>();
  #auto: readonly FilterRule[] | null = null;
  #isWatching = false;

  constructor(usb: UsbBus, listener: RuledUsbListener) {
    this.#usb = usb;
    this.#listener = listener;
  }

  /** Other rules replace the ones before. */
  async start({ onConnect, auto }: UsbRules): Promise<void> {
    this.#auto = auto;
    this.#watch();
    if (onConnect === null) return;
    for (const device of await this.#usb.devices()) {
      if (allows(onConnect, device)) await this.take(device);
    }
  }

  /** Whatever the rules say; again, where its owner pulled it out. */
  async take(device: WebUsbDevice): Promise<void> {
    if (this.#taken.get(device)?.isWanted === true) return;
    this.#watch();
    const tell = (event: UsbDeviceEvent) => this.#listener.event(device, event);
    try {
      const taken = await PassedUsb.open(device, tell);
      this.#taken.set(device, taken);
      this.#listener.taken(taken);
    } catch (error) {
      this.#listener.failed(device, error);
    }
  }

  close(): void {
    this.#isWatching = false;
    this.#usb.close();
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#usb.watch({
      connected: (device) => {
        if (this.#auto !== null && allows(this.#auto, device)) void this.take(device);
      },
      disconnected: (device) => {
        const taken = this.#taken.get(device);
        this.#taken.delete(device);
        if (taken !== undefined) this.#listener.left(taken);
      },
    });
  }
}

function allows(rules: readonly FilterRule[], device: WebUsbDevice): boolean {
  return checkFilter(rules, filteredUsb(device)) === "allow";
}
