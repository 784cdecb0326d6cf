// A device of WebUSB whose hardware is one of ours: what a page or libusb would be told by it. Its
// transfers cannot be called off, it wants to be opened, set up and claimed, and it refuses what the
// standard refuses.

import type { WebUsbConfiguration, WebUsbDevice } from "@caraway/driver";
import {
  type DeviceInput,
  type DeviceWork,
  type Packet,
  type PacketBody,
  PacketStream,
  type UsbDevice,
  UsbHost,
  UsbredirCapability,
} from "@caraway/usbredir";

type Setup = Parameters<WebUsbDevice["controlTransferIn"]>[0];
type InResult = Awaited<ReturnType<WebUsbDevice["transferIn"]>>;
type OutResult = Awaited<ReturnType<WebUsbDevice["transferOut"]>>;

export interface WebUsbOptions {
  readonly device: UsbDevice;
  readonly productName: string;
  readonly work?: (task: number, work: DeviceWork) => Promise<DeviceInput>;
  /** Classes that nobody may claim. */
  readonly withheld?: readonly number[];
}

const types = { standard: 0x00, class: 0x20, vendor: 0x40 } as const;
const recipients = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;
const statuses: Readonly<Record<number, "ok" | "stall" | "babble">> = {
  0: "ok",
  4: "stall",
  6: "babble",
};
const none = new Uint8Array(0);

export class EmulatedWebUsb implements WebUsbDevice {
  readonly usbVersionMajor = 2;
  readonly deviceClass: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly deviceVersionMajor = 1;
  readonly deviceVersionMinor = 0;
  readonly deviceVersionSubminor = 0;
  readonly manufacturerName = "Caraway";
  readonly productName: string;
  readonly serialNumber = "1";
  readonly configurations: readonly WebUsbConfiguration[];
  configuration: WebUsbConfiguration | null = null;
  opened = false;
  readonly claimed = new Set<number>();
  readonly #options: WebUsbOptions;
  readonly #host: UsbHost;
  readonly #stream = new PacketStream({
    role: "guest",
    version: "web",
    capabilities: Object.values(UsbredirCapability).filter((bit) => bit !== 0),
  });
  readonly #asked = new Map<bigint, (packet: Packet) => void>();
  readonly #arrived = new Map<number, Uint8Array[]>();
  readonly #waiting = new Map<number, ((data: Uint8Array) => void)[]>();
  #nextId = 1n;

  constructor(options: WebUsbOptions) {
    this.#options = options;
    this.#host = new UsbHost(options.device);
    const { deviceClass, vendorId, productId, interfaces } = options.device.description;
    this.deviceClass = deviceClass;
    this.vendorId = vendorId;
    this.productId = productId;
    this.productName = options.productName;
    this.configurations = [
      {
        configurationValue: 1,
        interfaces: interfaces.map(({ number, alternate, ...each }) => ({
          interfaceNumber: number,
          alternates: [{ alternateSetting: alternate, ...each }],
        })),
      },
    ];
    this.feed({ type: "received", bytes: this.#stream.hello() });
  }

  /** For inputs of the device that is behind it. */
  feed(input: Parameters<UsbHost["handle"]>[0]): void {
    this.#host.handle(input);
    for (let output = this.#host.poll(); output !== null; output = this.#host.poll()) {
      if (output.type === "transmit") this.#stream.push(output.bytes);
      else if (output.type === "work") {
        const { task, work } = output;
        void this.#options.work?.(task, work).then((answer) => this.feed(answer));
      }
    }
    for (let packet = this.#stream.next(); packet !== null; packet = this.#stream.next()) {
      this.#take(packet);
    }
  }

  async open(): Promise<void> {
    this.opened = true;
  }

  async close(): Promise<void> {
    this.opened = false;
    this.claimed.clear();
    for (const waiting of this.#waiting.values()) waiting.length = 0;
  }

  async selectConfiguration(value: number): Promise<void> {
    this.#demand(this.opened, "InvalidStateError", "it is not open");
    const found = this.configurations.find((each) => each.configurationValue === value);
    this.#demand(found !== undefined, "NotFoundError", "there is no such configuration");
    await this.#ask({ name: "SET_CONFIGURATION", body: { configuration: value } });
    this.configuration = found!;
    this.claimed.clear();
  }

  async claimInterface(number: number): Promise<void> {
    this.#demand(this.configuration !== null, "InvalidStateError", "it is not configured");
    const found = this.configuration!.interfaces.find((each) => each.interfaceNumber === number);
    this.#demand(found !== undefined, "NotFoundError", "there is no such interface");
    const isWithheld = this.#options.withheld?.includes(found!.alternates[0]!.interfaceClass);
    this.#demand(!isWithheld, "SecurityError", "the class of the interface is protected");
    this.claimed.add(number);
    for (const { address, type } of this.#endpointsOf(number)) {
      if (type !== 3 || (address & 0x80) === 0) continue;
      await this.#ask({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: address } });
    }
  }

  async selectAlternateInterface(number: number, alternate: number): Promise<void> {
    this.#demand(this.claimed.has(number), "InvalidStateError", "it is not claimed");
    const body = { interface: number, alt: alternate };
    const answer = await this.#ask({ name: "SET_ALT_SETTING", body });
    if (answer.name === "ALT_SETTING_STATUS" && answer.body.status === 0) return;
    throw new DOMException("there is no such setting", "NotFoundError");
  }

  async controlTransferIn(setup: Setup, length: number): Promise<InResult> {
    return inResult(await this.#control(setup, 0x80, length, none));
  }

  async controlTransferOut(setup: Setup, data: Uint8Array = none): Promise<OutResult> {
    const { status, length } = await this.#control(setup, 0, data.length, data);
    return { status: statuses[status], bytesWritten: length };
  }

  async clearHalt(direction: "in" | "out", endpoint: number): Promise<void> {
    const index = endpoint | (direction === "in" ? 0x80 : 0);
    const setup = { requestType: "standard", recipient: "endpoint", request: 1 } as const;
    await this.#control({ ...setup, value: 0, index }, 0, 0, none);
  }

  async transferIn(endpoint: number, length: number): Promise<InResult> {
    const address = endpoint | 0x80;
    if (this.#type(address) === 3) {
      const data = this.#arrived.get(address)?.shift() ?? (await this.#comes(address));
      return { status: "ok", data: new DataView(data.buffer, data.byteOffset, data.length) };
    }
    return inResult(await this.#bulk(address, length, none));
  }

  async transferOut(endpoint: number, data: Uint8Array): Promise<OutResult> {
    const { status, length, lengthHigh } = await this.#bulk(endpoint, data.length, data);
    return { status: statuses[status], bytesWritten: length + (lengthHigh ?? 0) * 65_536 };
  }

  isochronousTransferIn(): Promise<never> {
    return Promise.reject(new DOMException("there is no such endpoint", "NotFoundError"));
  }

  isochronousTransferOut(): Promise<never> {
    return Promise.reject(new DOMException("there is no such endpoint", "NotFoundError"));
  }

  async reset(): Promise<void> {
    this.feed({ type: "received", bytes: this.#stream.write({ name: "RESET", id: 0n, body: {} }) });
    for (const number of this.claimed) await this.claimInterface(number);
  }

  #take(packet: Packet): void {
    if (packet.name === "INTERRUPT_PACKET") {
      const { endpoint, data } = packet.body;
      const waiting = this.#waiting.get(endpoint)?.shift();
      if (waiting !== undefined) waiting(data);
      else this.#arrived.set(endpoint, [...(this.#arrived.get(endpoint) ?? []), data]);
      return;
    }
    const asked = this.#asked.get(packet.id);
    // What describes the device comes before the answer, without an id of its own.
    if (packet.name === "INTERFACE_INFO" || packet.name === "EP_INFO") return;
    this.#asked.delete(packet.id);
    asked?.(packet);
  }

  #comes(address: number): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#waiting.set(address, [...(this.#waiting.get(address) ?? []), resolve]);
    });
  }

  #ask(packet: PacketBody): Promise<Packet> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.feed({ type: "received", bytes: this.#stream.write({ ...packet, id } as Packet) });
    });
  }

  async #control(setup: Setup, endpoint: number, length: number, data: Uint8Array) {
    this.#demand(this.opened, "InvalidStateError", "it is not open");
    const { request, value, index } = setup;
    const requestType = endpoint | types[setup.requestType] | recipients[setup.recipient];
    const body = { endpoint, request, requestType, status: 0, value, index, length, data };
    const answer = await this.#ask({ name: "CONTROL_PACKET", body });
    if (answer.name !== "CONTROL_PACKET") throw new Error(`it answers by ${answer.name}`);
    return answer.body;
  }

  async #bulk(endpoint: number, length: number, data: Uint8Array) {
    this.#demand(this.#type(endpoint) !== null, "NotFoundError", "it is not claimed");
    const lengths = { length: length & 0xffff, lengthHigh: length >>> 16 };
    const body = { endpoint, status: 0, streamId: 0, ...lengths, data };
    const answer = await this.#ask({ name: "BULK_PACKET", body });
    if (answer.name !== "BULK_PACKET") throw new Error(`it answers by ${answer.name}`);
    return answer.body;
  }

  #endpointsOf(number: number) {
    const { interfaces } = this.#options.device.description;
    return interfaces.find((each) => each.number === number)?.endpoints ?? [];
  }

  /** Of an endpoint that is claimed. */
  #type(address: number): number | null {
    for (const number of this.claimed) {
      const found = this.#endpointsOf(number).find((each) => each.address === address);
      if (found !== undefined) return found.type;
    }
    return null;
  }

  #demand(isSo: boolean, name: string, message: string): void {
    if (!isSo) throw new DOMException(message, name);
  }
}

function inResult({ status, data }: { status: number; data: Uint8Array }): InResult {
  const bytes = data.slice();
  return { status: statuses[status], data: new DataView(bytes.buffer) };
}
