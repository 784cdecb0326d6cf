// The USB devices that the user lets a page have (WebUSB). Browsers withhold whole classes of them:
// audio, video, keyboards and mice, storage, smartcard readers, wireless adapters; and all of them
// from pages that are not secure.

import type { UsbBus, UsbBusListener, WebUsbDevice } from "@caraway/driver";

type ConnectionListener = (event: { readonly device: WebUsbDevice }) => void;

/** What we use of `navigator.usb`. */
export interface WebUsb {
  getDevices(): Promise<readonly WebUsbDevice[]>;
  requestDevice(options: { readonly filters: readonly object[] }): Promise<WebUsbDevice>;
  addEventListener(type: "connect" | "disconnect", listener: ConnectionListener): void;
  removeEventListener(type: "connect" | "disconnect", listener: ConnectionListener): void;
}

export class PageUsb implements UsbBus {
  readonly #usb: WebUsb;
  #watched: [connect: ConnectionListener, disconnect: ConnectionListener] | null = null;

  constructor(usb: WebUsb) {
    this.#usb = usb;
  }

  /** Null where the browser, or this page, has no WebUSB. */
  static find(): PageUsb | null {
    const { usb } = globalThis.navigator as { readonly usb?: WebUsb };
    return usb === undefined ? null : new PageUsb(usb);
  }

  /** Those that the user chose before. */
  devices(): Promise<readonly WebUsbDevice[]> {
    return this.#usb.getDevices();
  }

  /** Asks the user, in answer to a gesture. Null: none was chosen. */
  async choose(): Promise<WebUsbDevice | null> {
    try {
      return await this.#usb.requestDevice({ filters: [] });
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotFoundError") return null;
      throw error;
    }
  }

  watch({ connected, disconnected }: UsbBusListener): void {
    const connect: ConnectionListener = ({ device }) => connected(device);
    const disconnect: ConnectionListener = ({ device }) => disconnected(device);
    this.#usb.addEventListener("connect", connect);
    this.#usb.addEventListener("disconnect", disconnect);
    this.#watched = [connect, disconnect];
  }

  close(): void {
    if (this.#watched === null) return;
    this.#usb.removeEventListener("connect", this.#watched[0]);
    this.#usb.removeEventListener("disconnect", this.#watched[1]);
    this.#watched = null;
  }
}
