// USB devices of this machine by libusb, which the optional package `usb` brings. It has the
// interface of WebUSB, so that one driver passes devices on here and in a page.

import { filteredUsb, PassedUsb, type UsbDeviceEvent, type WebUsbDevice } from "@caraway/driver";
import { checkFilter, type FilterRule } from "@caraway/usbredir";

export class UsbMissingError extends Error {
  readonly code = "USB_MISSING";
}

/** What a machine with libusb has, as the package `usb` gives it. */
interface UsbLibrary {
  readonly usb: { unrefHotplugEvents(): void };
  readonly WebUSB: new (options: { readonly allowAllDevices: boolean }) => WebUsbBus;
}

interface WebUsbBus {
  getDevices(): Promise<WebUsbDevice[]>;
  addEventListener(type: "connect" | "disconnect", listener: UsbListener): void;
  removeEventListener(type: "connect" | "disconnect", listener: UsbListener): void;
}

type UsbListener = (event: { readonly device: WebUsbDevice }) => void;

export interface HostUsbListener {
  connected(device: WebUsbDevice): void;
  disconnected(device: WebUsbDevice): void;
}

/** The USB devices of this machine. */
export class HostUsb {
  readonly #library: UsbLibrary;
  readonly #bus: WebUsbBus;
  #watched: [connect: UsbListener, disconnect: UsbListener] | null = null;

  private constructor(library: UsbLibrary) {
    this.#library = library;
    this.#bus = new library.WebUSB({ allowAllDevices: true });
  }

  /** @throws UsbMissingError where the package, or libusb for this system, is not installed. */
  static async open(): Promise<HostUsb> {
    try {
      // By a name that the compiler does not look up: whoever redirects nothing need not install it.
      const name = "usb";
      return new HostUsb((await import(name)) as UsbLibrary);
    } catch (error) {
      const hint = "USB devices of this machine need the package usb: npm install usb@2";
      throw new UsbMissingError(`${hint} (${(error as Error).message})`, { cause: error });
    }
  }

  /** Devices that may be opened by us, as far as the system says. */
  devices(): Promise<WebUsbDevice[]> {
    return this.#bus.getDevices();
  }

  /** Tells of devices that come and go, until `close`. */
  watch({ connected, disconnected }: HostUsbListener): void {
    const connect: UsbListener = ({ device }) => connected(device);
    const disconnect: UsbListener = ({ device }) => disconnected(device);
    this.#bus.addEventListener("connect", connect);
    this.#bus.addEventListener("disconnect", disconnect);
    this.#library.usb.unrefHotplugEvents();
    this.#watched = [connect, disconnect];
  }

  close(): void {
    if (this.#watched === null) return;
    this.#bus.removeEventListener("connect", this.#watched[0]);
    this.#bus.removeEventListener("disconnect", this.#watched[1]);
    this.#watched = null;
  }
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
  /** It was pulled out of this machine. */
  left(device: PassedUsb): void;
  /** The rules allow a device, and it cannot be had. */
  failed(device: WebUsbDevice, error: unknown): void;
  event(device: WebUsbDevice, event: UsbDeviceEvent): void;
}

/** Gives devices of this machine to the guest by rules, as they come and go. */
export class RuledUsb {
  readonly #usb: Pick<HostUsb, "devices" | "watch" | "close">;
  readonly #listener: RuledUsbListener;
  readonly #taken = new Map<WebUsbDevice, PassedUsb>();

  constructor(usb: Pick<HostUsb, "devices" | "watch" | "close">, listener: RuledUsbListener) {
    this.#usb = usb;
    this.#listener = listener;
  }

  async start({ onConnect, auto }: UsbRules): Promise<void> {
    this.#usb.watch({
      connected: (device) => {
        if (auto !== null && allows(auto, device)) void this.take(device);
      },
      disconnected: (device) => {
        const taken = this.#taken.get(device);
        this.#taken.delete(device);
        if (taken !== undefined) this.#listener.left(taken);
      },
    });
    if (onConnect === null) return;
    for (const device of await this.#usb.devices()) {
      if (allows(onConnect, device)) await this.take(device);
    }
  }

  /** Whatever the rules say. */
  async take(device: WebUsbDevice): Promise<void> {
    if (this.#taken.has(device)) return;
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
    this.#usb.close();
  }
}

function allows(rules: readonly FilterRule[], device: WebUsbDevice): boolean {
  return checkFilter(rules, filteredUsb(device)) === "allow";
}
