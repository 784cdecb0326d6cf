// Short names of plain data: two states with the same name are taken for the same one.

/** 53 bits of a hash over the text (cyrb53). */
export function hashText(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  return mix(high, low);
}

export function hashNumbers(numbers: Uint8Array | Uint32Array | Uint16Array): number {
  let high = 0xdeadbeef ^ numbers.length;
  let low = 0x41c6ce57 ^ numbers.length;
  for (let index = 0; index < numbers.length; index++) {
    const unit = numbers[index]!;
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  return mix(high, low);
}

/** A name for all bytes that came, in whatever parts. */
export class Digest {
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  push(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) {
      const unit = bytes[index]!;
      this.#high = Math.imul(this.#high ^ unit, 2654435761);
      this.#low = Math.imul(this.#low ^ unit, 1597334677);
    }
  }

  get value(): number {
    return mix(this.#high, this.#low);
  }
}

function mix(first: number, second: number): number {
  let high = Math.imul(first ^ (first >>> 16), 2246822507);
  high ^= Math.imul(second ^ (second >>> 13), 3266489909);
  let low = Math.imul(second ^ (second >>> 16), 2246822507);
  low ^= Math.imul(first ^ (first >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

const marks = new WeakMap<Uint8Array, number>();

/** A number for what bytes say. */
export function markOf(bytes: Uint8Array): number {
  let mark = marks.get(bytes);
  if (mark === undefined) {
    mark = hashNumbers(bytes);
    marks.set(bytes, mark);
  }
  return mark;
}

/**
 * 53 bits of a hash over plain data, with what JSON has no word for. `isSet` tells lists by the name
 * of their field whose order does not count.
 */
export class Fingerprint {
  readonly #isSet: (name: string) => boolean;
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  constructor(isSet: (name: string) => boolean = () => false) {
    this.#isSet = isSet;
  }

  get value(): number {
    return mix(this.#high, this.#low);
  }

  add(value: unknown, name = ""): this {
    switch (typeof value) {
      case "number":
        if (value === (value | 0)) this.#push(value ^ 0x1b873593);
        else this.#text(`${value}`);
        break;
      case "string":
        this.#text(value);
        break;
      case "object":
        if (value === null) this.#push(0x5bd1e995);
        else this.#data(value, name);
        break;
      default:
        this.#text(`${typeof value} ${value}`);
        break;
    }
    return this;
  }

  #data(value: object, name: string): void {
    if (Array.isArray(value)) this.#list(value, name);
    else if (value instanceof Map || value instanceof Set) this.#list([...value], name);
    else if (value instanceof Uint8Array || value instanceof Uint32Array) {
      this.#push(value.length);
      for (let index = 0; index < value.length; index++) this.#push(value[index]!);
    } else {
      for (const key of Object.keys(value)) {
        this.#text(key);
        this.add((value as Readonly<Record<string, unknown>>)[key], key);
      }
      this.#push(0x2545f491);
    }
  }

  #list(items: readonly unknown[], name: string): void {
    this.#push(items.length ^ 0x7feb352d);
    if (!this.#isSet(name)) {
      for (const item of items) this.add(item);
      return;
    }
    let [high, low] = [0, 0];
    for (const item of items) {
      const own = new Fingerprint(this.#isSet).add(item);
      high = (high + own.#high) | 0;
      low = (low + own.#low) | 0;
    }
    this.#push(high);
    this.#push(low);
  }

  #text(text: string): void {
    this.#push(text.length ^ 0x68e31da4);
    for (let index = 0; index < text.length; index++) this.#push(text.charCodeAt(index));
  }

  #push(unit: number): void {
    this.#high = Math.imul(this.#high ^ unit, 2654435761);
    this.#low = Math.imul(this.#low ^ unit ^ (unit >>> 15), 1597334677);
    this.#high ^= this.#low >>> 14;
  }
}

/** Plain data as text, with what JSON has no word for. */
export function plainText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    if (inner instanceof Map || inner instanceof Set) return [...inner];
    if (inner instanceof Uint8Array || inner instanceof Uint32Array) return hashNumbers(inner);
    return inner;
  });
}
