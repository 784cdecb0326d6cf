// What every USB device is asked, answered for a device that needs no hardware: descriptors, its one
// configuration, its interfaces; and what such a device refuses.

import { endpointIn, UsbStatus } from "./constants.ts";
import { bulkLengthFields } from "./packet-rules.ts";
import type { Packet, PacketOf } from "./packets.ts";
import { endpointInfo, interfaceInfo } from "./usb-description.ts";
import { type DescribedDevice, descriptor } from "./usb-descriptors.ts";
import type { DeviceOwner } from "./usb-device.ts";

/** `requestType` of a standard request has these bits clear. */
const kindMask = 0x60;
const none = new Uint8Array(0);
const { SUCCESS, STALL, INVAL } = UsbStatus;

const Request = {
  GET_STATUS: 0x00,
  CLEAR_FEATURE: 0x01,
  SET_FEATURE: 0x03,
  GET_DESCRIPTOR: 0x06,
  GET_CONFIGURATION: 0x08,
  GET_INTERFACE: 0x0a,
} as const;

/** What a control request gives: bytes for the guest, none when it is done, null: there is no such. */
export type ControlData = Uint8Array | null;
export type ControlBody = PacketOf<"CONTROL_PACKET">["body"];

export class StandardRequests {
  readonly #device: DescribedDevice;
  readonly #owner: DeviceOwner;
  #configuration = 1;

  constructor(device: DescribedDevice, owner: DeviceOwner) {
    this.#device = device;
    this.#owner = owner;
  }

  get configuration(): number {
    return this.#configuration;
  }

  /**
   * Answers what the device itself has not. `control`: its own control requests; undefined for
   * those that it does not know.
   */
  take(packet: Packet, control: (body: ControlBody) => ControlData | undefined): void {
    const { id } = packet;
    switch (packet.name) {
      case "SET_CONFIGURATION": {
        const { configuration } = packet.body;
        const status = configuration <= 1 ? SUCCESS : INVAL;
        if (status === SUCCESS) {
          this.#configuration = configuration;
          this.#owner.send(interfaceInfo(this.#device));
          this.#owner.send(endpointInfo(this.#device));
        }
        const body = { status, configuration: this.#configuration };
        this.#owner.send({ name: "CONFIGURATION_STATUS", id, body });
        break;
      }
      case "GET_CONFIGURATION": {
        const body = { status: SUCCESS, configuration: this.#configuration };
        this.#owner.send({ name: "CONFIGURATION_STATUS", id, body });
        break;
      }
      case "SET_ALT_SETTING":
      case "GET_ALT_SETTING": {
        const alt = packet.name === "SET_ALT_SETTING" ? packet.body.alt : 0;
        const isThere = this.#device.interfaces.some(({ number, alternate }) => {
          return number === packet.body.interface && alternate === alt;
        });
        const status = isThere ? SUCCESS : INVAL;
        const body = { status, interface: packet.body.interface, alt: 0 };
        this.#owner.send({ name: "ALT_SETTING_STATUS", id, body });
        break;
      }
      case "CONTROL_PACKET": {
        const own = control(packet.body);
        const data = own === undefined ? this.#control(packet.body) : own;
        answerControl(this.#owner, packet, data === null ? STALL : SUCCESS, data ?? none);
        break;
      }
      default:
        refuse(this.#owner, packet);
        break;
    }
  }

  #control({ request, requestType, value }: ControlBody): ControlData {
    if ((requestType & kindMask) !== 0) return null;
    switch (request) {
      case Request.GET_STATUS:
        return Uint8Array.of(0, 0);
      case Request.CLEAR_FEATURE:
      case Request.SET_FEATURE:
        return none;
      case Request.GET_DESCRIPTOR:
        return descriptor(this.#device, value);
      case Request.GET_CONFIGURATION:
        return Uint8Array.of(this.#configuration);
      case Request.GET_INTERFACE:
        return Uint8Array.of(0);
      default:
        return null;
    }
  }
}

/** `data`: what goes to the guest; cut where it wants no more. */
export function answerControl(
  owner: DeviceOwner,
  { id, body }: PacketOf<"CONTROL_PACKET">,
  status: number,
  data: Uint8Array,
): void {
  const isInput = (body.endpoint & endpointIn) !== 0;
  const bytes = isInput ? data.subarray(0, body.length) : none;
  const length = isInput || status !== SUCCESS ? bytes.length : body.data.length;
  owner.send({ name: "CONTROL_PACKET", id, body: { ...body, status, length, data: bytes } });
}

/** Answers what asks for something that a device does not have. */
export function refuse(owner: DeviceOwner, { id, ...packet }: Packet, status = INVAL): void {
  switch (packet.name) {
    case "BULK_PACKET": {
      const body = { ...packet.body, ...bulkLengthFields(0), status, data: none };
      owner.send({ name: "BULK_PACKET", id, body });
      break;
    }
    case "INTERRUPT_PACKET": {
      const body = { ...packet.body, length: 0, status, data: none };
      owner.send({ name: "INTERRUPT_PACKET", id, body });
      break;
    }
    case "START_ISO_STREAM":
    case "STOP_ISO_STREAM": {
      const body = { status, endpoint: packet.body.endpoint };
      owner.send({ name: "ISO_STREAM_STATUS", id, body });
      break;
    }
    case "START_INTERRUPT_RECEIVING":
    case "STOP_INTERRUPT_RECEIVING": {
      const body = { status, endpoint: packet.body.endpoint };
      owner.send({ name: "INTERRUPT_RECEIVING_STATUS", id, body });
      break;
    }
    case "ALLOC_BULK_STREAMS":
    case "FREE_BULK_STREAMS": {
      const body = { endpoints: packet.body.endpoints, noStreams: 0, status };
      owner.send({ name: "BULK_STREAMS_STATUS", id, body });
      break;
    }
    case "START_BULK_RECEIVING":
    case "STOP_BULK_RECEIVING": {
      const { streamId, endpoint } = packet.body;
      owner.send({ name: "BULK_RECEIVING_STATUS", id, body: { streamId, endpoint, status } });
      break;
    }
    default:
      // It wants no answer.
      break;
  }
}
