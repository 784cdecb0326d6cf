// A guest that uses a storage device: its requests as usbredir packets, and the bytes of a disk
// that finishes work when a test says so.

import {
  bulkLengthFields,
  type DriveKind,
  type Packet,
  type PacketOf,
  PacketStream,
  StorageDevice,
  UsbHost,
  type UsbHostInput,
  type UsbHostOutput,
  type UsbredirCapability,
} from "@caraway/usbredir";
import { usbredirCapabilities } from "@caraway/vectors";

const none = new Uint8Array(0);

export interface CommandResult {
  readonly status: number;
  readonly residue: number;
  readonly data: Uint8Array;
}

export class StorageGuest {
  readonly host: UsbHost;
  readonly device: StorageDevice;
  readonly stream: PacketStream;
  /** What the host said and nobody has looked at. */
  readonly packets: Packet[] = [];
  readonly events: UsbHostOutput[] = [];
  readonly waiting: Extract<UsbHostOutput, { type: "work" }>[] = [];
  readonly disk: Uint8Array;
  /** Which work is done next; the oldest when absent. Null: none now. */
  choose: (count: number) => number | null = () => 0;
  failsFrom = Number.POSITIVE_INFINITY;
  #nextId = 1n;
  #nextTag = 1;

  constructor(
    kind: DriveKind,
    size: number,
    writable: boolean,
    capabilities: readonly UsbredirCapability[] = usbredirCapabilities,
  ) {
    this.disk = Uint8Array.from({ length: size }, (_, at) => Math.imul(at, 167) >>> 5);
    this.device = new StorageDevice({ kind, medium: size === 0 ? null : { size, writable } });
    this.host = new UsbHost(this.device);
    this.stream = new PacketStream({ role: "guest", version: "test", capabilities });
    this.feed({ type: "received", bytes: this.stream.hello() });
  }

  feed(input: UsbHostInput): void {
    this.host.handle(input);
    for (let output = this.host.poll(); output !== null; output = this.host.poll()) {
      if (output.type === "transmit") this.stream.push(output.bytes);
      else if (output.type === "work") this.waiting.push(output);
      else this.events.push(output);
    }
    for (let packet = this.stream.next(); packet !== null; packet = this.stream.next()) {
      this.packets.push(packet);
    }
  }

  send(packet: Packet): void {
    this.feed({ type: "received", bytes: this.stream.write(packet) });
  }

  /** Does the disk's work until none is chosen. */
  work(): void {
    while (this.waiting.length > 0) {
      const index = this.choose(this.waiting.length);
      if (index === null) return;
      const [output] = this.waiting.splice(index, 1);
      this.feed({ type: "done", task: output!.task, data: this.#do(output!.work) });
    }
  }

  #do(work: Extract<UsbHostOutput, { type: "work" }>["work"]): Uint8Array | null {
    if (work.kind === "flush") return none;
    if (work.kind !== "read" && work.kind !== "write") throw new Error(`${work.kind} of a disk`);
    if (work.offset >= this.failsFrom) return null;
    if (work.kind === "read") return this.disk.slice(work.offset, work.offset + work.length);
    this.disk.set(work.data, work.offset);
    return none;
  }

  bulkIn(length: number): bigint {
    const id = this.#nextId++;
    const body = {
      endpoint: 0x81,
      status: 0,
      streamId: 0,
      ...bulkLengthFields(length),
      data: none,
    };
    this.send({ name: "BULK_PACKET", id, body });
    return id;
  }

  bulkOut(data: Uint8Array): bigint {
    const id = this.#nextId++;
    const lengths = bulkLengthFields(data.length);
    this.send({
      name: "BULK_PACKET",
      id,
      body: { endpoint: 0x02, status: 0, streamId: 0, ...lengths, data },
    });
    return id;
  }

  /** The answer to a bulk request; throws when there is none. */
  answer(id: bigint): PacketOf<"BULK_PACKET">["body"] {
    const index = this.packets.findIndex((packet) => packet.id === id);
    if (index < 0) throw new Error(`request ${id} is not answered`);
    return (this.packets.splice(index, 1)[0] as PacketOf<"BULK_PACKET">).body;
  }

  command(block: readonly number[], expected: number, isInput: boolean): void {
    const view = new DataView(new ArrayBuffer(31));
    view.setUint32(0, 0x43425355, true);
    view.setUint32(4, this.#nextTag++, true);
    view.setUint32(8, expected, true);
    view.setUint8(12, isInput ? 0x80 : 0);
    view.setUint8(14, block.length);
    const bytes = new Uint8Array(view.buffer);
    bytes.set(block, 15);
    const { status } = this.answer(this.bulkOut(bytes));
    if (status !== 0) throw new Error(`the command is answered by ${status}`);
  }

  status(data: Uint8Array): CommandResult {
    const id = this.bulkIn(13);
    this.work();
    const { data: bytes } = this.answer(id);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length !== 13 || view.getUint32(0, true) !== 0x53425355) throw new Error("no status");
    if (view.getUint32(4, true) !== this.#nextTag - 1) throw new Error("the status of another");
    return { status: view.getUint8(12), residue: view.getUint32(8, true), data };
  }

  /** A command whose data comes from the device, in requests of `piece` bytes, all at once. */
  read(block: readonly number[], expected: number, piece = expected): CommandResult {
    this.command(block, expected, true);
    const ids: bigint[] = [];
    for (let at = 0; at < expected; at += piece)
      ids.push(this.bulkIn(Math.min(piece, expected - at)));
    this.work();
    return this.status(Buffer.concat(ids.map((id) => this.answer(id).data)));
  }

  write(block: readonly number[], data: Uint8Array, piece = data.length): CommandResult {
    this.command(block, data.length, false);
    const ids: bigint[] = [];
    for (let at = 0; at < data.length; at += piece) {
      ids.push(this.bulkOut(data.subarray(at, at + piece)));
    }
    this.work();
    for (const id of ids) this.answer(id);
    return this.status(none);
  }

  /** Key and code of the last failure. */
  sense(): string {
    const { data } = this.read([3, 0, 0, 0, 18, 0], 18);
    return [data[2]!, data[12]!, data[13]!].map((byte) => byte.toString(16)).join("/");
  }

  control(request: number, requestType: number, value: number, length: number): Packet {
    const id = this.#nextId++;
    const endpoint = requestType & 0x80;
    const body = { endpoint, request, requestType, status: 0, value, index: 0, length, data: none };
    this.send({ name: "CONTROL_PACKET", id, body });
    return this.packets.splice(
      this.packets.findIndex((packet) => packet.id === id),
      1,
    )[0]!;
  }
}

/** READ(10) or WRITE(10). */
export function transfer(operation: 0x28 | 0x2a, block: number, count: number): number[] {
  const bytes = [block >>> 24, (block >> 16) & 255, (block >> 8) & 255, block & 255];
  return [operation, 0, ...bytes, 0, count >> 8, count & 255, 0];
}
