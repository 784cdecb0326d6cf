// What a USB device is made of, as its descriptors say, and the same facts as usbredir and filters
// tell them.

import { EndpointType, endpointIndex, type UsbSpeed } from "./constants.ts";
import type { FilteredDevice } from "./filter.ts";
import type { PacketOf } from "./packets.ts";

export interface UsbEndpoint {
  /** Bit 7: to the guest. */
  readonly address: number;
  /** `EndpointType`. */
  readonly type: number;
  /** wMaxPacketSize, with the transactions of a microframe in bits 11 and 12. */
  readonly packetSize: number;
  /** bInterval. */
  readonly interval: number;
}

export interface UsbInterface {
  readonly number: number;
  readonly alternate: number;
  readonly interfaceClass: number;
  readonly interfaceSubclass: number;
  readonly interfaceProtocol: number;
  readonly endpoints: readonly UsbEndpoint[];
}

/** A device with the configuration and the alternate settings that it has now. */
export interface UsbDescription {
  readonly speed: (typeof UsbSpeed)[keyof typeof UsbSpeed];
  readonly deviceClass: number;
  readonly deviceSubclass: number;
  readonly deviceProtocol: number;
  readonly vendorId: number;
  readonly productId: number;
  /** Binary coded decimal. */
  readonly version: number;
  readonly interfaces: readonly UsbInterface[];
}

/** What INTERFACE_INFO has room for. */
const interfacesMax = 32;
const controlPacketSize = 64;

export function deviceConnect(device: UsbDescription): PacketOf<"DEVICE_CONNECT"> {
  const { speed, deviceClass, deviceSubclass, deviceProtocol, vendorId, productId } = device;
  return {
    name: "DEVICE_CONNECT",
    id: 0n,
    body: {
      ...{ speed, deviceClass, deviceSubclass, deviceProtocol, vendorId, productId },
      deviceVersionBcd: device.version,
    },
  };
}

export function interfaceInfo(device: UsbDescription): PacketOf<"INTERFACE_INFO"> {
  const interfaces = device.interfaces.slice(0, interfacesMax);
  const listOf = (value: (each: UsbInterface) => number) => {
    const list = new Uint8Array(32);
    list.set(interfaces.map(value));
    return list;
  };
  return {
    name: "INTERFACE_INFO",
    id: 0n,
    body: {
      interfaceCount: interfaces.length,
      interface: listOf(({ number }) => number),
      interfaceClass: listOf(({ interfaceClass }) => interfaceClass),
      interfaceSubclass: listOf(({ interfaceSubclass }) => interfaceSubclass),
      interfaceProtocol: listOf(({ interfaceProtocol }) => interfaceProtocol),
    },
  };
}

export function endpointInfo(device: UsbDescription): PacketOf<"EP_INFO"> {
  const type = new Uint8Array(32).fill(EndpointType.INVALID);
  const interval = new Uint8Array(32);
  const places = new Uint8Array(32);
  const sizes = new Array<number>(32).fill(0);
  for (const index of [endpointIndex(0), endpointIndex(0x80)]) {
    type[index] = EndpointType.CONTROL;
    sizes[index] = controlPacketSize;
  }
  for (const { number, endpoints } of device.interfaces) {
    for (const endpoint of endpoints) {
      const index = endpointIndex(endpoint.address);
      type[index] = endpoint.type;
      interval[index] = endpoint.interval;
      places[index] = number;
      sizes[index] = endpoint.packetSize;
    }
  }
  const maxStreams = new Array<number>(32).fill(0);
  const body = { type, interval, interface: places, maxPacketSize: sizes, maxStreams };
  return { name: "EP_INFO", id: 0n, body };
}

/** The device as filters see it. */
export function filteredDevice(device: UsbDescription): FilteredDevice {
  const { deviceClass, vendorId: vendor, productId: product, version, interfaces } = device;
  return { deviceClass, vendor, product, version, interfaces };
}
