// A stick or a CD drive as a USB device that needs no hardware. What it stands on (a file, a block
// device, a page's own bytes) is its owner's business, who reads and writes when it asks.

import { type BlockWork, BulkOnly } from "./bulk-only.ts";
import { EndpointType, UsbSpeed, UsbStatus } from "./constants.ts";
import type { DeviceInput } from "./device-work.ts";
import { bulkLength, bulkLengthFields } from "./packet-rules.ts";
import type { Packet } from "./packets.ts";
import { type DriveKind, type Medium, ScsiDisk } from "./scsi-disk.ts";
import {
  type ControlBody,
  type ControlData,
  refuse,
  StandardRequests,
} from "./standard-requests.ts";
import { type DescribedDevice, testVendorId } from "./usb-descriptors.ts";
import type { DeviceOwner, UsbDevice } from "./usb-device.ts";

/** A drive; without a medium it is empty. */
export interface StorageOptions {
  readonly kind: DriveKind;
  readonly medium: Medium | null;
}

const bulkIn = 0x81;
const bulkOut = 0x02;
const packetSize = 512;
const storageClass = 0x08;
const scsi = 0x06;
const bulkOnly = 0x50;

const Request = { GET_MAX_LUN: 0xfe, BULK_ONLY_RESET: 0xff } as const;
const classIn = 0xa1;
const classOut = 0x21;

const endpoints = [bulkIn, bulkOut].map((address) => {
  return { address, type: EndpointType.BULK, packetSize, interval: 0 };
});

function describe(kind: DriveKind): DescribedDevice {
  return {
    speed: UsbSpeed.HIGH,
    ...{ deviceClass: 0, deviceSubclass: 0, deviceProtocol: 0 },
    ...{ vendorId: testVendorId, productId: 0x0001, version: 0x0100 },
    vendor: "Caraway",
    product: kind === "cd" ? "CD drive" : "Stick",
    // Bulk-only transport wants twelve digits or more.
    serialNumber: kind === "cd" ? "0000000000C1" : "0000000000A1",
    interfaces: [
      {
        ...{ number: 0, alternate: 0, classDescriptors: [], endpoints },
        ...{ interfaceClass: storageClass, interfaceSubclass: scsi, interfaceProtocol: bulkOnly },
      },
    ],
  };
}

export class StorageDevice implements UsbDevice {
  readonly description: DescribedDevice;
  readonly #disk: ScsiDisk;
  readonly #tasks = new Map<number, (data: Uint8Array | null) => void>();
  #owner!: DeviceOwner;
  #standard!: StandardRequests;
  #bulk!: BulkOnly;

  constructor({ kind, medium }: StorageOptions) {
    this.description = describe(kind);
    this.#disk = new ScsiDisk(kind, medium);
  }

  plugged(owner: DeviceOwner): void {
    this.#owner = owner;
    this.#standard = new StandardRequests(this.description, owner);
    this.#bulk = new BulkOnly(this.#disk, {
      answer: (side, { id, status, length, data }) => {
        const endpoint = side === "in" ? bulkIn : bulkOut;
        const body = { endpoint, status, streamId: 0, ...bulkLengthFields(length), data };
        owner.send({ name: "BULK_PACKET", id, body });
      },
      work: (work, done) => this.#work(work, done),
      ejected: () => owner.say({ type: "ejected" }),
    });
  }

  /** Whether the guest wants to be asked before the medium goes. */
  get isLocked(): boolean {
    return this.#disk.isLocked;
  }

  get medium(): Medium | null {
    return this.#disk.medium;
  }

  take(packet: Packet): void {
    switch (packet.name) {
      case "RESET":
        this.#bulk.reset();
        break;
      case "BULK_PACKET": {
        const { id, body } = packet;
        if (body.endpoint === bulkIn && body.streamId === 0) {
          this.#bulk.requestIn(id, bulkLength(body));
        } else if (body.endpoint === bulkOut && body.streamId === 0) {
          this.#bulk.requestOut(id, body.data);
        } else refuse(this.#owner, packet, UsbStatus.INVAL);
        break;
      }
      case "CANCEL_DATA_PACKET":
        this.#bulk.cancel(packet.id);
        break;
      default:
        this.#standard.take(packet, (body) => this.#control(body));
        break;
    }
  }

  handle(input: DeviceInput): void {
    if (input.type === "insert") {
      this.#disk.insert(input.medium);
      this.#bulk.mediumChanged();
    } else if (input.type === "done") {
      const done = this.#tasks.get(input.task);
      this.#tasks.delete(input.task);
      done?.(input.data);
    }
  }

  gone(): void {
    this.#bulk.reset();
  }

  snapshot(): unknown {
    return {
      configuration: this.#standard.configuration,
      tasks: this.#tasks.size,
      bulk: this.#bulk.snapshot(),
    };
  }

  /** undefined: it is no request of the class's. */
  #control({ request, requestType, index }: ControlBody): ControlData | undefined {
    if (requestType === classIn) {
      return request === Request.GET_MAX_LUN && index === 0 ? Uint8Array.of(0) : null;
    }
    if (requestType !== classOut) return undefined;
    if (request !== Request.BULK_ONLY_RESET) return null;
    this.#bulk.reset();
    return new Uint8Array(0);
  }

  #work(work: BlockWork, done: (data: Uint8Array | null) => void): void {
    const task = this.#owner.newTask();
    this.#tasks.set(task, done);
    this.#owner.say({ type: "work", task, work });
  }
}
