// What a storage device says of itself to a USB host: descriptors, and the same facts as usbredir
// tells them.

import { EndpointType, endpointIndex, UsbSpeed } from "./constants.ts";
import type { PacketOf } from "./packets.ts";
import type { DriveKind } from "./scsi-disk.ts";

export const bulkIn = 0x81;
export const bulkOut = 0x02;

/** Ids that pid.codes keeps for tests, at which no driver of a particular device looks. */
const vendorId = 0x1209;
const productId = 0x0001;
const deviceVersion = 0x0100;
const packetSize = 512;
const storageClass = 0x08;
const scsi = 0x06;
const bulkOnly = 0x50;

const DescriptorType = { DEVICE: 1, CONFIGURATION: 2, STRING: 3, QUALIFIER: 6 } as const;
const StringIndex = { LANGUAGES: 0, VENDOR: 1, PRODUCT: 2, SERIAL: 3 } as const;

/** The descriptor of a type and index, or null if there is none. */
export function descriptor(kind: DriveKind, value: number): Uint8Array | null {
  const index = value & 0xff;
  switch (value >> 8) {
    case DescriptorType.DEVICE:
      return Uint8Array.of(
        ...[18, DescriptorType.DEVICE, ...word(0x0200), 0, 0, 0, 64],
        ...[...word(vendorId), ...word(productId), ...word(deviceVersion)],
        ...[StringIndex.VENDOR, StringIndex.PRODUCT, StringIndex.SERIAL, 1],
      );
    case DescriptorType.QUALIFIER:
      return Uint8Array.of(10, DescriptorType.QUALIFIER, ...word(0x0200), 0, 0, 0, 64, 1, 0);
    case DescriptorType.CONFIGURATION:
      return index === 0 ? configuration() : null;
    case DescriptorType.STRING:
      return text(kind, index);
    default:
      return null;
  }
}

function configuration(): Uint8Array {
  const [interfaceType, endpointType] = [4, 5];
  return Uint8Array.of(
    // One interface, powered by the bus, 100 mA.
    ...[9, DescriptorType.CONFIGURATION, ...word(32), 1, 1, 0, 0x80, 50],
    ...[9, interfaceType, 0, 0, 2, storageClass, scsi, bulkOnly, 0],
    ...[7, endpointType, bulkIn, EndpointType.BULK, ...word(packetSize), 0],
    ...[7, endpointType, bulkOut, EndpointType.BULK, ...word(packetSize), 0],
  );
}

function text(kind: DriveKind, index: number): Uint8Array | null {
  const units = stringOf(kind, index);
  if (units === null) return null;
  return Uint8Array.of(2 + 2 * units.length, DescriptorType.STRING, ...units.flatMap(word));
}

function stringOf(kind: DriveKind, index: number): number[] | null {
  const letters = (string: string) => [...string].map((letter) => letter.charCodeAt(0));
  switch (index) {
    case StringIndex.LANGUAGES:
      return [0x0409];
    case StringIndex.VENDOR:
      return letters("Caraway");
    case StringIndex.PRODUCT:
      return letters(kind === "cd" ? "CD drive" : "Stick");
    case StringIndex.SERIAL:
      // Bulk-only transport wants twelve digits or more.
      return letters(kind === "cd" ? "0000000000C1" : "0000000000A1");
    default:
      return null;
  }
}

function word(value: number): number[] {
  return [value & 0xff, value >> 8];
}

export function deviceConnect(): PacketOf<"DEVICE_CONNECT"> {
  const deviceClass = { deviceClass: 0, deviceSubclass: 0, deviceProtocol: 0 };
  const body = { speed: UsbSpeed.HIGH, ...deviceClass, vendorId, productId };
  return { name: "DEVICE_CONNECT", id: 0n, body: { ...body, deviceVersionBcd: deviceVersion } };
}

/** Facts of a device as filters see it. */
export const filteredDevice = {
  deviceClass: 0,
  vendor: vendorId,
  product: productId,
  version: deviceVersion,
  interfaces: [
    { interfaceClass: storageClass, interfaceSubclass: scsi, interfaceProtocol: bulkOnly },
  ],
} as const;

export function interfaceInfo(): PacketOf<"INTERFACE_INFO"> {
  const first = (value: number) => {
    const list = new Uint8Array(32);
    list[0] = value;
    return list;
  };
  return {
    name: "INTERFACE_INFO",
    id: 0n,
    body: {
      interfaceCount: 1,
      interface: first(0),
      interfaceClass: first(storageClass),
      interfaceSubclass: first(scsi),
      interfaceProtocol: first(bulkOnly),
    },
  };
}

export function endpointInfo(): PacketOf<"EP_INFO"> {
  const type = new Uint8Array(32).fill(EndpointType.INVALID);
  const sizes = new Array<number>(32).fill(0);
  const control = [endpointIndex(0), endpointIndex(0x80)];
  for (const index of control) {
    type[index] = EndpointType.CONTROL;
    sizes[index] = 64;
  }
  for (const endpoint of [bulkIn, bulkOut]) {
    type[endpointIndex(endpoint)] = EndpointType.BULK;
    sizes[endpointIndex(endpoint)] = packetSize;
  }
  const nothing = { interval: new Uint8Array(32), interface: new Uint8Array(32) };
  const maxStreams = new Array<number>(32).fill(0);
  return { name: "EP_INFO", id: 0n, body: { type, ...nothing, maxPacketSize: sizes, maxStreams } };
}
