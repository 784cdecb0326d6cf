// A real USB device that a page (WebUSB) or libusb gives us, passed on to the guest. Both have the
// interface of the W3C's WebUSB, of which this is what we use.

import {
  type ControlSetup,
  type DeviceInput,
  type DeviceState,
  type DeviceWork,
  type FilteredDevice,
  likelySpeed,
  PassedDevice,
  readConfiguration,
  readDevice,
  type TransferResult,
  type TransferWork,
  UsbStatus,
} from "@caraway/usbredir";
import { AttachedUsb, type UsbDeviceEvent } from "./usb-slots.ts";

type TransferStatus = "ok" | "stall" | "babble";

interface WebUsbSetup {
  readonly requestType: "standard" | "class" | "vendor";
  readonly recipient: "device" | "interface" | "endpoint" | "other";
  readonly request: number;
  readonly value: number;
  readonly index: number;
}

interface InResult {
  readonly status?: TransferStatus | undefined;
  readonly data?: DataView | undefined;
}

interface OutResult {
  readonly status?: TransferStatus | undefined;
  readonly bytesWritten?: number | undefined;
}

interface WebUsbAlternate {
  readonly alternateSetting: number;
  readonly interfaceClass: number;
  readonly interfaceSubclass: number;
  readonly interfaceProtocol: number;
}

/** A USBDevice of WebUSB. */
export interface WebUsbDevice {
  readonly usbVersionMajor: number;
  readonly deviceClass: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly deviceVersionMajor: number;
  readonly deviceVersionMinor: number;
  readonly deviceVersionSubminor: number;
  readonly manufacturerName?: string | null | undefined;
  readonly productName?: string | null | undefined;
  readonly serialNumber?: string | null | undefined;
  readonly configurations: readonly WebUsbConfiguration[];
  readonly configuration?: WebUsbConfiguration | null | undefined;
  open(): Promise<void>;
  close(): Promise<void>;
  selectConfiguration(value: number): Promise<void>;
  claimInterface(number: number): Promise<void>;
  selectAlternateInterface(number: number, alternate: number): Promise<void>;
  controlTransferIn(setup: WebUsbSetup, length: number): Promise<InResult>;
  controlTransferOut(setup: WebUsbSetup, data?: Uint8Array<ArrayBuffer>): Promise<OutResult>;
  clearHalt(direction: "in" | "out", endpoint: number): Promise<void>;
  transferIn(endpoint: number, length: number): Promise<InResult>;
  transferOut(endpoint: number, data: Uint8Array<ArrayBuffer>): Promise<OutResult>;
  isochronousTransferIn(
    endpoint: number,
    lengths: number[],
  ): Promise<{ readonly packets: readonly InResult[] }>;
  isochronousTransferOut(
    endpoint: number,
    data: Uint8Array<ArrayBuffer>,
    lengths: number[],
  ): Promise<unknown>;
  reset(): Promise<void>;
}

export interface WebUsbConfiguration {
  readonly configurationValue: number;
  readonly interfaces: readonly {
    readonly interfaceNumber: number;
    readonly alternates: readonly WebUsbAlternate[];
  }[];
}

/** The system or the browser lets nobody have the device, or has it for itself. */
export class UsbWithheldError extends Error {
  readonly code = "USB_WITHHELD";
}

/** A device as rules for redirection see it, before it is opened. */
export function filteredUsb(device: WebUsbDevice): FilteredDevice {
  const { deviceClass, vendorId: vendor, productId: product } = device;
  const { deviceVersionMajor: major, deviceVersionMinor: minor } = device;
  const configuration = device.configuration ?? device.configurations[0];
  const interfaces = (configuration?.interfaces ?? []).map(({ alternates: [first] }) => ({
    interfaceClass: first?.interfaceClass ?? 0,
    interfaceSubclass: first?.interfaceSubclass ?? 0,
    interfaceProtocol: first?.interfaceProtocol ?? 0,
  }));
  const version = (major << 8) | (minor << 4) | device.deviceVersionSubminor;
  return { deviceClass, vendor, product, version, interfaces };
}

/** What people call it. */
export function usbName(device: WebUsbDevice): string {
  const names = [device.manufacturerName, device.productName].filter((name) => name);
  const id = [device.vendorId, device.productId].map((each) => each.toString(16).padStart(4, "0"));
  return names.length > 0 ? names.join(" ") : id.join(":");
}

const none = new Uint8Array(0);
const GET_DESCRIPTOR = 6;
const requestTypes = ["standard", "class", "vendor"] as const;
const recipients = ["device", "interface", "endpoint", "other"] as const;
/** Of a configuration descriptor with all that follows it. */
const configurationMax = 4096;

export class PassedUsb extends AttachedUsb {
  readonly device: WebUsbDevice;
  /** Interfaces that others have, or that a browser withholds; the guest sees them and cannot use them. */
  readonly withheld: readonly number[];
  readonly #alternates = new Map<number, number>();
  #state: DeviceState;

  private constructor(
    device: WebUsbDevice,
    state: DeviceState,
    withheld: readonly number[],
    onEvent: (event: UsbDeviceEvent) => void,
  ) {
    super(onEvent);
    this.device = device;
    this.withheld = withheld;
    this.#state = state;
  }

  /**
   * Takes the device from whoever has it. Throws `UsbWithheldError` when none of its interfaces may
   * be had, and what the platform throws when it cannot be opened.
   */
  static async open(
    device: WebUsbDevice,
    onEvent: (event: UsbDeviceEvent) => void = () => {},
  ): Promise<PassedUsb> {
    await device.open();
    try {
      const withheld = await claimAll(device);
      const state = await stateOf(device, new Map());
      return new PassedUsb(device, state, withheld, onEvent);
    } catch (error) {
      await device.close().catch(() => {});
      throw error;
    }
  }

  override get workMax(): number {
    // What waits for a device may wait for ever; the machine bounds it by endpoint.
    return Number.POSITIVE_INFINITY;
  }

  make(): PassedDevice {
    return new PassedDevice(this.#state);
  }

  async perform(task: number, work: DeviceWork): Promise<DeviceInput> {
    return { type: "transferred", task, result: await this.#transfer(work as TransferWork) };
  }

  protected async release(): Promise<void> {
    await this.device.close().catch(() => {});
  }

  async #transfer(work: TransferWork): Promise<TransferResult> {
    try {
      return await this.#do(work);
    } catch (error) {
      // Most often a device that was pulled out, which its owner hears of by itself.
      this.tell({ type: "io-error", error });
      return { status: UsbStatus.IOERROR, data: none, length: 0 };
    }
  }

  async #do(work: TransferWork): Promise<TransferResult> {
    const { device } = this;
    switch (work.kind) {
      case "control-in": {
        return arrived(await device.controlTransferIn(setupOf(work.setup), work.length));
      }
      case "control-out": {
        return sent(await device.controlTransferOut(setupOf(work.setup), work.data.slice()));
      }
      case "transfer-in":
        return arrived(await device.transferIn(work.endpoint & 0x0f, work.length));
      case "transfer-out":
        return sent(await device.transferOut(work.endpoint & 0x0f, work.data.slice()));
      case "iso-in": {
        const { packets } = await device.isochronousTransferIn(work.endpoint & 0x0f, [
          ...work.lengths,
        ]);
        return { status: UsbStatus.SUCCESS, data: none, length: 0, packets: packets.map(arrived) };
      }
      case "iso-out": {
        const lengths = [...work.lengths];
        await device.isochronousTransferOut(work.endpoint & 0x0f, work.data.slice(), lengths);
        return done(work.data.length);
      }
      case "clear-halt": {
        const direction = (work.endpoint & 0x80) === 0 ? "out" : "in";
        await device.clearHalt(direction, work.endpoint & 0x0f);
        return done(0);
      }
      case "configure":
        if (device.configuration?.configurationValue !== work.configuration) {
          this.#alternates.clear();
          await device.selectConfiguration(work.configuration);
          await claimAll(device);
        }
        return await this.#changed();
      case "alternate":
        await device.selectAlternateInterface(work.interface, work.alternate);
        this.#alternates.set(work.interface, work.alternate);
        return await this.#changed();
      case "reset":
        await device.reset();
        await claimAll(device);
        return await this.#changed();
    }
  }

  async #changed(): Promise<TransferResult> {
    this.#state = await stateOf(this.device, this.#alternates);
    return { ...done(0), state: this.#state };
  }
}

/** Gives the interfaces that could not be had. */
async function claimAll(device: WebUsbDevice): Promise<readonly number[]> {
  const [first] = device.configurations;
  if (!device.configuration && first !== undefined) {
    await device.selectConfiguration(first.configurationValue);
  }
  const withheld: number[] = [];
  const interfaces = device.configuration?.interfaces ?? [];
  let reason: unknown = null;
  for (const { interfaceNumber } of interfaces) {
    try {
      await device.claimInterface(interfaceNumber);
    } catch (error) {
      reason = error;
      withheld.push(interfaceNumber);
    }
  }
  if (interfaces.length === 0 || withheld.length < interfaces.length) return withheld;
  const detail = reason instanceof Error ? reason.message : String(reason);
  throw new UsbWithheldError(`${usbName(device)} is withheld: ${detail}`, { cause: reason });
}

async function stateOf(
  device: WebUsbDevice,
  alternates: ReadonlyMap<number, number>,
): Promise<DeviceState> {
  const facts = readDevice(await describe(device, 1, 0, 18));
  const wanted = device.configuration?.configurationValue ?? 0;
  for (let index = 0; index < device.configurations.length; index++) {
    const bytes = await describe(device, 2, index, configurationMax);
    const { configuration, interfaces } = readConfiguration(bytes, alternates);
    if (configuration !== wanted) continue;
    const speed = likelySpeed(device.usbVersionMajor, interfaces);
    return { description: { ...facts, speed, interfaces }, configuration };
  }
  const interfaces: never[] = [];
  const speed = likelySpeed(device.usbVersionMajor, interfaces);
  return { description: { ...facts, speed, interfaces }, configuration: wanted };
}

async function describe(
  device: WebUsbDevice,
  type: number,
  index: number,
  length: number,
): Promise<Uint8Array> {
  const setup = { requestType: "standard", recipient: "device", request: GET_DESCRIPTOR } as const;
  const value = (type << 8) | index;
  return arrived(await device.controlTransferIn({ ...setup, value, index: 0 }, length)).data;
}

function setupOf({ request, requestType, value, index }: ControlSetup): WebUsbSetup {
  const type = requestTypes[(requestType >> 5) & 3];
  const recipient = recipients[requestType & 0x1f];
  if (type === undefined || recipient === undefined) {
    throw new RangeError(`there is no request type ${requestType}`);
  }
  return { requestType: type, recipient, request, value, index };
}

function statusOf(status: TransferStatus | undefined): number {
  if (status === "stall") return UsbStatus.STALL;
  return status === "babble" ? UsbStatus.BABBLE : UsbStatus.SUCCESS;
}

function arrived({ status, data }: InResult): TransferResult {
  const bytes =
    data === undefined ? none : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { status: statusOf(status), data: bytes, length: bytes.length };
}

function sent({ status, bytesWritten }: OutResult): TransferResult {
  return { status: statusOf(status), data: none, length: bytesWritten ?? 0 };
}

function done(length: number): TransferResult {
  return { status: UsbStatus.SUCCESS, data: none, length };
}
