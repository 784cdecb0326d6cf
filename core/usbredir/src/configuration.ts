// What a real device says of itself: its device and configuration descriptors, read as bytes of a
// stranger.

import { EndpointType, UsbSpeed } from "./constants.ts";
import type { UsbDescription, UsbEndpoint, UsbInterface } from "./usb-description.ts";
import { UsbredirError } from "./usbredir-error.ts";

const DescriptorType = { DEVICE: 1, CONFIGURATION: 2, INTERFACE: 4, ENDPOINT: 5 } as const;
const deviceSize = 18;
const interfacesMax = 32;

/** The device descriptor. @throws UsbredirError BAD_DESCRIPTOR */
export function readDevice(bytes: Uint8Array): Omit<UsbDescription, "speed" | "interfaces"> {
  if (bytes.length < deviceSize || bytes[1] !== DescriptorType.DEVICE) {
    throw bad("it has no device descriptor");
  }
  const at = (offset: number) => bytes[offset]! | (bytes[offset + 1]! << 8);
  return {
    deviceClass: bytes[4]!,
    deviceSubclass: bytes[5]!,
    deviceProtocol: bytes[6]!,
    vendorId: at(8),
    productId: at(10),
    version: at(12),
  };
}

/**
 * A configuration descriptor with all that follows it: its number, and the interfaces in the
 * alternate settings of `alternates` (setting 0 of others), by interface number.
 *
 * @throws UsbredirError BAD_DESCRIPTOR
 */
export function readConfiguration(
  bytes: Uint8Array,
  alternates: ReadonlyMap<number, number> = new Map(),
): { readonly configuration: number; readonly interfaces: readonly UsbInterface[] } {
  if (bytes.length < 9 || bytes[1] !== DescriptorType.CONFIGURATION) {
    throw bad("it has no configuration descriptor");
  }
  const interfaces: (UsbInterface & { readonly endpoints: UsbEndpoint[] })[] = [];
  let current: UsbEndpoint[] | null = null;
  for (let at = bytes[0]!; at < bytes.length; ) {
    const part = bytes.subarray(at, at + bytes[at]!);
    if (part.length < 2 || part.length !== bytes[at]) throw bad("a descriptor has no end");
    at += part.length;
    if (part[1] === DescriptorType.INTERFACE && part.length >= 9) {
      current = [];
      const [, , number, alternate, , interfaceClass, interfaceSubclass, interfaceProtocol] = part;
      if ((alternates.get(number!) ?? 0) !== alternate) continue;
      if (interfaces.some((each) => each.number === number))
        throw bad("an interface is there twice");
      if (interfaces.length >= interfacesMax) throw bad("it has too many interfaces");
      interfaces.push({
        ...{ number: number!, alternate, endpoints: current },
        interfaceClass: interfaceClass!,
        interfaceSubclass: interfaceSubclass!,
        interfaceProtocol: interfaceProtocol!,
      });
    } else if (part[1] === DescriptorType.ENDPOINT && part.length >= 7) {
      const address = part[2]!;
      if (current === null || (address & 0x70) !== 0 || (address & 0x0f) === 0) {
        throw bad("an endpoint has no place");
      }
      const packetSize = part[4]! | (part[5]! << 8);
      current.push({ address, type: part[3]! & 3, packetSize, interval: part[6]! });
    }
  }
  return { configuration: bytes[5]!, interfaces };
}

/**
 * The speed that endpoints of such sizes have; WebUSB does not tell it. A device without bulk
 * endpoints counts as one of full speed, at which guests take the intervals of a faster one for
 * longer than they are.
 */
export function likelySpeed(
  usbMajor: number,
  interfaces: readonly UsbInterface[],
): UsbDescription["speed"] {
  const endpoints = interfaces.flatMap((each) => each.endpoints);
  const largest = (type: number) => {
    const sizes = endpoints.filter((each) => each.type === type);
    return Math.max(0, ...sizes.map(({ packetSize }) => packetSize & 0x7ff));
  };
  const bulk = largest(EndpointType.BULK);
  if (bulk === 1024 || usbMajor >= 3) return UsbSpeed.SUPER;
  const isHigh = bulk === 512 || largest(EndpointType.INTERRUPT) > 64;
  return isHigh ? UsbSpeed.HIGH : UsbSpeed.FULL;
}

function bad(detail: string): UsbredirError {
  return new UsbredirError("BAD_DESCRIPTOR", detail);
}
