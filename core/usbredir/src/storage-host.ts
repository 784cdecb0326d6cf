// A slot for a stick or a CD drive as a USB device that needs no hardware: the host's role of
// usbredir, with a mass storage device behind it while one is plugged in. A machine under the law of all others; what it stands on (a file, a
// block device, a page's own bytes) is its owner's business, who reads and writes when it asks.

import { type BlockWork, type BulkAnswer, BulkOnly } from "./bulk-only.ts";
import { UsbredirCapability, UsbStatus } from "./constants.ts";
import { checkFilter, parseFilter } from "./filter.ts";
import { bulkLength, bulkLengthFields } from "./packet-rules.ts";
import { PacketStream } from "./packet-stream.ts";
import type { Packet, PacketOf } from "./packets.ts";
import { type DriveKind, type Medium, ScsiDisk } from "./scsi-disk.ts";
import {
  bulkIn,
  bulkOut,
  descriptor,
  deviceConnect,
  endpointInfo,
  filteredDevice,
  interfaceInfo,
} from "./usb-descriptors.ts";
import { UsbredirError } from "./usbredir-error.ts";

/** A drive; without a medium it is empty. */
export interface StorageHostOptions {
  readonly kind: DriveKind;
  readonly medium: Medium | null;
}

export type StorageInput =
  /** From the guest. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** Answers `work`: what was read (empty for others), null when it failed. */
  | { readonly type: "done"; readonly task: number; readonly data: Uint8Array | null }
  /** Puts a medium into the drive, or takes it out; ends what is under way with the old one. */
  | { readonly type: "insert"; readonly medium: Medium | null }
  /** Plugs a drive in; does nothing while another one is. */
  | { readonly type: "plug"; readonly drive: StorageHostOptions }
  /** Pulls the device out; the slot is free when `disconnected` is said. */
  | { readonly type: "unplug" };

export type StorageOutput =
  /** To the guest. */
  | { readonly type: "transmit"; readonly bytes: Uint8Array }
  | { readonly type: "work"; readonly task: number; readonly work: BlockWork }
  /** The guest has the device. */
  | { readonly type: "connected" }
  /** The guest ejected the medium; what it had written is kept. */
  | { readonly type: "ejected" }
  /** The device is gone for the guest: pulled out, or refused. */
  | { readonly type: "disconnected"; readonly reason: "unplugged" | "rejected" | "filtered" }
  /** The guest said what makes no sense; it is passed over. */
  | { readonly type: "fault"; readonly error: UsbredirError };

type State =
  /** The guest has not said HELLO. */
  "greeting" | "empty" | "connected" | "unplugging";

interface Device {
  readonly kind: DriveKind;
  readonly disk: ScsiDisk;
  readonly bulk: BulkOnly;
}

const { SUCCESS, STALL, INVAL } = UsbStatus;

/** Standard requests, and those of bulk-only transport. */
const Request = {
  GET_STATUS: 0x00,
  CLEAR_FEATURE: 0x01,
  SET_FEATURE: 0x03,
  GET_DESCRIPTOR: 0x06,
  GET_CONFIGURATION: 0x08,
  GET_INTERFACE: 0x0a,
  GET_MAX_LUN: 0xfe,
  BULK_ONLY_RESET: 0xff,
} as const;

const classIn = 0xa1;
const classOut = 0x21;

export class StorageHost {
  readonly #stream: PacketStream;
  readonly #outputs: StorageOutput[] = [];
  readonly #tasks = new Map<number, (data: Uint8Array | null) => void>();
  #nextTask = 1;
  #state: State = "greeting";
  #device: Device | null = null;
  /** The guest's rules for devices, if it has some. */
  #filter: string | null = null;
  #configuration = 1;

  /** @param drive What is plugged in from the beginning. */
  constructor(drive: StorageHostOptions | null) {
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
      ],
    });
    this.#outputs.push({ type: "transmit", bytes: this.#stream.hello() });
    if (drive !== null) this.#plug(drive);
  }

  handle(input: StorageInput): void {
    switch (input.type) {
      case "received":
        this.#receive(input.bytes);
        break;
      case "done": {
        const done = this.#tasks.get(input.task);
        this.#tasks.delete(input.task);
        done?.(input.data);
        break;
      }
      case "insert":
        this.#device?.disk.insert(input.medium);
        break;
      case "plug":
        this.#plug(input.drive);
        break;
      case "unplug":
        this.#unplug();
        break;
    }
  }

  poll(): StorageOutput | null {
    return this.#outputs.shift() ?? null;
  }

  /** Whether the guest wants to be asked before the medium goes. */
  get isLocked(): boolean {
    return this.#device?.disk.isLocked === true;
  }

  get medium(): Medium | null {
    return this.#device?.disk.medium ?? null;
  }

  snapshot(): unknown {
    return {
      state: this.#state,
      configuration: this.#configuration,
      tasks: this.#tasks.size,
      stream: this.#stream.snapshot(),
      bulk: this.#device?.bulk.snapshot() ?? null,
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
    } else if (this.#state === "connected") this.#ask(packet, this.#device!);
  }

  #plug({ kind, medium }: StorageHostOptions): void {
    if (this.#device !== null) return;
    const disk = new ScsiDisk(kind, medium);
    const bulk = new BulkOnly(disk, {
      answer: (endpoint, answer) => this.#answerBulk(endpoint, answer),
      work: (work, done) => this.#work(work, done),
      ejected: () => this.#outputs.push({ type: "ejected" }),
    });
    this.#device = { kind, disk, bulk };
    this.#configuration = 1;
    this.#connect();
  }

  /** Where there is a guest, and a device for it. */
  #connect(): void {
    if (this.#state !== "empty" || this.#device === null) return;
    this.#state = "connected";
    this.#describe();
    this.#send(deviceConnect());
    this.#outputs.push({ type: "connected" });
    this.#obey();
  }

  #describe(): void {
    this.#send(interfaceInfo());
    this.#send(endpointInfo());
  }

  /** The guest's rules: whoever is not wanted goes by itself. */
  #obey(): void {
    if (this.#filter === null || this.#state !== "connected") return;
    if (checkFilter(parseFilter(this.#filter), filteredDevice) === "allow") return;
    this.#send({ name: "DEVICE_DISCONNECT", id: 0n, body: {} });
    this.#leave("filtered");
  }

  #unplug(): void {
    if (this.#state !== "connected") {
      if (this.#state === "greeting") this.#leave("unplugged");
      return;
    }
    this.#send({ name: "DEVICE_DISCONNECT", id: 0n, body: {} });
    this.#device!.bulk.reset();
    if (this.#stream.both(UsbredirCapability.DEVICE_DISCONNECT_ACK)) this.#state = "unplugging";
    else this.#leave("unplugged");
  }

  #leave(reason: "unplugged" | "rejected" | "filtered"): void {
    const device = this.#device;
    if (device === null) return;
    device.bulk.reset();
    this.#device = null;
    if (this.#state !== "greeting") this.#state = "empty";
    this.#outputs.push({ type: "disconnected", reason });
  }

  #ask(packet: Packet, device: Device): void {
    const { bulk } = device;
    const { id } = packet;
    switch (packet.name) {
      case "RESET":
        bulk.reset();
        break;
      case "SET_CONFIGURATION": {
        const { configuration } = packet.body;
        const status = configuration <= 1 ? SUCCESS : INVAL;
        if (status === SUCCESS) {
          this.#configuration = configuration;
          this.#describe();
        }
        const body = { status, configuration: this.#configuration };
        this.#send({ name: "CONFIGURATION_STATUS", id, body });
        break;
      }
      case "GET_CONFIGURATION": {
        const body = { status: SUCCESS, configuration: this.#configuration };
        this.#send({ name: "CONFIGURATION_STATUS", id, body });
        break;
      }
      case "SET_ALT_SETTING":
      case "GET_ALT_SETTING": {
        const alt = packet.name === "SET_ALT_SETTING" ? packet.body.alt : 0;
        const isThere = packet.body.interface === 0 && alt === 0;
        const status = isThere ? SUCCESS : INVAL;
        const body = { status, interface: packet.body.interface, alt: 0 };
        this.#send({ name: "ALT_SETTING_STATUS", id, body });
        break;
      }
      case "CONTROL_PACKET":
        this.#control(packet, device);
        break;
      case "BULK_PACKET":
        this.#bulkPacket(packet, bulk);
        break;
      case "CANCEL_DATA_PACKET":
        bulk.cancel(id);
        break;
      case "START_ISO_STREAM":
      case "STOP_ISO_STREAM": {
        const body = { status: INVAL, endpoint: packet.body.endpoint };
        this.#send({ name: "ISO_STREAM_STATUS", id, body });
        break;
      }
      case "START_INTERRUPT_RECEIVING":
      case "STOP_INTERRUPT_RECEIVING": {
        const body = { status: INVAL, endpoint: packet.body.endpoint };
        this.#send({ name: "INTERRUPT_RECEIVING_STATUS", id, body });
        break;
      }
      case "ALLOC_BULK_STREAMS":
      case "FREE_BULK_STREAMS": {
        const body = { endpoints: packet.body.endpoints, noStreams: 0, status: INVAL };
        this.#send({ name: "BULK_STREAMS_STATUS", id, body });
        break;
      }
      default:
        // There is no such endpoint.
        break;
    }
  }

  #control(packet: PacketOf<"CONTROL_PACKET">, device: Device): void {
    const { request, requestType, value, index, length } = packet.body;
    const data = this.#controlData(device, request, requestType, value, index);
    const isInput = (packet.body.endpoint & 0x80) !== 0;
    const bytes = isInput ? (data ?? new Uint8Array(0)).subarray(0, length) : new Uint8Array(0);
    const status = data === null ? STALL : SUCCESS;
    const body = { ...packet.body, status, length: bytes.length, data: bytes };
    this.#send({ name: "CONTROL_PACKET", id: packet.id, body });
  }

  /** null: there is no such request. */
  #controlData(
    { kind, bulk }: Device,
    request: number,
    requestType: number,
    value: number,
    index: number,
  ): Uint8Array | null {
    const none = new Uint8Array(0);
    if (requestType === classIn) {
      return request === Request.GET_MAX_LUN && index === 0 ? Uint8Array.of(0) : null;
    }
    if (requestType === classOut) {
      if (request !== Request.BULK_ONLY_RESET) return null;
      bulk.reset();
      return none;
    }
    if ((requestType & 0x60) !== 0) return null;
    switch (request) {
      case Request.GET_STATUS:
        return Uint8Array.of(0, 0);
      case Request.CLEAR_FEATURE:
      case Request.SET_FEATURE:
        return none;
      case Request.GET_DESCRIPTOR:
        return descriptor(kind, value);
      case Request.GET_CONFIGURATION:
        return Uint8Array.of(this.#configuration);
      case Request.GET_INTERFACE:
        return Uint8Array.of(0);
      default:
        return null;
    }
  }

  #bulkPacket({ id, body }: PacketOf<"BULK_PACKET">, bulk: BulkOnly): void {
    const length = bulkLength(body);
    if (body.endpoint === bulkIn && body.streamId === 0) bulk.requestIn(id, length);
    else if (body.endpoint === bulkOut && body.streamId === 0) bulk.requestOut(id, body.data);
    else {
      const lengths = bulkLengthFields(0);
      const answer = { ...body, ...lengths, status: INVAL, data: new Uint8Array(0) };
      this.#send({ name: "BULK_PACKET", id, body: answer });
    }
  }

  #answerBulk(side: "in" | "out", { id, status, length, data }: BulkAnswer): void {
    const endpoint = side === "in" ? bulkIn : bulkOut;
    const body = { endpoint, status, streamId: 0, ...bulkLengthFields(length), data };
    this.#send({ name: "BULK_PACKET", id, body });
  }

  #work(work: BlockWork, done: (data: Uint8Array | null) => void): void {
    const task = this.#nextTask++;
    this.#tasks.set(task, done);
    this.#outputs.push({ type: "work", task, work });
  }

  #send(packet: Packet): void {
    this.#outputs.push({ type: "transmit", bytes: this.#stream.write(packet) });
  }
}
