// SHA-256 (FIPS 180-4) of what comes piece by piece; its state is plain data, so that a file that
// arrives while the guest moves is summed up on both sides of the move.

import { joinBytes } from "@caraway/wire";

export interface Sha256State {
  /** The eight words of the sum so far. */
  readonly words: readonly number[];
  /** Bytes of a block that is not whole yet. */
  readonly rest: Uint8Array;
  /** Bytes so far. */
  readonly length: number;
}

const blockSize = 64;
const primes = firstPrimes(64);
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const constants = Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));

export const emptySha256: Sha256State = {
  words: primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime))),
  rest: new Uint8Array(0),
  length: 0,
};

export function addToSha256(state: Sha256State, bytes: Uint8Array): Sha256State {
  const words = Uint32Array.from(state.words);
  const all = joinBytes([state.rest, bytes]);
  let at = 0;
  for (; at + blockSize <= all.length; at += blockSize) mix(words, all, at);
  return { words: [...words], rest: all.slice(at), length: state.length + bytes.length };
}

/** In hexadecimal, as `sha256sum` writes it. */
export function sha256Text(state: Sha256State): string {
  const padding = new Uint8Array(((119 - (state.length % blockSize)) % blockSize) + 9);
  padding[0] = 0x80;
  const view = new DataView(padding.buffer);
  view.setBigUint64(padding.length - 8, BigInt(state.length) * 8n);
  const { words } = addToSha256(state, padding);
  return words.map((word) => word.toString(16).padStart(8, "0")).join("");
}

function mix(words: Uint32Array, bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, blockSize);
  const schedule = new Uint32Array(64);
  for (let index = 0; index < 16; index++) schedule[index] = view.getUint32(4 * index);
  for (let index = 16; index < 64; index++) {
    const early = schedule[index - 15]!;
    const late = schedule[index - 2]!;
    const small = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const large = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    schedule[index] = schedule[index - 16]! + small + schedule[index - 7]! + large;
  }
  let [a, b, c, d, e, f, g, h] = words as unknown as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  for (let index = 0; index < 64; index++) {
    const choice = (e & f) ^ (~e & g);
    const first =
      (h +
        (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
        choice +
        constants[index]! +
        schedule[index]!) |
      0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    words[index] = words[index]! + word;
  });
}

function turn(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function fraction(value: number): number {
  return Math.floor((value - Math.floor(value)) * 0x1_0000_0000);
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let number = 2; found.length < count; number++) {
    if (found.every((prime) => number % prime !== 0)) found.push(number);
  }
  return found;
}
