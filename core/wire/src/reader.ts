// What generated decoders read from. They check bounds once for a run of fixed-size fields and say
// only "refused" when something is wrong: the reference decoder then explains what.

import { type Context, emptyContext } from "./context.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Thrown by generated code; never leaves a codec. */
export const refused = Symbol("refused");

export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly context: Context;
  at = 0;

  constructor(bytes: Uint8Array, context: Context = emptyContext) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.context = context;
  }

  /** Goes past `size` bytes and returns where they start. */
  take(size: number): number {
    const start = this.at;
    const end = start + size;
    if (end > this.bytes.length) throw refused;
    this.at = end;
    return start;
  }

  /** Checks that `size` bytes are left, before anything is allocated for them. */
  require(size: number): void {
    if (this.at + size > this.bytes.length) throw refused;
  }

  block(size: number): Uint8Array {
    const start = this.take(size);
    return this.bytes.subarray(start, this.at);
  }

  rest(): Uint8Array {
    const start = this.at;
    this.at = this.bytes.length;
    return this.bytes.subarray(start);
  }

  text(size: number): string {
    const start = this.take(size);
    return decodeUtf8(this.bytes, start, this.at);
  }

  /** A text whose size counts a NUL; a missing one is forgiven. */
  terminatedText(size: number): string {
    const start = this.take(size);
    const end = size > 0 && this.bytes[this.at - 1] === 0 ? this.at - 1 : this.at;
    return decodeUtf8(this.bytes, start, end);
  }

  /** Reads the pointer at `start`; null and what lies outside the message are refused. */
  pointer(start: number): number {
    const offset = this.view.getUint32(start, true);
    if (offset === 0 || offset > this.bytes.length) throw refused;
    return offset;
  }

  /** Goes to `offset` and returns where the reader was. */
  jump(offset: number): number {
    const back = this.at;
    this.at = offset;
    return back;
  }
}
