// What the testcard does with a stick or a CD drive: it asks what it is, then writes and reads
// blocks without a pause and checks each that it reads. A medium that may be written is overwritten
// from its start; of another it remembers what it read first.

import { hash } from "./arithmetic.ts";

/** What is under way: a command, then its data, then its status, as bulk-only transport has them. */
export interface StorageCommand {
  readonly kind: CommandKind;
  readonly tag: number;
  /** Of a read or write. */
  readonly first: number;
  readonly count: number;
  /** Bytes of data, and whether they come from the device. */
  readonly length: number;
  readonly isInput: boolean;
}

export const commandKinds = [
  "inquiry",
  "ready",
  "sense",
  "capacity",
  "mode",
  "read",
  "write",
] as const;
export type CommandKind = (typeof commandKinds)[number];

export interface StorageState {
  /** Blocks of the medium that are used, and their size; 0 before they are known. */
  blocks: number;
  blockSize: number;
  isReadOnly: boolean;
  /** Commands that ended well or with an error of the medium, and those that did not. */
  commands: number;
  failed: number;
  readBytes: number;
  writtenBytes: number;
  /** The command whose data was wrong first; null: none was. */
  wrongAt: number | null;
  /** For each block how often it was written; on a medium that is only read, a sum of it, or 0. */
  marks: Uint32Array;
  /** What comes next. */
  next: CommandKind;
}

/** Blocks that are used. */
export const storageBlocksMax = 1024;
/** Bytes of one command. */
const commandBytes = 64 << 10;
const blockSizes = [512, 2048, 4096];
const commandMark = 0x43425355;
const statusMark = 0x53425355;
export const commandSize = 31;
export const statusSize = 13;

export function firstStorage(): StorageState {
  const sizes = { blocks: 0, blockSize: 0, isReadOnly: false };
  const counts = { commands: 0, failed: 0, readBytes: 0, writtenBytes: 0, wrongAt: null };
  return { ...sizes, ...counts, marks: new Uint32Array(storageBlocksMax), next: "inquiry" };
}

/** A device that was plugged in: what the last one was is forgotten, what was counted is not. */
export function meetStorage(storage: StorageState): void {
  storage.blocks = 0;
  storage.blockSize = 0;
  storage.marks.fill(0);
  storage.next = "inquiry";
}

export function nextCommand(storage: StorageState, seed: number, tag: number): StorageCommand {
  const { next, blocks, blockSize } = storage;
  const plain = { kind: next, tag, first: 0, count: 0, isInput: true };
  switch (next) {
    case "inquiry":
      return { ...plain, length: 36 };
    case "ready":
      return { ...plain, length: 0 };
    case "sense":
      return { ...plain, length: 18 };
    case "capacity":
      return { ...plain, length: 8 };
    case "mode":
      return { ...plain, length: 192 };
    default: {
      const chance = hash(seed, tag);
      const isInput = storage.isReadOnly || chance % 2 === 0;
      const most = Math.min(commandBytes / blockSize, blocks);
      const count = 1 + ((chance >>> 1) % most);
      const first = hash(seed + 1, tag) % (blocks - count + 1);
      const kind = isInput ? "read" : "write";
      return { kind, tag, first, count, length: count * blockSize, isInput };
    }
  }
}

/** Sense keys. */
const notReady = 2;
const unitAttention = 6;

/** The 31 bytes that begin it. */
export function commandBytesOf({
  kind,
  tag,
  first,
  count,
  length,
  isInput,
}: StorageCommand): Uint8Array {
  const bytes = new Uint8Array(commandSize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, commandMark, true);
  view.setUint32(4, tag, true);
  view.setUint32(8, length, true);
  view.setUint8(12, isInput ? 0x80 : 0);
  const block = commandBlock(kind, first, count, length);
  view.setUint8(14, block.length);
  bytes.set(block, 15);
  return bytes;
}

function commandBlock(kind: CommandKind, first: number, count: number, length: number): number[] {
  switch (kind) {
    case "inquiry":
      return [0x12, 0, 0, 0, length, 0];
    case "ready":
      return [0, 0, 0, 0, 0, 0];
    case "sense":
      return [0x03, 0, 0, 0, length, 0];
    case "capacity":
      return [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    case "mode":
      return [0x1a, 0, 0x3f, 0, length, 0];
    default: {
      const place = [first >>> 24, (first >>> 16) & 0xff, (first >>> 8) & 0xff, first & 0xff];
      return [kind === "read" ? 0x28 : 0x2a, 0, ...place, 0, count >> 8, count & 0xff, 0];
    }
  }
}

/** What a write writes: each block as it is written for the next time. */
export function writtenData(
  storage: StorageState,
  seed: number,
  command: StorageCommand,
): Uint8Array {
  const { blockSize, marks } = storage;
  const data = new Uint8Array(command.length);
  for (let index = 0; index < command.count; index++) {
    const block = command.first + index;
    fillBlock(data.subarray(index * blockSize), blockSize, seed, block, marks[block]! + 1);
  }
  return data;
}

function fillBlock(out: Uint8Array, size: number, seed: number, block: number, mark: number): void {
  let word = hash(hash(seed, block), mark);
  for (let at = 0; at < size; at += 4) {
    out[at] = word & 0xff;
    out[at + 1] = (word >>> 8) & 0xff;
    out[at + 2] = (word >>> 16) & 0xff;
    out[at + 3] = word >>> 24;
    word = (Math.imul(word, 0x19660d) + 0x3c6ef35f) >>> 0;
  }
}

/** How a command ended: its status block says so, or it did not end as it should (null). */
export type CommandEnd = { readonly status: Uint8Array; readonly data: Uint8Array } | null;

/** Takes a command's end into account. */
export function endCommand(
  storage: StorageState,
  seed: number,
  command: StorageCommand,
  end: CommandEnd,
): void {
  const passed = end === null ? null : hasPassed(command, end.status);
  if (end === null || passed === null) {
    storage.failed += 1;
    // A write that did not end may have been done, in part.
    if (command.kind === "write") markBlocks(storage, command, () => 0);
    return;
  }
  storage.commands += 1;
  if (!passed) {
    if (command.kind === "write") markBlocks(storage, command, () => 0);
    if (command.kind === "sense") storage.failed += 1;
    else if (command.kind !== "mode") storage.next = "sense";
    else storage.next = "read";
    return;
  }
  const { data } = end;
  switch (command.kind) {
    case "inquiry":
      storage.isReadOnly = (data[0]! & 0x1f) === 5;
      storage.next = "ready";
      break;
    case "ready":
      storage.next = "capacity";
      break;
    case "sense":
      // Another medium may be in it, or none.
      if ((data[2]! & 0x0f) === unitAttention || (data[2]! & 0x0f) === notReady) {
        storage.blocks = 0;
        storage.marks.fill(0);
      }
      storage.next = storage.blocks === 0 ? "ready" : "read";
      break;
    case "capacity":
      takeCapacity(storage, data);
      break;
    case "mode":
      // The bit of write protection.
      if ((data[2]! & 0x80) !== 0) storage.isReadOnly = true;
      storage.next = "read";
      break;
    case "read":
      storage.readBytes += data.length;
      if (!isAsExpected(storage, seed, command, data)) storage.wrongAt ??= command.tag;
      break;
    case "write":
      storage.writtenBytes += command.length;
      markBlocks(storage, command, (mark) => mark + 1);
      break;
  }
}

/** null: it is not this command's status. */
function hasPassed({ tag }: StorageCommand, status: Uint8Array): boolean | null {
  if (status.length !== statusSize) return null;
  const view = new DataView(status.buffer, status.byteOffset, statusSize);
  if (view.getUint32(0, true) !== statusMark || view.getUint32(4, true) !== tag) return null;
  const code = view.getUint8(12);
  return code > 1 ? null : code === 0;
}

function takeCapacity(storage: StorageState, data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const isWhole = data.length === 8 && blockSizes.includes(view.getUint32(4));
  if (!isWhole) {
    storage.failed += 1;
    return;
  }
  storage.blocks = Math.min(view.getUint32(0) + 1, storageBlocksMax);
  storage.blockSize = view.getUint32(4);
  storage.next = storage.isReadOnly ? "read" : "mode";
}

function markBlocks(
  { marks }: StorageState,
  { first, count }: StorageCommand,
  change: (mark: number) => number,
): void {
  for (let block = first; block < first + count; block++) marks[block] = change(marks[block]!);
}

function isAsExpected(
  { isReadOnly, blockSize, marks }: StorageState,
  seed: number,
  command: StorageCommand,
  data: Uint8Array,
): boolean {
  if (data.length !== command.length) return false;
  const expected = new Uint8Array(blockSize);
  let isRight = true;
  for (let index = 0; index < command.count; index++) {
    const block = command.first + index;
    const found = data.subarray(index * blockSize, (index + 1) * blockSize);
    const mark = marks[block]!;
    if (isReadOnly) {
      const sum = sumOf(found);
      if (mark !== 0 && mark !== sum) isRight = false;
      marks[block] = sum;
    } else if (mark !== 0) {
      // What nobody wrote may be anything.
      fillBlock(expected, blockSize, seed, block, mark);
      if (!isSame(found, expected)) isRight = false;
    }
  }
  return isRight;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 1;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return sum || 1;
}
