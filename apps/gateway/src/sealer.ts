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

  /** Letters, digits, `-`, `_` and one `.`: it may stand in a URL and in place of a host name. */
  seal(grant: Grant): string {
    const nonce = randomBytes(nonceSize);
    const cipher = createCipheriv(algorithm, this.#keys[0]!, nonce);
    cipher.setAAD(Buffer.from(prefix));
    const sealed = Buffer.concat([cipher.update(encodeGrant(grant), "utf8"), cipher.final()]);
    const whole = Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
    return `${prefix}.${whole.toString("base64url")}`;
  }

  /** The grant, expired or not; null for anything that `seal` has not made with these secrets. */
  open(credential: string): Grant | null {
    if (credential.length > credentialSizeMax) return null;
    const match = /^g1\.([\w-]+)$/.exec(credential);
    if (match === null) return null;
    const whole = Buffer.from(match[1]!, "base64url");
    if (whole.length < nonceSize + tagSize) return null;
    for (const key of this.#keys) {
      const text = open(key, whole);
      if (text !== null) return grantOf(text);
    }
    return null;
  }
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
