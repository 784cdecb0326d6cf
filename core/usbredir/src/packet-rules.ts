// What must hold for a packet beyond its layout, whichever way it goes: endpoints of the right
// direction, data where data is due, and no more than a transfer may have.

import { endpointIn, UsbredirCapability } from "./constants.ts";
import type { PacketBody, PacketName } from "./packets.ts";

/** The host has the device, the guest uses it. */
export type UsbredirRole = "host" | "guest";

export const bulkTransferMax = 128 << 20;

/** Capabilities that the receiver of a packet must have announced. */
const needs: Partial<Record<PacketName, UsbredirCapability>> = {
  FILTER_REJECT: UsbredirCapability.FILTER,
  FILTER_FILTER: UsbredirCapability.FILTER,
  DEVICE_DISCONNECT_ACK: UsbredirCapability.DEVICE_DISCONNECT_ACK,
  START_BULK_RECEIVING: UsbredirCapability.BULK_RECEIVING,
  STOP_BULK_RECEIVING: UsbredirCapability.BULK_RECEIVING,
  BULK_RECEIVING_STATUS: UsbredirCapability.BULK_RECEIVING,
  BUFFERED_BULK_PACKET: UsbredirCapability.BULK_RECEIVING,
};

/** What is wrong with a packet, in words; null if nothing is. */
export function packetFault(
  packet: PacketBody,
  sender: UsbredirRole,
  receiverHas: (capability: UsbredirCapability) => boolean,
): string | null {
  const need = needs[packet.name];
  if (need !== undefined && !receiverHas(need)) return "its receiver did not ask for such";
  switch (packet.name) {
    case "INTERFACE_INFO": {
      const { interfaceCount } = packet.body;
      return interfaceCount > 32 ? `${interfaceCount} interfaces` : null;
    }
    case "START_INTERRUPT_RECEIVING":
    case "STOP_INTERRUPT_RECEIVING":
    case "INTERRUPT_RECEIVING_STATUS":
    case "STOP_BULK_RECEIVING":
    case "BULK_RECEIVING_STATUS":
      return inputFault(packet.body.endpoint);
    case "START_BULK_RECEIVING": {
      const { bytesPerTransfer, endpoint } = packet.body;
      if (bytesPerTransfer > bulkTransferMax) return `transfers of ${bytesPerTransfer} bytes`;
      return inputFault(endpoint);
    }
    case "CONTROL_PACKET":
      return dataFault(packet.body, packet.body.length, sender, "either");
    case "BULK_PACKET":
      return dataFault(packet.body, bulkLength(packet.body), sender, "either");
    case "ISO_PACKET":
      return dataFault(packet.body, packet.body.length, sender, "data");
    case "INTERRUPT_PACKET":
      // The host also answers those that went out.
      return dataFault(
        packet.body,
        packet.body.length,
        sender,
        sender === "host" ? "either" : "data",
      );
    case "BUFFERED_BULK_PACKET":
      return dataFault(packet.body, packet.body.length, sender, "data");
    default:
      return null;
  }
}

interface DataBody {
  readonly endpoint: number;
  readonly data: Uint8Array;
}

function dataFault(
  { endpoint, data }: DataBody,
  length: number,
  sender: UsbredirRole,
  directions: "either" | "data",
): string | null {
  if (length > bulkTransferMax) return `a transfer of ${length} bytes`;
  const isInput = (endpoint & endpointIn) !== 0;
  if (isInput === (sender === "host")) {
    return data.length === length ? null : `${data.length} bytes where ${length} are due`;
  }
  if (directions === "data") return `it goes the wrong way for endpoint ${endpoint}`;
  return data.length === 0 ? null : `data that goes the wrong way for endpoint ${endpoint}`;
}

function inputFault(endpoint: number): string | null {
  return (endpoint & endpointIn) === 0 ? `endpoint ${endpoint} is no input` : null;
}

/** Bytes of a bulk transfer. */
export function bulkLength(body: {
  readonly length: number;
  readonly lengthHigh: number | null;
}): number {
  return body.length + (body.lengthHigh ?? 0) * 0x10000;
}

/** The fields that say so many bytes; the upper ones are left out where peers do not have them. */
export function bulkLengthFields(length: number): { length: number; lengthHigh: number } {
  return { length: length & 0xffff, lengthHigh: length >>> 16 };
}
