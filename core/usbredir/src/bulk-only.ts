// USB mass storage, bulk-only transport: a command comes, its data goes one way or the other, and a
// status ends it. What is due and is not done yet keeps its request waiting; requests of one
// endpoint are answered in their order.

import { UsbStatus } from "./constants.ts";
import type { ScsiDisk } from "./scsi-disk.ts";

/** What the drive's owner does for it, and answers with `done`. */
export type BlockWork =
  | { readonly kind: "read"; readonly offset: number; readonly length: number }
  | { readonly kind: "write"; readonly offset: number; readonly data: Uint8Array }
  /** What was written has to be kept. */
  | { readonly kind: "flush" };

export interface BulkAnswer {
  readonly id: bigint;
  readonly status: number;
  /** Bytes that went. */
  readonly length: number;
  /** Of what goes to the guest. */
  readonly data: Uint8Array;
}

export interface BulkOnlyOwner {
  answer(endpoint: "in" | "out", answer: BulkAnswer): void;
  /** `done` is called once, now or later, with what was read, and null when it failed. */
  work(work: BlockWork, done: (data: Uint8Array | null) => void): void;
  /** The guest ejected the medium. */
  ejected(): void;
}

interface Command {
  readonly tag: number;
  /** Bytes that the guest expects to go. */
  readonly expected: number;
  /** Bytes of them that went, and those among them that meant something. */
  moved: number;
  used: number;
  isFailed: boolean;
}

type State =
  | { readonly kind: "idle" }
  /** To the guest; `left` of the medium from `offset` on, or of `data`. */
  | { readonly kind: "reading"; readonly command: Command; offset: number; left: number }
  | { readonly kind: "replying"; readonly command: Command; readonly data: Uint8Array }
  /** From the guest; what goes beyond `left` is for nobody. */
  | { readonly kind: "writing"; readonly command: Command; offset: number; left: number }
  | { readonly kind: "flushing"; readonly command: Command }
  | { readonly kind: "status"; readonly command: Command }
  /** What came was no command: all is stalled until a reset. */
  | { readonly kind: "stalled" };

interface InRequest {
  readonly id: bigint;
  readonly length: number;
  /** Set when it is known; requests before it may still be waiting. */
  answer: BulkAnswer | null;
  isAssigned: boolean;
}

interface OutRequest {
  readonly id: bigint;
  readonly length: number;
  isDone: boolean;
}

const none = new Uint8Array(0);
const commandSize = 31;
const commandMark = 0x43425355;
const statusMark = 0x53425355;
/** One transfer; larger ones are answered in part, and the guest asks again. */
const transferMax = 1 << 20;
/** Requests that may wait; a guest that asks for more is refused. */
const requestsMax = 256;

export class BulkOnly {
  readonly #disk: ScsiDisk;
  readonly #owner: BulkOnlyOwner;
  #state: State = { kind: "idle" };
  #requests: InRequest[] = [];
  /** Requests to write that are not answered yet, oldest first. */
  #writes: OutRequest[] = [];
  /** Work of before a reset means nothing. */
  #epoch = 0;

  constructor(disk: ScsiDisk, owner: BulkOnlyOwner) {
    this.#disk = disk;
    this.#owner = owner;
  }

  snapshot(): unknown {
    return {
      state: this.#state.kind,
      requests: this.#requests.length,
      writes: this.#writes.length,
      disk: this.#disk.snapshot(),
    };
  }

  /** Requests end without an answer: the bus was reset, or the device is gone. */
  reset(): void {
    this.#epoch += 1;
    this.#state = { kind: "idle" };
    this.#requests = [];
    this.#writes = [];
  }

  /** A command that is under way is of a medium that is gone: no more of it goes, and it fails. */
  mediumChanged(): void {
    const state = this.#state;
    if (state.kind === "reading") {
      state.command.isFailed = true;
      this.#disk.endedByChange();
      this.#state = { kind: "replying", command: state.command, data: none };
      this.#pump();
    } else if (state.kind === "writing" && state.left > 0) {
      state.command.isFailed = true;
      this.#disk.endedByChange();
      state.left = 0;
    }
  }

  /** The guest no longer waits for this one. False: it was answered already. */
  cancel(id: bigint): boolean {
    const index = this.#requests.findIndex((request) => request.id === id);
    if (index >= 0) {
      this.#requests.splice(index, 1);
      this.#answer("in", id, UsbStatus.CANCELLED, none);
      this.#pump();
      return true;
    }
    const write = this.#writes.findIndex((request) => request.id === id);
    if (write < 0) return false;
    this.#writes.splice(write, 1);
    this.#owner.answer("out", { id, status: UsbStatus.CANCELLED, length: 0, data: none });
    this.#pumpOut();
    return true;
  }

  /** The guest wants up to `length` bytes. */
  requestIn(id: bigint, length: number): void {
    if (this.#requests.length >= requestsMax) {
      this.#answer("in", id, UsbStatus.IOERROR, none);
      return;
    }
    this.#requests.push({ id, length, answer: null, isAssigned: false });
    this.#pump();
  }

  requestOut(id: bigint, data: Uint8Array): void {
    switch (this.#state.kind) {
      case "idle":
        this.#begin(id, data);
        break;
      case "writing":
        this.#write(this.#state, id, data);
        break;
      case "reading":
      case "replying":
      case "flushing":
      case "status":
        // A command before the status of the last one: the guest has given that one up.
        this.#state = { kind: "idle" };
        this.#begin(id, data);
        break;
      case "stalled":
        this.#answerOut(id, UsbStatus.STALL, 0);
        break;
    }
    this.#pump();
  }

  #begin(id: bigint, data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const blockSize = data.length === commandSize ? data[14]! & 0x1f : 0;
    const isCommand =
      data.length === commandSize &&
      view.getUint32(0, true) === commandMark &&
      (data[13]! & 0x0f) === 0 &&
      blockSize >= 1 &&
      blockSize <= 16;
    if (!isCommand) {
      this.#state = { kind: "stalled" };
      this.#answerOut(id, UsbStatus.STALL, 0);
      return;
    }
    this.#answerOut(id, UsbStatus.SUCCESS, data.length);
    const expected = view.getUint32(8, true);
    const tag = view.getUint32(4, true);
    const isInput = (data[12]! & 0x80) !== 0;
    const command: Command = { tag, expected, moved: 0, used: 0, isFailed: false };
    this.#run(command, isInput, data.subarray(15, 15 + blockSize));
  }

  #run(command: Command, isInput: boolean, block: Uint8Array): void {
    const action = this.#disk.execute(block);
    const { expected } = command;
    switch (action.kind) {
      case "reply":
        this.#reply(command, isInput, action.data);
        break;
      case "read": {
        if (!isInput || expected === 0) {
          this.#refuse(command, isInput);
          break;
        }
        const left = Math.min(action.length, expected);
        this.#state = { kind: "reading", command, offset: action.offset, left };
        break;
      }
      case "write": {
        if (isInput || expected < action.length) {
          this.#refuse(command, isInput);
          break;
        }
        this.#state = { kind: "writing", command, offset: action.offset, left: action.length };
        this.#endWriting(this.#state);
        break;
      }
      case "flush":
        this.#flush(command);
        break;
      case "eject":
        this.#owner.ejected();
        this.#reply(command, isInput, none);
        break;
      case "done":
        this.#reply(command, isInput, none);
        break;
      case "failed":
        this.#refuse(command, isInput);
        break;
    }
  }

  /** No data of the medium goes, and the status says that the command failed. */
  #refuse(command: Command, isInput: boolean): void {
    command.isFailed = true;
    this.#reply(command, isInput, none);
  }

  #reply(command: Command, isInput: boolean, data: Uint8Array): void {
    if (command.expected === 0) this.#state = { kind: "status", command };
    else if (isInput) this.#state = { kind: "replying", command, data };
    else this.#state = { kind: "writing", command, offset: 0, left: 0 };
  }

  #flush(command: Command): void {
    const state: State = { kind: "flushing", command };
    this.#state = state;
    this.#work({ kind: "flush" }, (data) => {
      if (data === null) this.#fail(command, "write");
      if (this.#state === state) this.#state = { kind: "status", command };
    });
  }

  #write(state: State & { kind: "writing" }, id: bigint, data: Uint8Array): void {
    const { command } = state;
    const { offset } = state;
    const kept = data.subarray(0, state.left);
    command.moved += data.length;
    command.used += kept.length;
    state.offset += kept.length;
    state.left -= kept.length;
    const request = { id, length: data.length, isDone: kept.length === 0 };
    this.#writes.push(request);
    if (kept.length > 0) {
      this.#work({ kind: "write", offset, data: kept }, (done) => {
        if (done === null) this.#fail(command, "write");
        request.isDone = true;
        this.#pumpOut();
        this.#endWriting(state);
      });
    }
    this.#pumpOut();
    this.#endWriting(state);
  }

  /** PEER: QEMU dies of answers of one endpoint that come in another order than its requests. */
  #pumpOut(): void {
    while (this.#writes[0]?.isDone === true) {
      const { id, length } = this.#writes.shift()!;
      this.#answerOut(id, UsbStatus.SUCCESS, length);
    }
  }

  #endWriting(state: State & { kind: "writing" }): void {
    const { command } = state;
    const isOver = command.moved >= command.expected && this.#writes.length === 0;
    if (this.#state === state && isOver) this.#state = { kind: "status", command };
  }

  #fail(command: Command, what: "read" | "write"): void {
    command.isFailed = true;
    this.#disk.ioFailed(what);
  }

  /** Gives the waiting requests what is there for them. */
  #pump(): void {
    for (let request = this.#unassigned(); request !== null; request = this.#unassigned()) {
      if (!this.#assign(request)) break;
    }
    while (this.#requests[0]?.answer) {
      const { answer } = this.#requests.shift()!;
      this.#owner.answer("in", answer!);
    }
  }

  #unassigned(): InRequest | null {
    return this.#requests.find(({ isAssigned }) => !isAssigned) ?? null;
  }

  /** False: there is nothing for it yet. */
  #assign(request: InRequest): boolean {
    const state = this.#state;
    switch (state.kind) {
      case "reading":
        this.#read(state, request);
        return true;
      case "replying": {
        const { command } = state;
        const data = state.data.subarray(0, Math.min(request.length, command.expected));
        command.moved += data.length;
        command.used += data.length;
        const rest = state.data.subarray(data.length);
        const isOver = rest.length === 0 || command.moved >= command.expected;
        this.#state = isOver
          ? { kind: "status", command }
          : { kind: "replying", command, data: rest };
        this.#settle(request, UsbStatus.SUCCESS, data);
        return true;
      }
      case "status":
        // How the command went is known when all that was read is there.
        if (this.#requests.some((each) => each.isAssigned && each.answer === null)) return false;
        this.#settle(request, UsbStatus.SUCCESS, statusOf(state.command));
        this.#state = { kind: "idle" };
        return true;
      case "stalled":
        this.#settle(request, UsbStatus.STALL, none);
        return true;
      default:
        return false;
    }
  }

  #read(state: State & { kind: "reading" }, request: InRequest): void {
    const { command, offset } = state;
    const length = Math.min(state.left, request.length, transferMax);
    state.offset += length;
    state.left -= length;
    command.moved += length;
    command.used += length;
    request.isAssigned = true;
    if (state.left === 0) this.#state = { kind: "status", command };
    this.#work({ kind: "read", offset, length }, (data) => {
      if (data === null || data.length !== length) {
        this.#fail(command, "read");
        command.used -= length;
      }
      const bytes = data?.length === length ? data : none;
      this.#settle(request, UsbStatus.SUCCESS, bytes);
    });
  }

  #settle(request: InRequest, status: number, data: Uint8Array): void {
    request.isAssigned = true;
    request.answer = { id: request.id, status, length: data.length, data };
  }

  #work(work: BlockWork, done: (data: Uint8Array | null) => void): void {
    const epoch = this.#epoch;
    this.#owner.work(work, (data) => {
      if (epoch !== this.#epoch) return;
      done(data);
      this.#pump();
    });
  }

  #answer(endpoint: "in" | "out", id: bigint, status: number, data: Uint8Array): void {
    this.#owner.answer(endpoint, { id, status, length: data.length, data });
  }

  #answerOut(id: bigint, status: number, length: number): void {
    this.#owner.answer("out", { id, status, length, data: none });
  }
}

function statusOf({ tag, expected, used, isFailed }: Command): Uint8Array {
  const view = new DataView(new ArrayBuffer(13));
  view.setUint32(0, statusMark, true);
  view.setUint32(4, tag, true);
  view.setUint32(8, Math.max(0, expected - used), true);
  view.setUint8(12, isFailed ? 1 : 0);
  return new Uint8Array(view.buffer);
}
