// A serial adapter as a USB device that needs no hardware: the abstract control model of the CDC
// class 1.2, for which systems have a driver of their own. What is at the other end of the line is
// its owner's business, who reads and writes when it asks.

import { EndpointType, endpointIn, UsbSpeed, UsbStatus } from "./constants.ts";
import type { DeviceInput, LineState, SerialWork } from "./device-work.ts";
import { bulkLength, bulkLengthFields } from "./packet-rules.ts";
import type { Packet, PacketOf } from "./packets.ts";
import { InPipe, OutPipe } from "./pipes.ts";
import {
  type ControlBody,
  type ControlData,
  refuse,
  StandardRequests,
} from "./standard-requests.ts";
import { type DescribedDevice, testVendorId } from "./usb-descriptors.ts";
import type { DeviceOwner, UsbDevice } from "./usb-device.ts";

const eventEndpoint = 0x81;
const dataIn = 0x82;
const dataOut = 0x03;
const packetSize = 512;
const none = new Uint8Array(0);
const parities = ["none", "odd", "even", "mark", "space"] as const;
const stops = [1, 1.5, 2] as const;

const Request = {
  SET_LINE_CODING: 0x20,
  GET_LINE_CODING: 0x21,
  SET_CONTROL_LINE_STATE: 0x22,
  SEND_BREAK: 0x23,
} as const;

const classSpecific = 0x24;
const controlDescriptors = [
  // Header of CDC 1.10; calls are nobody's business; line coding, states and breaks; a union.
  ...[5, classSpecific, 0x00, 0x10, 0x01],
  ...[5, classSpecific, 0x01, 0x00, 1],
  ...[4, classSpecific, 0x02, 0x06],
  ...[5, classSpecific, 0x06, 0, 1],
];

const description: DescribedDevice = {
  speed: UsbSpeed.HIGH,
  ...{ deviceClass: 0x02, deviceSubclass: 0, deviceProtocol: 0 },
  ...{ vendorId: testVendorId, productId: 0x0005, version: 0x0100 },
  ...{ vendor: "Caraway", product: "Serial line", serialNumber: "1" },
  interfaces: [
    {
      ...{ number: 0, alternate: 0, classDescriptors: controlDescriptors },
      ...{ interfaceClass: 0x02, interfaceSubclass: 0x02, interfaceProtocol: 0 },
      endpoints: [
        { address: eventEndpoint, type: EndpointType.INTERRUPT, packetSize: 16, interval: 9 },
      ],
    },
    {
      ...{ number: 1, alternate: 0, classDescriptors: [] },
      ...{ interfaceClass: 0x0a, interfaceSubclass: 0, interfaceProtocol: 0 },
      endpoints: [dataIn, dataOut].map((address) => {
        return { address, type: EndpointType.BULK, packetSize, interval: 0 };
      }),
    },
  ],
};

export class SerialDevice implements UsbDevice {
  readonly description = description;
  readonly #tasks = new Map<number, (data: Uint8Array | null) => void>();
  #owner!: DeviceOwner;
  #standard!: StandardRequests;
  #line: LineState = {
    ...{ baud: 9600, dataBits: 8, parity: "none", stopBits: 1 },
    ...{ dtr: false, rts: false },
  };
  #coding = Uint8Array.of(0x80, 0x25, 0, 0, 0, 0, 8);
  #nextId = 0n;
  readonly #input = new InPipe(1, {
    read: (length) => {
      this.#work({ kind: "serial-read", length }, (data) => {
        const status = data === null ? UsbStatus.IOERROR : UsbStatus.SUCCESS;
        this.#input.arrived({ status, data: data ?? none });
      });
    },
    answer: (id, { status, data }) => {
      const fields = { ...bulkLengthFields(data.length), data };
      const body = { endpoint: dataIn, status, streamId: 0, ...fields };
      this.#owner.send({ name: "BULK_PACKET", id, body });
    },
  });
  readonly #output = new OutPipe(1, {
    write: (id, data) => {
      this.#work({ kind: "serial-write", data }, (done) => {
        const status = done === null ? UsbStatus.IOERROR : UsbStatus.SUCCESS;
        this.#output.ended(id, status, done === null ? 0 : data.length);
      });
    },
    answer: (id, status, length) => {
      const fields = { ...bulkLengthFields(length), data: none };
      const body = { endpoint: dataOut, status, streamId: 0, ...fields };
      this.#owner.send({ name: "BULK_PACKET", id, body });
    },
  });

  plugged(owner: DeviceOwner): void {
    this.#owner = owner;
    this.#standard = new StandardRequests(description, owner);
  }

  get line(): LineState {
    return this.#line;
  }

  take(packet: Packet): void {
    switch (packet.name) {
      case "RESET":
        this.#input.forget();
        this.#output.restart();
        break;
      case "BULK_PACKET":
        this.#bulk(packet);
        break;
      case "CANCEL_DATA_PACKET":
        if (!this.#input.cancel(packet.id)) this.#output.cancel(packet.id);
        break;
      case "START_INTERRUPT_RECEIVING":
      case "STOP_INTERRUPT_RECEIVING": {
        const { endpoint } = packet.body;
        const status = endpoint === eventEndpoint ? UsbStatus.SUCCESS : UsbStatus.INVAL;
        const body = { status, endpoint };
        this.#owner.send({ name: "INTERRUPT_RECEIVING_STATUS", id: packet.id, body });
        const begins = packet.name === "START_INTERRUPT_RECEIVING";
        if (begins && status === UsbStatus.SUCCESS) this.#tellCarrier();
        break;
      }
      default:
        this.#standard.take(packet, (body) => this.#control(body));
        break;
    }
  }

  handle(input: DeviceInput): void {
    if (input.type !== "done") return;
    const done = this.#tasks.get(input.task);
    this.#tasks.delete(input.task);
    done?.(input.data);
  }

  gone(): void {
    this.#tasks.clear();
    this.#input.restart();
    this.#output.restart();
  }

  snapshot(): unknown {
    return {
      configuration: this.#standard.configuration,
      line: this.#line,
      input: this.#input.snapshot(),
      output: this.#output.snapshot(),
    };
  }

  #bulk(packet: PacketOf<"BULK_PACKET">): void {
    const { id, body } = packet;
    const isData = body.endpoint === dataIn || body.endpoint === dataOut;
    if (!isData || body.streamId !== 0) refuse(this.#owner, packet);
    else if ((body.endpoint & endpointIn) !== 0) this.#input.request(id, bulkLength(body));
    else this.#output.request(id, body.data);
  }

  /** SERIAL_STATE: somebody is there at the other end, and is ready. */
  #tellCarrier(): void {
    const data = Uint8Array.of(0xa1, 0x20, 0, 0, 0, 0, 2, 0, 3, 0);
    const head = { endpoint: eventEndpoint, status: UsbStatus.SUCCESS, length: data.length };
    const packet = { id: this.#nextId++, body: { ...head, data } };
    this.#owner.send({ name: "INTERRUPT_PACKET", ...packet });
  }

  #control({ request, requestType, value, data }: ControlBody): ControlData | undefined {
    if ((requestType & 0x7f) !== 0x21) return undefined;
    switch (request) {
      case Request.SET_LINE_CODING: {
        const view = new DataView(data.buffer, data.byteOffset, data.length);
        const parity = parities[data[5] ?? 0xff];
        const stopBits = stops[data[4] ?? 0xff];
        if (data.length !== 7 || parity === undefined || stopBits === undefined) return null;
        this.#coding = data.slice();
        const baud = view.getUint32(0, true);
        this.#setLine({ ...this.#line, baud, stopBits, parity, dataBits: data[6]! });
        return none;
      }
      case Request.GET_LINE_CODING:
        return this.#coding;
      case Request.SET_CONTROL_LINE_STATE:
        this.#setLine({ ...this.#line, dtr: (value & 1) !== 0, rts: (value & 2) !== 0 });
        return none;
      case Request.SEND_BREAK:
        return none;
      default:
        return null;
    }
  }

  #setLine(line: LineState): void {
    this.#line = line;
    this.#owner.say({ type: "line", line });
  }

  #work(work: SerialWork, done: (data: Uint8Array | null) => void): void {
    const task = this.#owner.newTask();
    this.#tasks.set(task, done);
    this.#owner.say({ type: "work", task, work });
  }
}
