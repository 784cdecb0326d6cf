// Grants as credentials that only this gateway can make and read: AES-256-GCM under a key that is
// derived from the gateway's secret. Whoever holds one learns neither address nor password.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { decodeGrant, encodeGrant, type Grant, GrantError } from "@caraway/gateway";

const algorithm = "aes-256-gcm";
/** Marks and authenticates the form of the credential. */
const prefix = "g1";
const nonceSize = 12;
const tagSize = 16;
/** Far more than a grant takes: nothing longer is looked at. */
const credentialSizeMax = 8192;

export class Sealer {
  readonly #keys: readonly Buffer[];

  /** Seals with the first secret and opens with all, so that secrets can be exchanged in time. */
  constructor(secrets: readonly Uint8Array[]) {
    if (secrets.length === 0) throw new RangeError("a sealer needs a secret");
    this.#keys = secrets.map((secret) =>
      Buffer.from(hkdfSync("sha256", secret, "", "caraway gateway credential 1", 32)),
    );
  }

  /**
   * Small letters, digits and one dot: it may stand in a URL, and in place of a host name, of which
   * clients change capital letters.
   */
  seal(grant: Grant): string {
    const nonce = randomBytes(nonceSize);
    const cipher = createCipheriv(algorithm, this.#keys[0]!, nonce);
    cipher.setAAD(Buffer.from(prefix));
    const sealed = Buffer.concat([cipher.update(encodeGrant(grant), "utf8"), cipher.final()]);
    const whole = Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
    return `${prefix}.${toBase32(whole)}`;
  }

  /** The grant, expired or not; null for anything that `seal` has not made with these secrets. */
  open(credential: string): Grant | null {
    if (credential.length > credentialSizeMax) return null;
    const match = /^g1\.([a-z2-7]+)$/.exec(credential);
    if (match === null) return null;
    const whole = fromBase32(match[1]!);
    if (whole.length < nonceSize + tagSize) return null;
    for (const key of this.#keys) {
      const text = open(key, whole);
      if (text !== null) return grantOf(text);
    }
    return null;
  }
}

const digits = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648, section 6, in small letters and without padding. */
function toBase32(bytes: Uint8Array): string {
  let text = "";
  let [pending, bits] = [0, 0];
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += digits[(pending >> (bits - 5)) & 31];
    pending &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + digits[(pending << (5 - bits)) & 31];
}

function fromBase32(text: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let [pending, bits, at] = [0, 0, 0];
  for (const digit of text) {
    pending = (pending << 5) | digits.indexOf(digit);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (pending >> bits) & 255;
    pending &= (1 << bits) - 1;
  }
  return bytes;
}

function open(key: Buffer, whole: Buffer): string | null {
  const nonce = whole.subarray(0, nonceSize);
  const sealed = whole.subarray(nonceSize, whole.length - tagSize);
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagSize });
  decipher.setAAD(Buffer.from(prefix));
  decipher.setAuthTag(whole.subarray(whole.length - tagSize));
  try {
    return decipher.update(sealed, undefined, "utf8") + decipher.final("utf8");
  } catch {
    // Not sealed by this key: the next one is tried.
    return null;
  }
}

function grantOf(text: string): Grant | null {
  try {
    return decodeGrant(text);
  } catch (error) {
    if (error instanceof GrantError) return null;
    throw error;
  }
}
