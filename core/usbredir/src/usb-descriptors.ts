// The descriptors of a device that needs no hardware, as bytes of USB 2.0 chapter 9.

import type { UsbDescription, UsbEndpoint, UsbInterface } from "./usb-description.ts";

/** A device that describes itself. */
export interface DescribedDevice extends UsbDescription {
  readonly interfaces: readonly DescribedInterface[];
  readonly vendor: string;
  readonly product: string;
  readonly serialNumber: string;
}

export interface DescribedInterface extends UsbInterface {
  /** Descriptors of its class, between its own and its endpoints'. */
  readonly classDescriptors: readonly number[];
}

/** An id that pid.codes keeps for tests, at which no driver of a particular device looks. */
export const testVendorId = 0x1209;

const DescriptorType = {
  DEVICE: 1,
  CONFIGURATION: 2,
  STRING: 3,
  INTERFACE: 4,
  ENDPOINT: 5,
  QUALIFIER: 6,
} as const;
const StringIndex = { LANGUAGES: 0, VENDOR: 1, PRODUCT: 2, SERIAL: 3 } as const;

/** The descriptor of a type and index, as GET_DESCRIPTOR asks for it, or null if there is none. */
export function descriptor(device: DescribedDevice, value: number): Uint8Array | null {
  const index = value & 0xff;
  const classes = [device.deviceClass, device.deviceSubclass, device.deviceProtocol];
  switch (value >> 8) {
    case DescriptorType.DEVICE:
      return Uint8Array.of(
        ...[18, DescriptorType.DEVICE, ...word(0x0200), ...classes, 64],
        ...[...word(device.vendorId), ...word(device.productId), ...word(device.version)],
        ...[StringIndex.VENDOR, StringIndex.PRODUCT, StringIndex.SERIAL, 1],
      );
    case DescriptorType.QUALIFIER:
      return Uint8Array.of(10, DescriptorType.QUALIFIER, ...word(0x0200), ...classes, 64, 1, 0);
    case DescriptorType.CONFIGURATION:
      return index === 0 ? configuration(device) : null;
    case DescriptorType.STRING:
      return text(device, index);
    default:
      return null;
  }
}

function configuration({ interfaces }: DescribedDevice): Uint8Array {
  const all = interfaces.flatMap((each) => [
    ...[9, DescriptorType.INTERFACE, each.number, each.alternate, each.endpoints.length],
    ...[each.interfaceClass, each.interfaceSubclass, each.interfaceProtocol, 0],
    ...each.classDescriptors,
    ...each.endpoints.flatMap(endpoint),
  ]);
  // Powered by the bus, 100 mA.
  const head = [9, DescriptorType.CONFIGURATION, ...word(9 + all.length), interfaces.length];
  return Uint8Array.of(...head, 1, 0, 0x80, 50, ...all);
}

function endpoint({ address, type, packetSize, interval }: UsbEndpoint): number[] {
  return [7, DescriptorType.ENDPOINT, address, type, ...word(packetSize), interval];
}

function text({ vendor, product, serialNumber }: DescribedDevice, index: number) {
  const english = 0x0409;
  const units = [[english], letters(vendor), letters(product), letters(serialNumber)][index];
  if (units === undefined) return null;
  return Uint8Array.of(2 + 2 * units.length, DescriptorType.STRING, ...units.flatMap(word));
}

function letters(string: string): number[] {
  return [...string].map((letter) => letter.charCodeAt(0));
}

export function word(value: number): number[] {
  return [value & 0xff, value >> 8];
}
