// RSA-OAEP (RFC 8017, SHA-1, empty label) without WebCrypto, which a page loses when it comes over
// plain http. Only encrypts, with a public key that anybody may know: no secret exponent is used.

import { sha1 } from "./sha1.ts";

interface PublicKey {
  readonly modulus: bigint;
  readonly exponent: bigint;
  /** Of the modulus, in bytes. */
  readonly size: number;
}

const hashSize = 20;
/** The largest modulus that is worked with: what a hostile server may make us compute is bounded. */
const maxModulusSize = 1024;
const maxExponentSize = 8;

/** `randomBytes` must be fit for cryptography. Throws when the key is none or too small. */
export function encryptRsaOaep(
  publicKey: Uint8Array,
  data: Uint8Array,
  randomBytes: (size: number) => Uint8Array,
): Uint8Array {
  const { modulus, exponent, size } = readPublicKey(publicKey);
  const block = new Uint8Array(size);
  const seed = randomBytes(hashSize);
  const padded = block.subarray(1 + hashSize);
  if (data.length > padded.length - hashSize - 1) throw new Error("the RSA key is too small");
  padded.set(sha1(new Uint8Array(0)));
  padded[padded.length - data.length - 1] = 1;
  padded.set(data, padded.length - data.length);
  xor(padded, mask(seed, padded.length));
  block.set(seed, 1);
  xor(block.subarray(1, 1 + hashSize), mask(padded, hashSize));
  return toBytes(power(toNumber(block), exponent, modulus), size);
}

/** MGF1 with SHA-1. */
function mask(seed: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(size / hashSize) * hashSize);
  const input = new Uint8Array(seed.length + 4);
  input.set(seed);
  for (let counter = 0; counter * hashSize < size; counter++) {
    new DataView(input.buffer).setUint32(seed.length, counter);
    bytes.set(sha1(input), counter * hashSize);
  }
  return bytes.subarray(0, size);
}

function xor(target: Uint8Array, other: Uint8Array): void {
  for (let at = 0; at < target.length; at++) target[at] = target[at]! ^ other[at]!;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let left = exponent, square = base % modulus; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function toNumber(bytes: Uint8Array): bigint {
  let text = "0x0";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return BigInt(text);
}

function toBytes(value: bigint, size: number): Uint8Array {
  const text = value.toString(16).padStart(size * 2, "0");
  return Uint8Array.from({ length: size }, (_, at) => {
    return Number.parseInt(text.slice(at * 2, at * 2 + 2), 16);
  });
}

/** rsaEncryption, 1.2.840.113549.1.1.1. */
const rsaOid = "2a864886f70d010101";

/** SubjectPublicKeyInfo: { { OID, parameters }, BIT STRING of { modulus, exponent } }. */
function readPublicKey(der: Uint8Array): PublicKey {
  const info = new Der(der).enter(0x30);
  const oid = info.enter(0x30).take(0x06);
  const hex = Array.from(oid, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== rsaOid) throw new Error("the key is not an RSA key");
  const bits = info.take(0x03);
  if (bits[0] !== 0) throw new Error("the key's bits do not fill bytes");
  const key = new Der(bits.subarray(1)).enter(0x30);
  const modulus = withoutSign(key.take(0x02));
  const exponent = withoutSign(key.take(0x02));
  if (modulus.length > maxModulusSize || exponent.length > maxExponentSize) {
    throw new Error("the RSA key is too large");
  }
  const value = toNumber(modulus);
  if (value < 3n) throw new Error("the RSA key has no modulus");
  return { modulus: value, exponent: toNumber(exponent), size: modulus.length };
}

function withoutSign(integer: Uint8Array): Uint8Array {
  let at = 0;
  while (at < integer.length && integer[at] === 0) at++;
  return integer.subarray(at);
}

/** Reads elements of DER one after another. */
class Der {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  enter(tag: number): Der {
    return new Der(this.take(tag));
  }

  /** The contents of the next element, which must have this tag. */
  take(tag: number): Uint8Array {
    if (this.#byte() !== tag) throw new Error("the key is not laid out as a public key");
    let size = this.#byte();
    if (size > 0x80) {
      const count = size & 0x7f;
      if (count > 3) throw new Error("the key is too large");
      size = 0;
      for (let left = count; left > 0; left--) size = (size << 8) | this.#byte();
    }
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new Error("the key is cut off");
    const contents = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return contents;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error("the key is cut off");
    return byte;
  }
}
