// USB devices of this machine by libusb, which the optional package `usb` brings. It has the
// interface of WebUSB, so that one driver passes devices on here and in a page.

import type { UsbBus, UsbBusListener, WebUsbDevice } from "@caraway/driver";

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

/** The USB devices of this machine. */
export class HostUsb implements UsbBus {
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
  watch({ connected, disconnected }: UsbBusListener): void {
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
