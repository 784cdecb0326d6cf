// What generated encoders write to: exactly as many bytes as the size pass counted. A number that
// does not fit its field is refused, and the reference encoder then explains which.

import type { Context } from "./context.ts";
import { refused } from "./reader.ts";
import { utf8Size, writeUtf8 } from "./utf8.ts";

/** Writes a pointer's target where the writer stands. */
export type Append<T> = (writer: Writer, value: T) => void;

export class Writer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly context: Context;
  at = 0;
  /** Targets of pointers in the order in which the pointers were written. */
  readonly #deferred: (() => void)[] = [];

  constructor(size: number, context: Context) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.context = context;
  }

  take(size: number): number {
    const start = this.at;
    this.at = start + size;
    return start;
  }

  /** Appends `value` when all that stands before it is written, and points to it from `start`. */
  point<T>(start: number, append: Append<T>, value: T): void {
    this.#deferred.push(() => {
      this.view.setUint32(start, this.at, true);
      append(this, value);
    });
  }

  finish(): Uint8Array {
    // The queue grows while it is worked off: nested pointers come last.
    for (const append of this.#deferred) append();
    return this.bytes;
  }

  u8(start: number, value: number): void {
    if ((value & 0xff) !== value) throw refused;
    this.bytes[start] = value;
  }

  u16(start: number, value: number): void {
    if ((value & 0xffff) !== value) throw refused;
    this.view.setUint16(start, value, true);
  }

  u16be(start: number, value: number): void {
    if ((value & 0xffff) !== value) throw refused;
    this.view.setUint16(start, value);
  }

  i16(start: number, value: number): void {
    if ((value << 16) >> 16 !== value) throw refused;
    this.view.setInt16(start, value, true);
  }

  u32(start: number, value: number): void {
    if (value >>> 0 !== value) throw refused;
    this.view.setUint32(start, value, true);
  }

  u32be(start: number, value: number): void {
    if (value >>> 0 !== value) throw refused;
    this.view.setUint32(start, value);
  }

  i32(start: number, value: number): void {
    if ((value | 0) !== value) throw refused;
    this.view.setInt32(start, value, true);
  }

  u64(start: number, value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw refused;
    this.view.setBigUint64(start, value, true);
  }

  u64be(start: number, value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw refused;
    this.view.setBigUint64(start, value);
  }

  i64(start: number, value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw refused;
    this.view.setBigInt64(start, value, true);
  }
}

export function appendBlock(writer: Writer, value: Uint8Array): void {
  writer.bytes.set(value, writer.take(value.length));
}

export function appendText(writer: Writer, value: string): void {
  writer.at = writeUtf8(value, writer.bytes, writer.at);
}

export function appendTerminatedText(writer: Writer, value: string): void {
  writer.at = writeUtf8(value, writer.bytes, writer.at) + 1;
}

export function terminatedSize(value: string): number {
  return utf8Size(value) + 1;
}

/** The bytes of all items of a list. */
export function sumOfSizes<T>(items: readonly T[], size: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += size(item);
  return sum;
}
