// The cryptography of the link stage by WebCrypto; where a page has none (plain http), RSA is
// computed here, and there is no SCRAM.

import type { LinkCrypto, ScramCrypto, ScramHash } from "@caraway/driver";
import { encryptRsaOaep } from "./rsa-oaep.ts";

const names: Readonly<Record<ScramHash, string>> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha512: "SHA-512",
};

const bitCounts: Readonly<Record<ScramHash, number>> = { sha1: 160, sha256: 256, sha512: 512 };

/** `subtle` is absent where the context is not secure. */
export function linkCrypto(
  subtle: SubtleCrypto | undefined = globalThis.crypto.subtle as SubtleCrypto | undefined,
): LinkCrypto {
  return {
    encryptOaep: async (publicKey, data) => {
      if (subtle === undefined) return encryptRsaOaep(publicKey, data, randomBytes);
      const algorithm = { name: "RSA-OAEP", hash: "SHA-1" };
      const key = await subtle.importKey("spki", owned(publicKey), algorithm, false, ["encrypt"]);
      return new Uint8Array(await subtle.encrypt(algorithm, key, owned(data)));
    },
    randomBytes,
    scram: subtle === undefined ? null : scramCrypto(subtle),
  };
}

function randomBytes(size: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(size));
}

function scramCrypto(subtle: SubtleCrypto): ScramCrypto {
  return {
    digest: async (hash, data) => new Uint8Array(await subtle.digest(names[hash], owned(data))),
    hmac: async (hash, keyBytes, data) => {
      const algorithm = { name: "HMAC", hash: names[hash] };
      const key = await subtle.importKey("raw", owned(keyBytes), algorithm, false, ["sign"]);
      return new Uint8Array(await subtle.sign("HMAC", key, owned(data)));
    },
    derive: async (hash, password, salt, iterations) => {
      const key = await subtle.importKey("raw", owned(password), "PBKDF2", false, ["deriveBits"]);
      const parameters = { name: "PBKDF2", hash: names[hash], salt: owned(salt), iterations };
      return new Uint8Array(await subtle.deriveBits(parameters, key, bitCounts[hash]));
    },
  };
}

/** WebCrypto's types exclude views of shared memory, which nothing here has. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
