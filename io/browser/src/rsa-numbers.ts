// Numbers of RSA and the DER that keys are written in, for pages without WebCrypto and for what
// WebCrypto does not do.

/** Not in constant time. */
export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let left = exponent, square = base % modulus; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

export function toNumber(bytes: Uint8Array): bigint {
  let text = "0x0";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return BigInt(text);
}

export function toBytes(value: bigint, size: number): Uint8Array {
  const text = value.toString(16).padStart(size * 2, "0");
  return Uint8Array.from({ length: size }, (_, at) => {
    return Number.parseInt(text.slice(at * 2, at * 2 + 2), 16);
  });
}

export function withoutSign(integer: Uint8Array): Uint8Array {
  let at = 0;
  while (at < integer.length && integer[at] === 0) at++;
  return integer.subarray(at);
}

/** Reads elements of DER one after another. */
export class Der {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  enter(tag: number): Der {
    return new Der(this.take(tag));
  }

  /** Null at the end. */
  get nextTag(): number | null {
    return this.#bytes[this.#at] ?? null;
  }

  /** The contents of the next element, which must have this tag. */
  take(tag: number): Uint8Array {
    if (this.#byte() !== tag) throw new Error("the key is not laid out as an RSA key");
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

/** rsaEncryption, 1.2.840.113549.1.1.1. */
const rsaOid = "2a864886f70d010101";

/** Throws when an AlgorithmIdentifier is another one. */
export function demandRsa(algorithm: Der): void {
  const hex = Array.from(algorithm.take(0x06), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  if (hex !== rsaOid) throw new Error("the key is not an RSA key");
}
