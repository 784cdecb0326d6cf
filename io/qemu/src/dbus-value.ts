// D-Bus values as bytes (D-Bus Specification, "Marshaling"): little endian, each aligned to its size
// from the beginning of the message.

import { CarawayError } from "@caraway/wire";

/** What a peer sent is no D-Bus, or more than is sensible. */
export class DbusError extends CarawayError {
  readonly code = "DBUS_ERROR";
}

export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

/** `ay` is bytes; other arrays and structs are arrays; dictionaries are arrays of pairs. */
export type DbusValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | Variant
  | readonly DbusValue[];

/** The specification's bounds of an array, of a message and of how deep values lie in others. */
export const arrayMax = 1 << 26;
export const messageMax = 1 << 27;
const depthMax = 32;

const alignments: Readonly<Record<string, number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
  v: 1,
  a: 4,
  "(": 8,
  "{": 8,
};

/** The first complete type of a signature. */
export function firstType(signature: string, at = 0, depth = 0): string {
  if (depth > depthMax) throw new DbusError("a signature is too deep");
  const code = signature[at];
  if (code === "a") return `a${firstType(signature, at + 1, depth + 1)}`;
  if (code === "(" || code === "{") {
    const close = code === "(" ? ")" : "}";
    let end = at + 1;
    while (signature[end] !== close) {
      if (end >= signature.length) throw new DbusError(`a signature ends early: ${signature}`);
      end += firstType(signature, end, depth + 1).length;
    }
    return signature.slice(at, end + 1);
  }
  if (code === undefined || alignments[code] === undefined) {
    throw new DbusError(`a signature is wrong: ${signature}`);
  }
  return code;
}

export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const type = firstType(signature, at);
    types.push(type);
    at += type.length;
  }
  return types;
}

export class DbusWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  align(to: number): void {
    this.#grow(to);
    while (this.#size % to !== 0) this.#bytes[this.#size++] = 0;
  }

  writeAll(signature: string, values: readonly DbusValue[]): void {
    const types = typesOf(signature);
    if (types.length !== values.length) throw new DbusError(`${signature} is not so many values`);
    for (const [index, type] of types.entries()) this.write(type, values[index]!);
  }

  write(type: string, value: DbusValue): void {
    const code = type[0]!;
    this.align(alignments[code]!);
    switch (code) {
      case "y":
        this.#grow(1);
        this.#view.setUint8(this.#size, value as number);
        this.#size += 1;
        break;
      case "n":
      case "q":
        this.#grow(2);
        this.#view.setUint16(this.#size, (value as number) & 0xffff, true);
        this.#size += 2;
        break;
      case "b":
        this.#word(value === true ? 1 : 0);
        break;
      case "i":
      case "u":
      case "h":
        this.#word(value as number);
        break;
      case "x":
      case "t":
        this.#grow(8);
        this.#view.setBigUint64(this.#size, BigInt.asUintN(64, value as bigint), true);
        this.#size += 8;
        break;
      case "d":
        this.#grow(8);
        this.#view.setFloat64(this.#size, value as number, true);
        this.#size += 8;
        break;
      case "s":
      case "o": {
        const text = new TextEncoder().encode(value as string);
        this.#word(text.length);
        this.#put(text);
        this.#put(Uint8Array.of(0));
        break;
      }
      case "g": {
        const text = new TextEncoder().encode(value as string);
        this.#put(Uint8Array.of(text.length));
        this.#put(text);
        this.#put(Uint8Array.of(0));
        break;
      }
      case "v": {
        const { signature, value: inner } = value as Variant;
        this.write("g", signature);
        this.write(signature, inner);
        break;
      }
      case "a":
        this.#array(type.slice(1), value as Uint8Array | readonly DbusValue[]);
        break;
      default: {
        const inner = type.slice(1, -1);
        this.writeAll(inner, value as readonly DbusValue[]);
      }
    }
  }

  #array(element: string, value: Uint8Array | readonly DbusValue[]): void {
    const at = this.#size;
    this.#word(0);
    this.align(alignments[element[0]!]!);
    const start = this.#size;
    if (value instanceof Uint8Array) this.#put(value);
    else for (const each of value) this.write(element, each);
    this.#view.setUint32(at, this.#size - start, true);
  }

  #word(value: number): void {
    this.#grow(4);
    this.#view.setUint32(this.#size, value >>> 0, true);
    this.#size += 4;
  }

  #put(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  #grow(by: number): void {
    if (this.#size + by <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + by));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads values of a message; byte arrays are views of it. */
export class DbusReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  align(to: number): void {
    this.#at = Math.ceil(this.#at / to) * to;
  }

  readAll(signature: string): DbusValue[] {
    return typesOf(signature).map((type) => this.read(type));
  }

  read(type: string, depth = 0): DbusValue {
    if (depth > depthMax) throw new DbusError("a value is too deep");
    const code = type[0]!;
    this.align(alignments[code]!);
    switch (code) {
      case "y":
        return this.#view.getUint8(this.#take(1));
      case "n":
        return this.#view.getInt16(this.#take(2), true);
      case "q":
        return this.#view.getUint16(this.#take(2), true);
      case "b":
        return this.#view.getUint32(this.#take(4), true) !== 0;
      case "i":
        return this.#view.getInt32(this.#take(4), true);
      case "u":
      case "h":
        return this.#view.getUint32(this.#take(4), true);
      case "x":
        return this.#view.getBigInt64(this.#take(8), true);
      case "t":
        return this.#view.getBigUint64(this.#take(8), true);
      case "d":
        return this.#view.getFloat64(this.#take(8), true);
      case "s":
      case "o":
        return this.#text(this.#view.getUint32(this.#take(4), true));
      case "g":
        return this.#text(this.#view.getUint8(this.#take(1)));
      case "v": {
        const signature = this.read("g") as string;
        if (firstType(signature) !== signature) throw new DbusError("a variant is not one value");
        return { signature, value: this.read(signature, depth + 1) };
      }
      case "a":
        return this.#array(type.slice(1), depth);
      default:
        return typesOf(type.slice(1, -1)).map((inner) => this.read(inner, depth + 1));
    }
  }

  #array(element: string, depth: number): Uint8Array | DbusValue[] {
    const size = this.#view.getUint32(this.#take(4), true);
    if (size > arrayMax) throw new DbusError(`an array of ${size} bytes`);
    this.align(alignments[element[0]!]!);
    if (element === "y") {
      const at = this.#take(size);
      return this.#bytes.subarray(at, at + size);
    }
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new DbusError("an array ends early");
    const values: DbusValue[] = [];
    while (this.#at < end) values.push(this.read(element, depth + 1));
    if (this.#at !== end) throw new DbusError("an array ends within a value");
    return values;
  }

  #text(size: number): string {
    const at = this.#take(size + 1);
    if (this.#bytes[at + size] !== 0) throw new DbusError("a text has no end");
    return new TextDecoder().decode(this.#bytes.subarray(at, at + size));
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new DbusError("a message ends early");
    this.#at += size;
    return at;
  }
}
