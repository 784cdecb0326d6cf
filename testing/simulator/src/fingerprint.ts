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

/** Plain data as text, with what JSON has no word for. */
export function plainText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    if (inner instanceof Map || inner instanceof Set) return [...inner];
    if (inner instanceof Uint8Array || inner instanceof Uint32Array) return hashNumbers(inner);
    return inner;
  });
}
