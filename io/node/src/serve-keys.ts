// The keys of the link stage: one RSA key of 1024 bits for each connection, as the protocol has it.
// Making one takes some ten milliseconds, so a few are made ahead.

import { constants, generateKeyPair, type KeyObject, privateDecrypt } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);
const aheadCount = 3;

export interface LinkKey {
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export class LinkKeys {
  readonly #ahead: Promise<LinkKey>[] = [];

  constructor() {
    this.#fill();
  }

  /** A key that nobody else gets. */
  async take(): Promise<LinkKey> {
    const key = this.#ahead.shift() ?? makeKey();
    this.#fill();
    return await key;
  }

  #fill(): void {
    while (this.#ahead.length < aheadCount) {
      const key = makeKey();
      // A failure is told to whoever takes it.
      key.catch(() => {});
      this.#ahead.push(key);
    }
  }
}

async function makeKey(): Promise<LinkKey> {
  const { publicKey, privateKey } = await generate("rsa", { modulusLength: 1024 });
  const der = publicKey.export({ type: "spki", format: "der" });
  return { publicKey: new Uint8Array(der), privateKey };
}

/** What a ticket holds; null when it was not made with this key. */
export function decryptTicket(key: LinkKey, ticket: Uint8Array): Uint8Array | null {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  try {
    const plain = privateDecrypt({ key: key.privateKey, padding, oaepHash: "sha1" }, ticket);
    return new Uint8Array(plain);
  } catch {
    return null;
  }
}
