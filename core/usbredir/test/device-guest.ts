// A guest of any device: its requests as packets, and what the device asks of its owner.

import {
  type DeviceInput,
  type DeviceWork,
  type Packet,
  type PacketBody,
  type PacketName,
  type PacketOf,
  PacketStream,
  type UsbDevice,
  UsbHost,
  type UsbHostInput,
  type UsbHostOutput,
} from "@caraway/usbredir";
import { usbredirCapabilities } from "@caraway/vectors";

export class DeviceGuest {
  readonly host: UsbHost;
  readonly stream = new PacketStream({
    role: "guest",
    version: "test",
    capabilities: usbredirCapabilities,
  });
  /** What the host said and nobody has looked at. */
  packets: Packet[] = [];
  readonly events: UsbHostOutput[] = [];
  /** What the owner is asked for and has not done. */
  readonly works: { readonly task: number; readonly work: DeviceWork }[] = [];
  #nextId = 1n;

  constructor(device: UsbDevice) {
    this.host = new UsbHost(device);
    this.feed({ type: "received", bytes: this.stream.hello() });
  }

  feed(input: UsbHostInput): void {
    this.host.handle(input);
    for (let output = this.host.poll(); output !== null; output = this.host.poll()) {
      if (output.type === "transmit") this.stream.push(output.bytes);
      else if (output.type === "work") this.works.push(output);
      else this.events.push(output);
    }
    for (let packet = this.stream.next(); packet !== null; packet = this.stream.next()) {
      this.packets.push(packet);
    }
  }

  /** Gives the id that it is sent by. */
  say(packet: PacketBody): bigint {
    const id = this.#nextId++;
    this.feed({ type: "received", bytes: this.stream.write({ ...packet, id } as Packet) });
    return id;
  }

  cancel(id: bigint): void {
    const packet = { name: "CANCEL_DATA_PACKET", id, body: {} } as const;
    this.feed({ type: "received", bytes: this.stream.write(packet) });
  }

  /** All packets of that name that came, which are looked at then. */
  take<N extends PacketName>(name: N): PacketOf<N>[] {
    const found = this.packets.filter((packet): packet is PacketOf<N> => packet.name === name);
    this.packets = this.packets.filter((packet) => packet.name !== name);
    return found;
  }

  control(requestType: number, request: number, value: number, data: Uint8Array | number) {
    const isInput = (requestType & 0x80) !== 0;
    const bytes = typeof data === "number" ? new Uint8Array(0) : data;
    const length = typeof data === "number" ? data : data.length;
    const setup = { endpoint: isInput ? 0x80 : 0, request, requestType, value, index: 0 };
    this.say({ name: "CONTROL_PACKET", body: { ...setup, status: 0, length, data: bytes } });
    return this.take("CONTROL_PACKET")[0]?.body;
  }

  bulk(endpoint: number, data: Uint8Array | number): bigint {
    const bytes = typeof data === "number" ? new Uint8Array(0) : data;
    const length = typeof data === "number" ? data : data.length;
    const lengths = { length: length & 0xffff, lengthHigh: length >>> 16 };
    const body = { endpoint, status: 0, streamId: 0, ...lengths, data: bytes };
    return this.say({ name: "BULK_PACKET", body });
  }

  /** Does the oldest work of its owner's. */
  done(answer: (task: number, work: DeviceWork) => DeviceInput): void {
    const { task, work } = this.works.shift()!;
    this.feed(answer(task, work));
  }
}
