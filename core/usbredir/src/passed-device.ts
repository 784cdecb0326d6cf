// A real device behind the host's role of a slot: what the guest asks of it becomes transfers, which
// its owner makes (WebUSB in a page, libusb in Node) and answers. The words are those of WebUSB,
// where a transfer that has begun cannot be called off.

import { EndpointType, endpointIn, UsbStatus } from "./constants.ts";
import type { DeviceInput, DeviceState, TransferResult, TransferWork } from "./device-work.ts";
import { bulkLength, bulkLengthFields } from "./packet-rules.ts";
import type { Packet, PacketOf } from "./packets.ts";
import { InPipe, OutPipe } from "./pipes.ts";
import { IsoReceiving, IsoSending, Receiving } from "./receiving.ts";
import { answerControl, refuse } from "./standard-requests.ts";
import { endpointInfo, interfaceInfo, type UsbDescription } from "./usb-description.ts";
import type { DeviceOwner, UsbDevice } from "./usb-device.ts";

/** Transfers of one endpoint that are under way at once. */
const transfersMax = 8;
/** Control requests that wait; a guest that asks for more is refused. */
const controlMax = 64;
const none = new Uint8Array(0);
const { SUCCESS, INVAL, IOERROR } = UsbStatus;

const CLEAR_FEATURE = 1;
const toEndpoint = 2;

export class PassedDevice implements UsbDevice {
  #state: DeviceState;
  #owner!: DeviceOwner;
  readonly #tasks = new Map<number, (result: TransferResult) => void>();
  /** Control requests go one by one. */
  #controls: { readonly work: TransferWork; readonly done: (result: TransferResult) => void }[] =
    [];
  #controlTask: number | null = null;
  readonly #inputs = new Map<number, InPipe>();
  readonly #outputs = new Map<number, OutPipe>();
  /** Endpoints that are read by themselves. */
  readonly #receiving = new Map<number, Receiving>();
  readonly #isoReceiving = new Map<number, IsoReceiving>();
  readonly #isoSending = new Map<number, IsoSending>();

  constructor(state: DeviceState) {
    this.#state = state;
  }

  get description(): UsbDescription {
    return this.#state.description;
  }

  plugged(owner: DeviceOwner): void {
    this.#owner = owner;
  }

  handle(input: DeviceInput): void {
    if (input.type !== "transferred") return;
    const done = this.#tasks.get(input.task);
    this.#tasks.delete(input.task);
    done?.(input.result);
  }

  gone(): void {
    this.#restart();
    this.#controls = [];
    this.#controlTask = null;
    this.#tasks.clear();
  }

  snapshot(): unknown {
    const of = <K, V extends { snapshot(): unknown }>(map: ReadonlyMap<K, V>) =>
      [...map].map(([endpoint, each]) => [endpoint, each.snapshot()]);
    return {
      configuration: this.#state.configuration,
      tasks: this.#tasks.size,
      controls: this.#controls.length,
      pipes: [...of(this.#inputs), ...of(this.#outputs)],
      receiving: [...of(this.#receiving), ...of(this.#isoReceiving), ...of(this.#isoSending)],
    };
  }

  take(packet: Packet): void {
    const { id } = packet;
    switch (packet.name) {
      case "RESET":
        this.#restart();
        this.#control({ kind: "reset" }, (result) => this.#changed(result));
        break;
      case "SET_CONFIGURATION": {
        const { configuration } = packet.body;
        this.#control({ kind: "configure", configuration }, (result) => {
          this.#changed(result);
          this.#owner.send(interfaceInfo(this.description));
          this.#owner.send(endpointInfo(this.description));
          const body = { status: result.status, configuration: this.#state.configuration };
          this.#owner.send({ name: "CONFIGURATION_STATUS", id, body });
        });
        break;
      }
      case "GET_CONFIGURATION": {
        const body = { status: SUCCESS, configuration: this.#state.configuration };
        this.#owner.send({ name: "CONFIGURATION_STATUS", id, body });
        break;
      }
      case "SET_ALT_SETTING": {
        const { interface: number, alt } = packet.body;
        this.#control({ kind: "alternate", interface: number, alternate: alt }, (result) => {
          this.#changed(result);
          this.#owner.send(interfaceInfo(this.description));
          this.#owner.send(endpointInfo(this.description));
          this.#tellAlternate(id, number, result.status);
        });
        break;
      }
      case "GET_ALT_SETTING":
        this.#tellAlternate(id, packet.body.interface, SUCCESS);
        break;
      case "CONTROL_PACKET":
        this.#controlPacket(packet);
        break;
      case "BULK_PACKET":
        this.#bulkPacket(packet);
        break;
      case "INTERRUPT_PACKET":
        if (this.#has(packet.body.endpoint, EndpointType.INTERRUPT)) {
          this.#outPipe(packet.body.endpoint, false).request(id, packet.body.data);
        } else refuse(this.#owner, packet);
        break;
      case "CANCEL_DATA_PACKET":
        for (const pipe of [...this.#inputs.values(), ...this.#outputs.values()]) {
          if (pipe.cancel(id)) break;
        }
        break;
      case "START_INTERRUPT_RECEIVING":
      case "STOP_INTERRUPT_RECEIVING":
        this.#interrupts(packet);
        break;
      case "START_BULK_RECEIVING":
      case "STOP_BULK_RECEIVING":
        this.#bulkReceiving(packet);
        break;
      case "START_ISO_STREAM":
      case "STOP_ISO_STREAM":
        this.#isoStream(packet);
        break;
      case "ISO_PACKET":
        this.#isoSending.get(packet.body.endpoint)?.packet(packet.body.data);
        break;
      default:
        refuse(this.#owner, packet);
        break;
    }
  }

  #controlPacket(packet: PacketOf<"CONTROL_PACKET">): void {
    const { request, requestType, value, index, length, data, endpoint } = packet.body;
    const setup = { request, requestType, value, index };
    const done = (result: TransferResult) => {
      answerControl(this.#owner, packet, result.status, result.data);
    };
    // A halt is also the host controller's business.
    if (requestType === toEndpoint && request === CLEAR_FEATURE && value === 0) {
      this.#control({ kind: "clear-halt", endpoint: index & 0xff }, done);
    } else if ((endpoint & endpointIn) !== 0) {
      this.#control({ kind: "control-in", setup, length }, done);
    } else this.#control({ kind: "control-out", setup, data }, done);
  }

  #bulkPacket(packet: PacketOf<"BULK_PACKET">): void {
    const { endpoint, streamId, data } = packet.body;
    if (!this.#has(endpoint, EndpointType.BULK) || streamId !== 0) refuse(this.#owner, packet);
    else if ((endpoint & endpointIn) === 0) this.#outPipe(endpoint, true).request(packet.id, data);
    else this.#inPipe(endpoint).request(packet.id, bulkLength(packet.body));
  }

  #interrupts(packet: PacketOf<"START_INTERRUPT_RECEIVING" | "STOP_INTERRUPT_RECEIVING">): void {
    const { endpoint } = packet.body;
    const tell = (id: bigint, status: number) => {
      this.#owner.send({ name: "INTERRUPT_RECEIVING_STATUS", id, body: { status, endpoint } });
    };
    const found = this.#find(endpoint, EndpointType.INTERRUPT);
    if (found === null) {
      tell(packet.id, INVAL);
      return;
    }
    tell(packet.id, SUCCESS);
    const receiving = this.#receiver(endpoint, {
      length: found.packetSize & 0x7ff,
      atOnce: 1,
      arrived: (number, status, data) => {
        const body = { endpoint, status, length: data.length, data };
        this.#owner.send({ name: "INTERRUPT_PACKET", id: number, body });
      },
      broken: (status) => tell(0n, status),
    });
    if (packet.name === "START_INTERRUPT_RECEIVING") receiving.start();
    else receiving.stop();
  }

  #bulkReceiving(packet: PacketOf<"START_BULK_RECEIVING" | "STOP_BULK_RECEIVING">): void {
    const { endpoint, streamId } = packet.body;
    const tell = (id: bigint, status: number) => {
      const body = { streamId, endpoint, status };
      this.#owner.send({ name: "BULK_RECEIVING_STATUS", id, body });
    };
    const found = this.#find(endpoint, EndpointType.BULK);
    if (packet.name === "STOP_BULK_RECEIVING") {
      this.#receiving.get(endpoint)?.stop();
      tell(packet.id, found === null ? INVAL : SUCCESS);
      return;
    }
    const { bytesPerTransfer: length, noTransfers: atOnce } = packet.body;
    const size = (found?.packetSize ?? 0) & 0x7ff;
    const isSound = length > 0 && length <= receivingMax && length % size === 0;
    if (!isSound || atOnce === 0 || atOnce > receivingTransfersMax || streamId !== 0) {
      tell(packet.id, INVAL);
      return;
    }
    tell(packet.id, SUCCESS);
    const receiving = this.#receiver(endpoint, {
      ...{ length, atOnce },
      arrived: (number, status, data) => {
        const body = { streamId, length: data.length, endpoint, status, data };
        this.#owner.send({ name: "BUFFERED_BULK_PACKET", id: number, body });
      },
      broken: (status) => tell(0n, status),
    });
    receiving.start();
  }

  #receiver(endpoint: number, how: Omit<ConstructorParameters<typeof Receiving>[0], "read">) {
    const old = this.#receiving.get(endpoint);
    if (old?.isAs(how.length, how.atOnce)) return old;
    old?.end();
    const made = new Receiving({
      ...how,
      read: (length, done) => this.#work({ kind: "transfer-in", endpoint, length }, done),
    });
    this.#receiving.set(endpoint, made);
    return made;
  }

  #isoStream(packet: PacketOf<"START_ISO_STREAM" | "STOP_ISO_STREAM">): void {
    const { endpoint } = packet.body;
    const tell = (id: bigint, status: number) => {
      this.#owner.send({ name: "ISO_STREAM_STATUS", id, body: { status, endpoint } });
    };
    const found = this.#find(endpoint, EndpointType.ISO);
    this.#isoReceiving.get(endpoint)?.stop();
    this.#isoReceiving.delete(endpoint);
    this.#isoSending.get(endpoint)?.stop();
    this.#isoSending.delete(endpoint);
    if (packet.name === "STOP_ISO_STREAM") {
      tell(packet.id, found === null ? INVAL : SUCCESS);
      return;
    }
    const { pktsPerUrb: packets, noUrbs: transfers } = packet.body;
    const isSound = packets > 0 && packets <= isoPacketsMax && transfers > 0;
    if (found === null || !isSound || transfers > isoTransfersMax) {
      tell(packet.id, INVAL);
      return;
    }
    tell(packet.id, SUCCESS);
    const broken = (status: number) => tell(0n, status);
    if ((endpoint & endpointIn) === 0) {
      const write = (data: Uint8Array, lengths: number[], done: (result: TransferResult) => void) =>
        this.#work({ kind: "iso-out", endpoint, data, lengths }, done);
      this.#isoSending.set(endpoint, new IsoSending({ packets, transfers, write, broken }));
      return;
    }
    // So many transactions in a microframe.
    const size = (found.packetSize & 0x7ff) * (1 + ((found.packetSize >> 11) & 3));
    const lengths = new Array<number>(packets).fill(size);
    const stream = new IsoReceiving({
      transfers,
      broken,
      read: (done) => this.#work({ kind: "iso-in", endpoint, lengths }, done),
      arrived: (id, status, data) => {
        const body = { endpoint, status, length: data.length, data };
        this.#owner.send({ name: "ISO_PACKET", id, body });
      },
    });
    this.#isoReceiving.set(endpoint, stream);
    stream.start();
  }

  #inPipe(endpoint: number): InPipe {
    let pipe = this.#inputs.get(endpoint);
    if (pipe !== undefined) return pipe;
    pipe = new InPipe(transfersMax, {
      read: (length) => {
        this.#work({ kind: "transfer-in", endpoint, length }, (result) => pipe!.arrived(result));
      },
      answer: (id, { status, data }) => {
        const fields = { ...bulkLengthFields(data.length), data };
        const body = { endpoint, status, streamId: 0, ...fields };
        this.#owner.send({ name: "BULK_PACKET", id, body });
      },
    });
    this.#inputs.set(endpoint, pipe);
    return pipe;
  }

  #outPipe(endpoint: number, isBulk: boolean): OutPipe {
    let pipe = this.#outputs.get(endpoint);
    if (pipe !== undefined) return pipe;
    pipe = new OutPipe(transfersMax, {
      write: (id, data) => {
        this.#work({ kind: "transfer-out", endpoint, data }, ({ status, length }) => {
          pipe!.ended(id, status, length);
        });
      },
      answer: (id, status, length) => {
        const head = { endpoint, status, data: none };
        if (isBulk) {
          const body = { ...head, streamId: 0, ...bulkLengthFields(length) };
          this.#owner.send({ name: "BULK_PACKET", id, body });
        } else this.#owner.send({ name: "INTERRUPT_PACKET", id, body: { ...head, length } });
      },
    });
    this.#outputs.set(endpoint, pipe);
    return pipe;
  }

  #find(address: number, type: number) {
    for (const { endpoints } of this.description.interfaces) {
      const found = endpoints.find((each) => each.address === address && each.type === type);
      if (found !== undefined) return found;
    }
    return null;
  }

  #has(address: number, type: number): boolean {
    return this.#find(address, type) !== null;
  }

  #tellAlternate(id: bigint, number: number, status: number): void {
    const found = this.description.interfaces.find((each) => each.number === number);
    const body = { interface: number, alt: found?.alternate ?? 0 };
    const really = found === undefined ? INVAL : status;
    this.#owner.send({ name: "ALT_SETTING_STATUS", id, body: { ...body, status: really } });
  }

  #changed({ state }: TransferResult): void {
    if (state !== undefined) this.#state = state;
  }

  /** What is under way is over. */
  #restart(): void {
    const controls = this.#controls;
    this.#controls = this.#controlTask === null ? [] : controls.slice(0, 1);
    for (const task of this.#tasks.keys()) if (task !== this.#controlTask) this.#tasks.delete(task);
    for (const pipe of [...this.#inputs.values(), ...this.#outputs.values()]) pipe.restart();
    for (const map of [this.#receiving, this.#isoReceiving, this.#isoSending]) {
      for (const each of map.values()) each.end();
      map.clear();
    }
    this.#inputs.clear();
    this.#outputs.clear();
  }

  #control(work: TransferWork, done: (result: TransferResult) => void): void {
    if (this.#controls.length >= controlMax) {
      done({ status: IOERROR, data: none, length: 0 });
      return;
    }
    this.#controls.push({ work, done });
    if (this.#controlTask === null) this.#nextControl();
  }

  #nextControl(): void {
    const next = this.#controls[0];
    this.#controlTask = null;
    if (next === undefined) return;
    this.#controlTask = this.#work(next.work, (result) => {
      this.#controls.shift();
      next.done(result);
      this.#nextControl();
    });
  }

  #work(work: TransferWork, done: (result: TransferResult) => void): number {
    const task = this.#owner.newTask();
    this.#tasks.set(task, done);
    this.#owner.say({ type: "work", task, work });
    return task;
  }
}

/** Bytes and transfers that a guest may have read ahead. */
const receivingMax = 1 << 18;
const receivingTransfersMax = 16;
/** As libusb's host has them. */
const isoPacketsMax = 32;
const isoTransfersMax = 16;
