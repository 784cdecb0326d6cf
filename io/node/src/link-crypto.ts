// The cryptography of the link stage by OpenSSL.

import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  pbkdf2,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";
import type { LinkCrypto } from "@caraway/driver";

const derive = promisify(pbkdf2);

export const linkCrypto: LinkCrypto = {
  encryptOaep: async (publicKey, data) => {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return new Uint8Array(publicEncrypt({ key, padding, oaepHash: "sha1" }, data));
  },
  randomBytes: (size) => new Uint8Array(randomBytes(size)),
  scram: {
    digest: async (hash, data) => createHash(hash).update(data).digest(),
    hmac: async (hash, key, data) => createHmac(hash, key).update(data).digest(),
    derive: (hash, password, salt, iterations) => {
      const size = createHash(hash).digest().length;
      return derive(password, salt, iterations, size, hash);
    },
  },
};
