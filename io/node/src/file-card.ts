// Smartcards that stand on files: certificates and private keys, as PEM or DER.

import {
  constants,
  createPrivateKey,
  type KeyObject,
  privateDecrypt,
  X509Certificate,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { SoftwareCard } from "@caraway/driver";
import { CardError, type PivKey, type PivSlot } from "@caraway/smartcard";

export interface FileCardKey {
  readonly slot: PivSlot;
  /** An X.509 certificate. */
  readonly certificate: string;
  /** Its private key, RSA of 1024 or 2048 bits, without a passphrase. */
  readonly key: string;
}

export interface FileCardOptions {
  readonly keys: readonly FileCardKey[];
  readonly pin: string;
  readonly puk?: string;
}

/** @throws CardError BAD_CARD, and Node's own errors about files. */
export async function openFileCard({ keys, ...secrets }: FileCardOptions): Promise<SoftwareCard> {
  const opened = await Promise.all(keys.map(openKey));
  const first = opened[0];
  if (first === undefined) throw new CardError("BAD_CARD", "a card needs a key");
  // The same files make the same card.
  const guid = Buffer.from(first.fingerprint.replaceAll(":", ""), "hex").subarray(0, 16);
  const secretKeys = new Map(opened.map(({ key, secret }) => [key.slot, secret] as const));
  const card = { keys: opened.map(({ key }) => key), ...secrets, guid };
  return new SoftwareCard(card, async (slot, block) => {
    const secret = secretKeys.get(slot);
    if (secret === undefined) throw new CardError("BAD_CARD", `no key in slot ${slot}`);
    return privateDecrypt({ key: secret, padding: constants.RSA_NO_PADDING }, block);
  });
}

interface OpenedKey {
  readonly key: PivKey;
  readonly secret: KeyObject;
  readonly fingerprint: string;
}

async function openKey({ slot, certificate, key }: FileCardKey): Promise<OpenedKey> {
  const [certificateBytes, keyBytes] = await Promise.all([readFile(certificate), readFile(key)]);
  const x509 = parsed(certificate, () => new X509Certificate(certificateBytes));
  const secret = parsed(key, () => {
    const isText = keyBytes.includes("-----BEGIN");
    if (isText) return createPrivateKey(keyBytes);
    return createPrivateKey({ key: keyBytes, format: "der", type: "pkcs8" });
  });
  const bits = secret.asymmetricKeyDetails?.modulusLength;
  if (secret.asymmetricKeyType !== "rsa" || (bits !== 1024 && bits !== 2048)) {
    throw new CardError("BAD_CARD", `${key}: an RSA key of 1024 or 2048 bits is needed`);
  }
  if (!x509.checkPrivateKey(secret)) {
    throw new CardError("BAD_CARD", `${key} is not the key of ${certificate}`);
  }
  const { raw, fingerprint256: fingerprint } = x509;
  return { key: { slot, bits, certificate: raw }, secret, fingerprint };
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CardError("BAD_CARD", `${file}: ${(error as Error).message}`, { cause: error });
  }
}
