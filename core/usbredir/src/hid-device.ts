// A keyboard, a mouse or a tablet as a USB device that needs no hardware, by the HID class 1.11.
// Keyboard and mouse have the reports of the boot protocol, so that firmware can use them.

import { EndpointType, UsbSpeed, UsbStatus } from "./constants.ts";
import type { DeviceInput, HidInput } from "./device-work.ts";
import type { Packet } from "./packets.ts";
import { type ControlBody, type ControlData, StandardRequests } from "./standard-requests.ts";
import { type DescribedDevice, testVendorId, word } from "./usb-descriptors.ts";
import type { DeviceOwner, UsbDevice } from "./usb-device.ts";

export type HidKind = "keyboard" | "mouse" | "tablet";

/** Right and bottom edge of a tablet. */
export const tabletMax = 0x7fff;

const inputEndpoint = 0x81;
const hidClass = 3;
const hidDescriptorType = 0x21;
const reportDescriptorType = 0x22;
/** Reports that nobody has fetched; of more the oldest are forgotten. */
const reportsMax = 256;
const keysMax = 6;
const firstModifier = 0xe0;
const lastModifier = 0xe7;
const none = new Uint8Array(0);

const Request = {
  GET_REPORT: 0x01,
  GET_IDLE: 0x02,
  GET_PROTOCOL: 0x03,
  SET_REPORT: 0x09,
  SET_IDLE: 0x0a,
  SET_PROTOCOL: 0x0b,
} as const;
const GET_DESCRIPTOR = 0x06;

/** Items of report descriptors, with the numbers that the HID specification gives them. */
const item = {
  usagePage: (page: number) => [0x05, page],
  usage: (usage: number) => [0x09, usage],
  usages: (from: number, to: number) => [0x19, from, 0x29, to],
  values: (from: number, to: number) => [0x15, from & 0xff, 0x26, ...word(to)],
  fields: (count: number, bits: number) => [0x95, count, 0x75, bits],
  application: [0xa1, 1],
  physical: [0xa1, 0],
  end: [0xc0],
  /** Each field is one thing, or names one of them; counted from nothing, or from the last report. */
  inputs: [0x81, 2],
  relativeInputs: [0x81, 6],
  names: [0x81, 0],
  padding: [0x81, 3],
  outputs: [0x91, 2],
  outputPadding: [0x91, 3],
} as const;

const pages = { desktop: 1, keys: 7, leds: 8, buttons: 9 } as const;
const desktop = { pointer: 1, mouse: 2, keyboard: 6, x: 0x30, y: 0x31, wheel: 0x38 } as const;

const keyboardReport: readonly number[] = [
  ...[...item.usagePage(pages.desktop), ...item.usage(desktop.keyboard), ...item.application],
  ...[...item.usagePage(pages.keys), ...item.usages(firstModifier, lastModifier)],
  ...[...item.values(0, 1), ...item.fields(8, 1), ...item.inputs],
  ...[...item.fields(1, 8), ...item.padding],
  ...[...item.usagePage(pages.leds), ...item.usages(1, 5), ...item.fields(5, 1), ...item.outputs],
  ...[...item.fields(1, 3), ...item.outputPadding],
  ...[...item.usagePage(pages.keys), ...item.usages(0, 0xff), ...item.values(0, 0xff)],
  ...[...item.fields(keysMax, 8), ...item.names, ...item.end],
];

function pointerReport(place: readonly number[]): readonly number[] {
  return [
    ...[...item.usagePage(pages.desktop), ...item.usage(desktop.mouse), ...item.application],
    ...[...item.usage(desktop.pointer), ...item.physical],
    ...[...item.usagePage(pages.buttons), ...item.usages(1, 3), ...item.values(0, 1)],
    ...[...item.fields(3, 1), ...item.inputs, ...item.fields(1, 5), ...item.padding],
    ...[...item.usagePage(pages.desktop), ...item.usage(desktop.x), ...item.usage(desktop.y)],
    ...place,
    ...[...item.usage(desktop.wheel), ...item.values(-127, 127), ...item.fields(1, 8)],
    ...[...item.relativeInputs, ...item.end, ...item.end],
  ];
}

const mouseReport = pointerReport([
  ...[...item.values(-127, 127), ...item.fields(2, 8), ...item.relativeInputs],
]);
const tabletReport = pointerReport([
  ...[...item.values(0, tabletMax), ...item.fields(2, 16), ...item.inputs],
]);

interface Shape {
  readonly product: string;
  readonly productId: number;
  /** Of the boot protocol; 0: none. */
  readonly subclass: number;
  readonly protocol: number;
  readonly report: readonly number[];
  readonly reportSize: number;
}

const shapes: Readonly<Record<HidKind, Shape>> = {
  keyboard: {
    ...{ product: "Keyboard", productId: 0x0002, subclass: 1, protocol: 1 },
    ...{ report: keyboardReport, reportSize: 8 },
  },
  mouse: {
    ...{ product: "Mouse", productId: 0x0003, subclass: 1, protocol: 2 },
    ...{ report: mouseReport, reportSize: 4 },
  },
  tablet: {
    ...{ product: "Tablet", productId: 0x0004, subclass: 0, protocol: 0 },
    ...{ report: tabletReport, reportSize: 6 },
  },
};

function describe({ product, productId, subclass, protocol, report }: Shape): DescribedDevice {
  const classDescriptors = [
    ...[9, hidDescriptorType, ...word(0x0111), 0, 1],
    ...[reportDescriptorType, ...word(report.length)],
  ];
  // At high speed 2^(7-1) microframes, which are 8 ms.
  const endpoint = {
    ...{ address: inputEndpoint, type: EndpointType.INTERRUPT, packetSize: 8, interval: 7 },
  };
  return {
    speed: UsbSpeed.HIGH,
    ...{ deviceClass: 0, deviceSubclass: 0, deviceProtocol: 0 },
    ...{ vendorId: testVendorId, productId, version: 0x0100 },
    ...{ vendor: "Caraway", product, serialNumber: "1" },
    interfaces: [
      {
        ...{ number: 0, alternate: 0, classDescriptors, endpoints: [endpoint] },
        interfaceClass: hidClass,
        interfaceSubclass: subclass,
        interfaceProtocol: protocol,
      },
    ],
  };
}

export class HidDevice implements UsbDevice {
  readonly kind: HidKind;
  readonly description: DescribedDevice;
  readonly #shape: Shape;
  #owner!: DeviceOwner;
  #standard!: StandardRequests;
  #isReceiving = false;
  #nextId = 0n;
  /** What was not fetched, oldest first. */
  #reports: Uint8Array[] = [];
  #last: Uint8Array;
  #held: readonly number[] = [];
  #protocol = 1;
  #idle = 0;

  constructor(kind: HidKind) {
    this.kind = kind;
    this.#shape = shapes[kind];
    this.description = describe(this.#shape);
    this.#last = new Uint8Array(this.#shape.reportSize);
  }

  plugged(owner: DeviceOwner): void {
    this.#owner = owner;
    this.#standard = new StandardRequests(this.description, owner);
  }

  take(packet: Packet): void {
    switch (packet.name) {
      case "RESET":
        this.#isReceiving = false;
        this.#protocol = 1;
        break;
      case "START_INTERRUPT_RECEIVING":
      case "STOP_INTERRUPT_RECEIVING": {
        const { endpoint } = packet.body;
        const isThere = endpoint === inputEndpoint;
        const status = isThere ? UsbStatus.SUCCESS : UsbStatus.INVAL;
        const body = { status, endpoint };
        this.#owner.send({ name: "INTERRUPT_RECEIVING_STATUS", id: packet.id, body });
        if (isThere) this.#receive(packet.name === "START_INTERRUPT_RECEIVING");
        break;
      }
      default:
        this.#standard.take(packet, (body) => this.#control(body));
        break;
    }
  }

  handle(input: DeviceInput): void {
    if (input.type === "hid-key" && this.kind === "keyboard") {
      this.#key(input.usage, input.down);
    } else if (input.type === "hid-pointer" && this.kind !== "keyboard") this.#point(input);
  }

  gone(): void {
    this.#isReceiving = false;
  }

  snapshot(): unknown {
    return {
      configuration: this.#standard.configuration,
      isReceiving: this.#isReceiving,
      reports: this.#reports.length,
      last: [...this.#last],
    };
  }

  #key(usage: number, down: boolean): void {
    const others = this.#held.filter((each) => each !== usage);
    this.#held = down ? [...others, usage] : others;
    const report = new Uint8Array(this.#shape.reportSize);
    const keys: number[] = [];
    for (const each of this.#held) {
      if (each >= firstModifier && each <= lastModifier) report[0]! |= 1 << (each - firstModifier);
      else if (each > 3 && each < firstModifier) keys.push(each);
    }
    // As every keyboard says when it cannot tell which keys are held.
    const rollOver = new Array<number>(keysMax).fill(1);
    report.set(keys.length > keysMax ? rollOver : keys, 2);
    this.#report(report);
  }

  #point({ x, y, buttons, wheel }: HidInput & { type: "hid-pointer" }): void {
    const step = (value: number) => Math.max(-127, Math.min(127, Math.round(value))) & 0xff;
    const place = (value: number) => word(Math.max(0, Math.min(tabletMax, Math.round(value))));
    if (this.kind === "tablet") {
      this.#report(Uint8Array.of(buttons & 7, ...place(x), ...place(y), step(wheel)));
      return;
    }
    // Farther than a report can say: in several.
    let [dx, dy, notches] = [Math.round(x), Math.round(y), wheel];
    do {
      const [nowX, nowY] = [within(dx), within(dy)];
      this.#report(Uint8Array.of(buttons & 7, step(nowX), step(nowY), step(notches)));
      dx -= nowX;
      dy -= nowY;
      notches = 0;
    } while (dx !== 0 || dy !== 0);
  }

  #report(report: Uint8Array): void {
    this.#last = report;
    this.#reports.push(report);
    if (this.#reports.length > reportsMax) this.#reports.shift();
    this.#drain();
  }

  /** A guest that begins to listen hears how things are, unless it has to hear how they became so. */
  #receive(receiving: boolean): void {
    const begins = receiving && !this.#isReceiving;
    this.#isReceiving = receiving;
    const standing = this.#standing();
    if (begins && this.#reports.length === 0 && standing.some((byte) => byte !== 0)) {
      this.#reports.push(standing);
    }
    this.#drain();
  }

  /** The last report without what happened once: steps of a mouse, notches of a wheel. */
  #standing(): Uint8Array {
    const report = this.#last.slice();
    if (this.kind === "mouse") report.fill(0, 1);
    if (this.kind === "tablet") report[5] = 0;
    return report;
  }

  #drain(): void {
    if (!this.#isReceiving) return;
    for (const data of this.#reports) {
      const head = { endpoint: inputEndpoint, status: UsbStatus.SUCCESS, length: data.length };
      const packet = { id: this.#nextId++, body: { ...head, data } };
      this.#owner.send({ name: "INTERRUPT_PACKET", ...packet });
    }
    this.#reports = [];
  }

  #control({ request, requestType, value, data }: ControlBody): ControlData | undefined {
    if (requestType === 0x81 && request === GET_DESCRIPTOR) {
      if (value >> 8 === reportDescriptorType) return Uint8Array.from(this.#shape.report);
      if (value >> 8 !== hidDescriptorType) return null;
      return Uint8Array.from(this.description.interfaces[0]!.classDescriptors);
    }
    if ((requestType & 0x7f) !== 0x21) return undefined;
    switch (request) {
      case Request.GET_REPORT:
        return this.#standing();
      case Request.GET_IDLE:
        return Uint8Array.of(this.#idle);
      case Request.GET_PROTOCOL:
        return Uint8Array.of(this.#protocol);
      case Request.SET_REPORT:
        if (this.kind !== "keyboard" || data.length === 0) return null;
        this.#owner.say({ type: "leds", leds: data[0]! & 0x1f });
        return none;
      case Request.SET_IDLE:
        this.#idle = value >> 8;
        return none;
      case Request.SET_PROTOCOL:
        this.#protocol = value & 1;
        return none;
      default:
        return null;
    }
  }
}

function within(distance: number): number {
  return Math.max(-127, Math.min(127, distance));
}
