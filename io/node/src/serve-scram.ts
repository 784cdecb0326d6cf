// SCRAM-SHA-256 (RFC 5802, RFC 7677) as a server: lets the client prove that it knows a password,
// and proves the same to it. No channel binding.

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { prepareString } from "@caraway/driver";

const derive = promisify(pbkdf2);
const iterations = 4096;
const hash = "sha256";
const hashSize = 32;

/** The password of a user; null when there is none of that name. */
export type SaslPasswords = (user: string) => Promise<string | null> | string | null;

export type ScramAnswer =
  | { readonly kind: "continue"; readonly data: string }
  | { readonly kind: "accepted"; readonly user: string; readonly data: string }
  | { readonly kind: "refused"; readonly detail: string };

/** So that a name without a password looks like any other: its salt is the same each time. */
const pepper = randomBytes(hashSize);

type State =
  | { readonly phase: "first" }
  | {
      readonly phase: "proof";
      readonly user: string;
      readonly isKnown: boolean;
      readonly salted: Buffer;
      readonly nonce: string;
      readonly binding: string;
      /** The two messages so far, as the proof has them. */
      readonly exchange: string;
    }
  | { readonly phase: "over" };

export class ScramServer {
  readonly #passwords: SaslPasswords;
  readonly #nonce: string;
  #state: State = { phase: "first" };

  constructor(passwords: SaslPasswords, nonce = randomBytes(18).toString("base64")) {
    this.#passwords = passwords;
    this.#nonce = nonce;
  }

  async answer(message: string): Promise<ScramAnswer> {
    const state = this.#state;
    this.#state = { phase: "over" };
    switch (state.phase) {
      case "first":
        return await this.#challenge(message);
      case "proof":
        return check(state, message);
      case "over":
        return { kind: "refused", detail: "the client says more than SCRAM has to say" };
    }
  }

  async #challenge(message: string): Promise<ScramAnswer> {
    const match = /^([ny],(?:a=[^,]*)?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(
      message,
    );
    if (match === null) return { kind: "refused", detail: "no SCRAM message without binding" };
    const [, binding = "", bare = "", name = "", clientNonce = ""] = match;
    const user = name.replaceAll("=2C", ",").replaceAll("=3D", "=");
    const password = await this.#passwords(user);
    const salt = createHmac(hash, pepper).update(user).digest().subarray(0, 16);
    const secret = prepareString(password ?? "");
    const salted = await derive(secret, salt, iterations, hashSize, hash);
    const nonce = clientNonce + this.#nonce;
    const data = `r=${nonce},s=${salt.toString("base64")},i=${iterations}`;
    const exchange = `${bare},${data}`;
    const isKnown = password !== null && password !== "";
    this.#state = { phase: "proof", user, isKnown, salted, nonce, binding, exchange };
    return { kind: "continue", data };
  }
}

function check(state: State & { phase: "proof" }, message: string): ScramAnswer {
  const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/]+={0,2})$/.exec(message);
  if (match === null) return { kind: "refused", detail: "the client's proof is malformed" };
  const [, withoutProof = "", binding = "", nonce = "", proofText = ""] = match;
  if (nonce !== state.nonce || Buffer.from(binding, "base64").toString() !== state.binding) {
    return { kind: "refused", detail: "the client's proof is of another exchange" };
  }
  const exchange = `${state.exchange},${withoutProof}`;
  const storedKey = createHash(hash).update(hmac(state.salted, "Client Key")).digest();
  const signature = hmac(storedKey, exchange);
  const proof = Buffer.from(proofText, "base64");
  const clientKey = signature.map((byte, index) => byte ^ (proof[index] ?? 0));
  const isProven =
    timingSafeEqual(createHash(hash).update(clientKey).digest(), storedKey) &&
    proof.length === hashSize;
  if (!isProven || !state.isKnown) return { kind: "refused", detail: "wrong user or password" };
  const serverSignature = hmac(hmac(state.salted, "Server Key"), exchange).toString("base64");
  return { kind: "accepted", user: state.user, data: `v=${serverSignature}` };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text, "utf8").digest();
}
