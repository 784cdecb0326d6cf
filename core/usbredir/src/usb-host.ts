// A slot for a device that a client gives to its guest: the host's role of usbredir, with a device
// behind it while one is plugged in. A machine under the law of all others.

import { UsbredirCapability } from "./constants.ts";
import type { DeviceInput, DeviceOutput } from "./device-work.ts";
import { checkFilter, parseFilter } from "./filter.ts";
import { PacketStream } from "./packet-stream.ts";
import type { Packet } from "./packets.ts";
import { deviceConnect, endpointInfo, filteredDevice, interfaceInfo } from "./usb-description.ts";
import type { UsbDevice } from "./usb-device.ts";
import { UsbredirError } from "./usbredir-error.ts";

export type UsbHostInput =
  /** From the guest. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** Plugs a device in, which was in no slot before; does nothing while another one is. */
  | { readonly type: "plug"; readonly device: UsbDevice }
  /** Pulls the device out; the slot is free when `disconnected` is said. */
  | { readonly type: "unplug" }
  /** For the device that is plugged in. */
  | DeviceInput;

export type UsbHostOutput =
  /** To the guest. */
  | { readonly type: "transmit"; readonly bytes: Uint8Array }
  /** The guest has the device. */
  | { readonly type: "connected" }
  /** The device is gone for the guest: pulled out, or refused. */
  | { readonly type: "disconnected"; readonly reason: "unplugged" | "rejected" | "filtered" }
  /** The guest said what makes no sense; it is passed over. */
  | { readonly type: "fault"; readonly error: UsbredirError }
  | DeviceOutput;

type State =
  /** The guest has not said HELLO. */
  "greeting" | "empty" | "connected" | "unplugging";

export class UsbHost {
  readonly #stream: PacketStream;
  readonly #outputs: UsbHostOutput[] = [];
  #nextTask = 1;
  #state: State = "greeting";
  #device: UsbDevice | null = null;
  /** The guest's rules for devices, if it has some. */
  #filter: string | null = null;

  /** @param device What is plugged in from the beginning. */
  constructor(device: UsbDevice | null = null) {
    this.#stream = new PacketStream({
      role: "host",
      version: "Caraway",
      capabilities: [
        UsbredirCapability.CONNECT_DEVICE_VERSION,
        UsbredirCapability.FILTER,
        UsbredirCapability.DEVICE_DISCONNECT_ACK,
        UsbredirCapability.EP_INFO_MAX_PACKET_SIZE,
        UsbredirCapability.IDS_64BITS,
        UsbredirCapability.BULK_LENGTH_32BITS,
        UsbredirCapability.BULK_RECEIVING,
      ],
    });
    this.#outputs.push({ type: "transmit", bytes: this.#stream.hello() });
    if (device !== null) this.#plug(device);
  }

  handle(input: UsbHostInput): void {
    switch (input.type) {
      case "received":
        this.#receive(input.bytes);
        break;
      case "plug":
        this.#plug(input.device);
        break;
      case "unplug":
        this.#unplug();
        break;
      default:
        this.#device?.handle(input);
        break;
    }
  }

  poll(): UsbHostOutput | null {
    return this.#outputs.shift() ?? null;
  }

  get device(): UsbDevice | null {
    return this.#device;
  }

  snapshot(): unknown {
    return {
      state: this.#state,
      stream: this.#stream.snapshot(),
      device: this.#device?.snapshot() ?? null,
    };
  }

  #receive(bytes: Uint8Array): void {
    this.#stream.push(bytes);
    for (;;) {
      try {
        const packet = this.#stream.next();
        if (packet === null) return;
        this.#take(packet);
      } catch (error) {
        if (!(error instanceof UsbredirError)) throw error;
        this.#outputs.push({ type: "fault", error });
      }
    }
  }

  #take(packet: Packet): void {
    if (packet.name === "HELLO") {
      this.#state = "empty";
      this.#connect();
    } else if (packet.name === "FILTER_FILTER") {
      this.#filter = packet.body.rules;
      this.#obey();
    } else if (packet.name === "FILTER_REJECT") this.#leave("rejected");
    else if (packet.name === "DEVICE_DISCONNECT_ACK") {
      if (this.#state === "unplugging") this.#leave("unplugged");
    } else if (this.#state === "connected") this.#device!.take(packet);
  }

  #plug(device: UsbDevice): void {
    if (this.#device !== null) return;
    this.#device = device;
    device.plugged({
      // What a device says when it is gone is for nobody.
      send: (packet) => {
        if (this.#device === device && this.#state === "connected") this.#send(packet);
      },
      say: (output) => this.#outputs.push(output),
      newTask: () => this.#nextTask++,
    });
    this.#connect();
  }

  /** Where there is a guest, and a device for it. */
  #connect(): void {
    if (this.#state !== "empty" || this.#device === null) return;
    const { description } = this.#device;
    this.#state = "connected";
    this.#send(interfaceInfo(description));
    this.#send(endpointInfo(description));
    this.#send(deviceConnect(description));
    this.#outputs.push({ type: "connected" });
    this.#obey();
  }

  /** The guest's rules: whoever is not wanted goes by itself. */
  #obey(): void {
    if (this.#filter === null || this.#state !== "connected") return;
    const device = filteredDevice(this.#device!.description);
    if (checkFilter(parseFilter(this.#filter), device) === "allow") return;
    this.#send({ name: "DEVICE_DISCONNECT", id: 0n, body: {} });
    this.#leave("filtered");
  }

  #unplug(): void {
    if (this.#state !== "connected") {
      if (this.#state !== "unplugging") this.#leave("unplugged");
      return;
    }
    this.#send({ name: "DEVICE_DISCONNECT", id: 0n, body: {} });
    if (this.#stream.both(UsbredirCapability.DEVICE_DISCONNECT_ACK)) {
      this.#state = "unplugging";
      this.#device!.gone();
    } else this.#leave("unplugged");
  }

  #leave(reason: "unplugged" | "rejected" | "filtered"): void {
    const device = this.#device;
    if (device === null) return;
    this.#device = null;
    if (this.#state !== "greeting") this.#state = "empty";
    device.gone();
    this.#outputs.push({ type: "disconnected", reason });
  }

  #send(packet: Packet): void {
    this.#outputs.push({ type: "transmit", bytes: this.#stream.write(packet) });
  }
}
