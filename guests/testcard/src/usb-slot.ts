// A USB slot of the testcard, whose device is the client's: the guest's role of usbredir. It works
// with storage devices (`storage-user.ts`), asks for all parts of a command at once as a fast
// controller does, and calls one off now and then; and it listens to keyboards and their like.
//
// INVARIANT: each request is answered once, or lost with its device; whatever else comes is counted.

import type { GuestInput, GuestOutput, StreamName } from "@caraway/server";
import {
  bulkLengthFields,
  type Packet,
  PacketStream,
  type SavedPacketStream,
  UsbredirCapability,
  UsbredirError,
  UsbStatus,
} from "@caraway/usbredir";
import {
  commandBytesOf,
  commandSize,
  endCommand,
  firstStorage,
  meetStorage,
  nextCommand,
  type StorageCommand,
  type StorageState,
  statusSize,
  writtenData,
} from "./storage-user.ts";

/** Of a request that is not answered: which part of the command it is for. */
export const requestParts = ["command", "data", "status", "repair"] as const;
export type RequestPart = (typeof requestParts)[number];

export interface OpenRequest {
  readonly id: number;
  readonly part: RequestPart;
  /** Of the command's data. */
  readonly at: number;
  readonly length: number;
}

/** What a slot is about; all requests that are open are of it. */
export type UsbActivity =
  | { readonly kind: "idle" }
  | {
      readonly kind: "command";
      readonly command: StorageCommand;
      /** What was read, and the status block when it is there. */
      readonly data: Uint8Array;
      status: Uint8Array;
      isBroken: boolean;
    }
  /** The transport is mended behind a command that broke, in so many steps. */
  | { readonly kind: "repair"; step: number };

export interface UsbSlotState {
  readonly id: number;
  /** Somebody is at the other end. */
  isOpen: boolean;
  /** What was said to it and is not said yet, and what may be said. Credit is not saved. */
  outgoing: Uint8Array[];
  credit: number;
  owed: number;
  /** Of the device that is described; endpoints are null when it lacks one. */
  isStorage: boolean;
  isHid: boolean;
  input: number | null;
  output: number | null;
  interrupt: number | null;
  /** A device is plugged in. */
  isConnected: boolean;
  /** It has storage that is of use. */
  isPlugged: boolean;
  /** What came of a keyboard or its like, each numbered by those before. */
  reports: number;
  /** It is asked for one thing at a time, and nothing is called off. */
  isCareful: boolean;
  activity: UsbActivity;
  requests: OpenRequest[];
  storage: StorageState;
  nextId: number;
  nextTag: number;
  /** When, in the time that the guest has run, the next command is due. */
  dueMs: number;
  /** Devices that came and went, requests, and what should not have come. */
  plugged: number;
  unplugged: number;
  asked: number;
  answered: number;
  cancelled: number;
  lost: number;
  strangers: number;
  /** The connection as it was saved; null: it has not begun. */
  saved: SavedPacketStream | null;
}

export const usbSlotsMax = 4;
/** Bytes that the client may be ahead. */
export const usbWindow = 256 << 10;
/** Requests for the data of one command, and what the size of one is a multiple of. */
const requestsMax = 8;
const packetSize = 512;
/** Packets that wait to be said from which on nothing more is heard. */
const outgoingMax = 1000;
/** Between two commands, in ms of the guest's time. */
const pauseMs = 1;
/** Of so many commands that read, one is called off. */
const cancelEach = 16;
const redHat = 0x2b23;
const storageClass = 8;
const scsi = 6;
const bulkOnly = 0x50;
const hidClass = 3;
const bulk = 2;
const interrupt = 3;
const none = new Uint8Array(0);

const repairSteps = 3;

export function firstUsbSlot(id: number): UsbSlotState {
  return {
    id,
    ...{ isOpen: false, outgoing: [], credit: 0, owed: 0, saved: null },
    ...{ isStorage: false, isHid: false, input: null, output: null, interrupt: null },
    ...{ isConnected: false, isPlugged: false, isCareful: false, reports: 0 },
    ...{ activity: { kind: "idle" }, requests: [], storage: firstStorage() },
    ...{ nextId: 1, nextTag: 1, dueMs: 0, plugged: 0, unplugged: 0 },
    ...{ asked: 0, answered: 0, cancelled: 0, lost: 0, strangers: 0 },
  };
}

type SayOutput = (output: GuestOutput) => void;

export class UsbSlot {
  readonly state: UsbSlotState;
  #packets: PacketStream;

  constructor(state: UsbSlotState) {
    this.state = state;
    this.#packets = connection(state.saved);
  }

  /** The same with the connection as it is. */
  save(): UsbSlotState {
    return { ...this.state, saved: this.state.isOpen ? this.#packets.save() : null };
  }

  get stream(): StreamName {
    return { use: "usbredir", id: this.state.id };
  }

  /** What it is to a server, at the start or after it was loaded. */
  describe(): GuestOutput[] {
    this.state.credit = 0;
    this.state.owed = 0;
    return [
      { type: "attach", device: { kind: "stream", ...this.stream, name: "" } },
      { type: "stream-credit", stream: this.stream, bytes: usbWindow },
    ];
  }

  hear(input: Extract<GuestInput, { readonly type: `stream-${string}` }>, runtimeMs: number): void {
    switch (input.type) {
      case "stream-open":
        this.#open(input.open);
        break;
      case "stream-credit":
        this.state.credit += input.bytes;
        break;
      case "stream-data":
        this.state.owed += input.bytes.length;
        if (this.state.isOpen) this.#received(input.bytes, runtimeMs);
        break;
      default:
        break;
    }
  }

  /** When it has something to do; null for never. `mayBegin`: as for `tick`. */
  due(mayBegin = true): number | null {
    const { outgoing, credit, dueMs } = this.state;
    if (this.#mayTakeMore || (outgoing.length > 0 && credit > 0)) return 0;
    return this.#isIdle && mayBegin ? dueMs : null;
  }

  /** `mayBegin`: whether another command may follow; what is under way goes on. */
  tick(runtimeMs: number, say: SayOutput, mayBegin = true): void {
    const { state, stream } = this;
    if (mayBegin && this.#isIdle && state.dueMs <= runtimeMs) this.#begin();
    if (this.#mayTakeMore) {
      say({ type: "stream-credit", stream, bytes: state.owed });
      state.owed = 0;
    }
    while (state.credit > 0) {
      const first = state.outgoing[0];
      if (first === undefined) break;
      const bytes = first.subarray(0, state.credit);
      if (bytes.length === first.length) state.outgoing.shift();
      else state.outgoing[0] = first.subarray(bytes.length);
      state.credit -= bytes.length;
      say({ type: "stream-data", stream, bytes });
    }
  }

  /** Bytes were heard, and not too many wait to be said: a peer that does not listen is not heard. */
  get #mayTakeMore(): boolean {
    const { owed, outgoing } = this.state;
    return owed > 0 && outgoing.length < outgoingMax;
  }

  /** A device is there, and nothing is asked of it. */
  get #isIdle(): boolean {
    return this.state.isPlugged && this.state.activity.kind === "idle";
  }

  #open(open: boolean): void {
    const { state } = this;
    if (open === state.isOpen) return;
    state.isOpen = open;
    state.outgoing = [];
    this.#unplugged();
    this.#packets = connection(null);
    if (open) state.outgoing.push(this.#packets.hello());
  }

  #received(bytes: Uint8Array, runtimeMs: number): void {
    this.#packets.push(bytes);
    for (;;) {
      try {
        const packet = this.#packets.next();
        if (packet === null) return;
        this.#take(packet, runtimeMs);
      } catch (error) {
        if (!(error instanceof UsbredirError)) throw error;
        this.state.strangers += 1;
      }
    }
  }

  #take(packet: Packet, runtimeMs: number): void {
    const { state } = this;
    switch (packet.name) {
      case "INTERFACE_INFO": {
        const { interfaceCount, ...all } = packet.body;
        state.isStorage = false;
        state.isHid = false;
        for (let at = 0; at < interfaceCount; at++) {
          const isScsi =
            all.interfaceClass[at] === storageClass && all.interfaceSubclass[at] === scsi;
          if (isScsi && all.interfaceProtocol[at] === bulkOnly) state.isStorage = true;
          if (all.interfaceClass[at] === hidClass) state.isHid = true;
        }
        break;
      }
      case "EP_INFO": {
        const { type } = packet.body;
        const input = type.indexOf(bulk, 16);
        const output = type.subarray(0, 16).indexOf(bulk);
        state.input = input < 0 ? null : 0x80 | (input - 16);
        state.output = output < 0 ? null : output;
        const events = type.indexOf(interrupt, 16);
        state.interrupt = events < 0 ? null : 0x80 | (events - 16);
        break;
      }
      case "DEVICE_CONNECT":
        state.plugged += 1;
        // PEER: spice-gtk's CD drive ends its program when asked for more while it reads, and
        // does not answer what is called off.
        state.isCareful = packet.body.vendorId === redHat;
        state.isPlugged = state.isStorage && state.input !== null && state.output !== null;
        state.isConnected = true;
        state.reports = 0;
        meetStorage(state.storage);
        state.dueMs = runtimeMs;
        if (state.isHid && state.interrupt !== null) {
          const body = { endpoint: state.interrupt };
          this.#send({ name: "START_INTERRUPT_RECEIVING", id: 0n, body });
        }
        break;
      case "INTERRUPT_PACKET": {
        const { endpoint, status } = packet.body;
        const isNext = state.isConnected && packet.id === BigInt(state.reports);
        const isGood = endpoint === state.interrupt && status === UsbStatus.SUCCESS;
        if (!isNext || !isGood) state.strangers += 1;
        state.reports += 1;
        break;
      }
      case "INTERRUPT_RECEIVING_STATUS":
        if (packet.body.status !== UsbStatus.SUCCESS) state.strangers += 1;
        break;
      case "DEVICE_DISCONNECT":
        this.#unplugged();
        this.#send({ name: "DEVICE_DISCONNECT_ACK", id: 0n, body: {} });
        break;
      case "BULK_PACKET":
      case "CONTROL_PACKET": {
        const index = state.requests.findIndex(({ id }) => BigInt(id) === packet.id);
        const request = state.requests[index];
        if (request === undefined) state.strangers += 1;
        else {
          state.requests.splice(index, 1);
          state.answered += 1;
          this.#answer(request, packet.body.status, packet.body.data, runtimeMs);
        }
        break;
      }
      default:
        break;
    }
  }

  #unplugged(): void {
    const { state } = this;
    const { activity } = state;
    if (state.isConnected) state.unplugged += 1;
    state.isConnected = false;
    state.lost += state.requests.length;
    if (activity.kind === "command") endCommand(state.storage, state.id, activity.command, null);
    state.isPlugged = false;
    state.requests = [];
    state.activity = { kind: "idle" };
  }

  /** All requests of a command at once. */
  #begin(): void {
    const { state } = this;
    const { storage, id } = state;
    const command = nextCommand(storage, id, state.nextTag++);
    const data = command.isInput ? none : writtenData(storage, id, command);
    const read = new Uint8Array(command.isInput ? command.length : 0);
    state.activity = { kind: "command", command, data: read, status: none, isBroken: false };
    this.#ask("command", 0, commandSize, commandBytesOf(command));
    const asked: number[] = [];
    const pieces = state.isCareful ? 1 : 1 + (command.tag % requestsMax);
    const size = Math.ceil(command.length / pieces / packetSize) * packetSize;
    for (let at = 0; at < command.length; at += size) {
      const length = Math.min(size, command.length - at);
      asked.push(state.nextId);
      this.#ask("data", at, length, command.isInput ? none : data.subarray(at, at + length));
    }
    if (!state.isCareful) {
      asked.push(state.nextId);
      this.#ask("status", 0, statusSize, none);
    }
    const isCalledOff = command.kind === "read" && command.tag % cancelEach === 0;
    if (state.isCareful || !isCalledOff) return;
    for (const number of asked) {
      state.cancelled += 1;
      this.#send({ name: "CANCEL_DATA_PACKET", id: BigInt(number), body: {} });
    }
  }

  #ask(part: RequestPart, at: number, length: number, data: Uint8Array): void {
    const { state } = this;
    const id = state.nextId++;
    const isOutput = part === "command" || (part === "data" && data.length > 0);
    const endpoint = isOutput ? state.output! : state.input!;
    state.requests.push({ id, part, at, length });
    state.asked += 1;
    const body = { endpoint, status: 0, streamId: 0, ...bulkLengthFields(length), data };
    this.#send({ name: "BULK_PACKET", id: BigInt(id), body });
  }

  #answer({ part, at }: OpenRequest, status: number, data: Uint8Array, runtimeMs: number): void {
    const { state } = this;
    const { activity } = state;
    if (activity.kind === "command") {
      if (status !== UsbStatus.SUCCESS) activity.isBroken = true;
      else if (part === "status") activity.status = data.slice();
      else if (part === "data" && at < activity.data.length) {
        activity.data.set(data.subarray(0, activity.data.length - at), at);
      }
      if (state.requests.length > 0) return;
      if (state.isCareful && part !== "status" && !activity.isBroken) {
        this.#ask("status", 0, statusSize, none);
        return;
      }
      const { command, isBroken } = activity;
      endCommand(state.storage, state.id, command, isBroken ? null : activity);
      if (isBroken) this.#repair(0);
      else this.#rest(runtimeMs);
    } else if (activity.kind === "repair") {
      if (activity.step + 1 < repairSteps) this.#repair(activity.step + 1);
      else this.#rest(runtimeMs);
    }
  }

  #rest(runtimeMs: number): void {
    this.state.activity = { kind: "idle" };
    this.state.dueMs = runtimeMs + pauseMs;
  }

  /** Reset of the transport, then of what either endpoint may be stalled by. */
  #repair(step: number): void {
    const { state } = this;
    state.activity = { kind: "repair", step };
    const id = state.nextId++;
    state.requests.push({ id, part: "repair", at: 0, length: 0 });
    state.asked += 1;
    const index = (step === 1 ? state.input : state.output) ?? 0;
    const setup =
      step === 0
        ? { request: 0xff, requestType: 0x21, value: 0, index: 0 }
        : { request: 1, requestType: 2, value: 0, index };
    const body = { endpoint: 0, status: 0, ...setup, length: 0, data: none };
    this.#send({ name: "CONTROL_PACKET", id: BigInt(id), body });
  }

  #send(packet: Packet): void {
    this.state.outgoing.push(this.#packets.write(packet));
  }
}

/** What a slot counts, as numbers by name. */
export function usbFacts(name: string, slot: UsbSlotState): Record<string, number> {
  const { asked, answered, cancelled, lost, strangers, plugged, unplugged, storage } = slot;
  const { reports } = slot;
  const { commands, failed, readBytes, writtenBytes, wrongAt } = storage;
  const counts = {
    ...{ asked, answered, cancelled, lost, strangers, plugged, unplugged },
    ...{ commands, failed, readBytes, writtenBytes, reports },
    ...{ open: slot.requests.length, wrong: wrongAt === null ? 0 : 1 },
  };
  return Object.fromEntries(
    Object.entries(counts).map(([key, value]) => [`${name}.${key}`, value]),
  );
}

function connection(saved: SavedPacketStream | null): PacketStream {
  return new PacketStream({
    role: "guest",
    version: "Caraway testcard",
    capabilities: [
      UsbredirCapability.CONNECT_DEVICE_VERSION,
      UsbredirCapability.DEVICE_DISCONNECT_ACK,
      UsbredirCapability.EP_INFO_MAX_PACKET_SIZE,
      UsbredirCapability.IDS_64BITS,
      UsbredirCapability.BULK_LENGTH_32BITS,
    ],
    bodySizeMax: 1 << 20,
    ...(saved !== null && { saved }),
  });
}
