// RSA-OAEP (RFC 8017, SHA-1, empty label) without WebCrypto, which a page loses when it comes over
// plain http. Only encrypts, with a public key that anybody may know: no secret exponent is used.

import { Der, demandRsa, power, toBytes, toNumber, withoutSign } from "./rsa-numbers.ts";
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

/** SubjectPublicKeyInfo: { { OID, parameters }, BIT STRING of { modulus, exponent } }. */
function readPublicKey(der: Uint8Array): PublicKey {
  const info = new Der(der).enter(0x30);
  demandRsa(info.enter(0x30));
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
