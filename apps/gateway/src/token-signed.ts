// Tokens that carry what they are good for, signed by whoever hands them out: JSON Web Tokens
// (RFC 7519) with HMAC, or with RSA, ECDSA or Ed25519 and a public key.

import { createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from "node:crypto";
import { endpointOf } from "@caraway/node";
import { answerFromFields } from "./token-fields.ts";
import { type TokenAnswer, type TokenSource, TokenSourceError } from "./token-source.ts";

const hmacs: Readonly<Record<string, string>> = {
  HS256: "sha256",
  HS384: "sha384",
  HS512: "sha512",
};
const signatures: Readonly<Record<string, { keyType: string; hash: string | null }>> = {
  RS256: { keyType: "rsa", hash: "sha256" },
  ES256: { keyType: "ec", hash: "sha256" },
  EdDSA: { keyType: "ed25519", hash: null },
};
const hmacKeySizeMin = 32;
const tokenSizeMax = 16 << 10;

type Verifier = (algorithm: string, signed: Buffer, signature: Buffer) => boolean;

export class SignedTokens implements TokenSource {
  readonly #verify: Verifier;
  readonly #vms: TokenSource | null;
  readonly #now: () => number;

  /**
   * `key`: a public key as PEM, or a secret. `vms` knows the servers that tokens name by `vm`;
   * without it a token names `host` and `port` itself. Throws TokenSourceError.
   */
  constructor(key: string, vms: TokenSource | null, now: () => number = Date.now) {
    this.#verify = key.includes("-----BEGIN ") ? publicKeyVerifier(key) : hmacVerifier(key);
    this.#vms = vms;
    this.#now = now;
  }

  async find(token: string): Promise<TokenAnswer | null> {
    const claims = this.#claims(token);
    if (claims === null) return null;
    const now = this.#now() / 1000;
    const { exp, nbf, sub, vm, once, user } = claims;
    // What does not expire cannot be taken back either.
    if (typeof exp !== "number" || exp <= now) return null;
    if (nbf !== undefined && (typeof nbf !== "number" || nbf > now)) return null;
    const answer = await this.#serverFor(claims, typeof vm === "string" ? vm : null);
    if (answer === null) return null;
    return {
      ...answer,
      user: typeof user === "string" ? user : typeof sub === "string" ? sub : answer.user,
      expiresAt: exp * 1000,
      once: once === true || answer.once,
    };
  }

  async #serverFor(claims: Readonly<Record<string, unknown>>, vm: string | null) {
    if (this.#vms !== null) return vm === null ? null : await this.#vms.find(vm);
    // Anybody can read a token: there is no password in it.
    const { password: _, ...open } = claims;
    return answerFromFields(open, { server: endpointOf({}), vm: "" });
  }

  /** Null for a token that nobody with the key has signed. */
  #claims(token: string): Readonly<Record<string, unknown>> | null {
    if (token.length > tokenSizeMax) return null;
    const match = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token);
    if (match === null) return null;
    const [, header, payload, signature] = match as unknown as readonly string[];
    const algorithm = objectOf(header!)?.["alg"];
    if (typeof algorithm !== "string") return null;
    const signed = Buffer.from(`${header}.${payload}`, "latin1");
    if (!this.#verify(algorithm, signed, Buffer.from(signature!, "base64url"))) return null;
    return objectOf(payload!);
  }
}

/** The kind of key decides which algorithms are known: a token cannot choose another kind. */
function hmacVerifier(secret: string): Verifier {
  const key = Buffer.from(secret.trim(), "utf8");
  if (key.length < hmacKeySizeMin) {
    throw new TokenSourceError(`the key for signed tokens has less than ${hmacKeySizeMin} bytes`);
  }
  return (algorithm, signed, signature) => {
    const hash = Object.hasOwn(hmacs, algorithm) ? hmacs[algorithm]! : null;
    if (hash === null) return false;
    const wanted = createHmac(hash, key).update(signed).digest();
    return wanted.length === signature.length && timingSafeEqual(wanted, signature);
  };
}

function publicKeyVerifier(pem: string): Verifier {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new TokenSourceError("the key for signed tokens is no public key that can be read");
  }
  return (algorithm, signed, signature) => {
    const known = Object.hasOwn(signatures, algorithm) ? signatures[algorithm]! : null;
    if (known === null || known.keyType !== key.asymmetricKeyType) return false;
    return verify(known.hash, signed, { key, dsaEncoding: "ieee-p1363" }, signature);
  };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
