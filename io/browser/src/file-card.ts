// A smartcard of a certificate and a private key that the user chose in a page, as PEM or DER: for
// tests, demonstrations and certificates from files, as its key is a number in the page's memory.

import { SoftwareCard } from "@caraway/driver";
import type { PivSlot } from "@caraway/smartcard";
import { Der, demandRsa, power, toBytes, toNumber, withoutSign } from "./rsa-numbers.ts";
import { sha1 } from "./sha1.ts";

export interface BlobCardOptions {
  readonly certificate: Blob;
  /** Its private key, RSA of 1024 or 2048 bits, without a passphrase. */
  readonly key: Blob;
  readonly pin: string;
  readonly slot?: PivSlot;
}

interface PrivateKey {
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

/** Throws where the files are no certificate and no key of it. */
export async function openBlobCard({
  certificate,
  key,
  pin,
  slot = "9a",
}: BlobCardOptions): Promise<SoftwareCard> {
  const [certificateDer, secret] = await Promise.all([
    derOf(certificate, "CERTIFICATE"),
    privateKeyOf(key),
  ]);
  const { modulus } = secret;
  const bits = modulus.length * 8;
  if (bits !== 1024 && bits !== 2048) throw new Error("an RSA key of 1024 or 2048 bits is needed");
  if (!contains(certificateDer, modulus)) throw new Error("the key is not the certificate's");
  const [n, d] = [toNumber(modulus), toNumber(secret.exponent)];
  // The same files make the same card.
  const guid = sha1(certificateDer).subarray(0, 16);
  const keys = [{ slot, bits, certificate: certificateDer } as const];
  return new SoftwareCard({ keys, pin, guid }, async (_, block) => {
    return toBytes(power(toNumber(block), d, n), modulus.length);
  });
}

async function derOf(blob: Blob, ...labels: readonly string[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  // DER begins with a SEQUENCE.
  if (bytes[0] === 0x30) return bytes;
  const text = new TextDecoder().decode(bytes);
  for (const label of labels) {
    const pattern = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`);
    const [, base64] = pattern.exec(text) ?? [];
    if (base64 === undefined) continue;
    return Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
  }
  throw new Error(`a file is no ${labels.join(" and no ")}`);
}

/** PKCS #8, or PKCS #1 as it is in there. */
async function privateKeyOf(blob: Blob): Promise<PrivateKey> {
  const outer = new Der(await derOf(blob, "PRIVATE KEY", "RSA PRIVATE KEY")).enter(0x30);
  outer.take(0x02);
  let inner = outer;
  if (outer.nextTag === 0x30) {
    demandRsa(outer.enter(0x30));
    inner = new Der(outer.take(0x04)).enter(0x30);
    inner.take(0x02);
  }
  const modulus = withoutSign(inner.take(0x02));
  inner.take(0x02);
  return { modulus, exponent: withoutSign(inner.take(0x02)) };
}

function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}
