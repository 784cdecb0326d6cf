// SCRAM (RFC 5802, RFC 7677) as a client: salted challenge and response that proves the password
// to the server and then the server to us. No channel binding.

import { CarawayError, encodeUtf8 } from "@caraway/wire";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { ScramCrypto, ScramHash } from "./platform.ts";
import { prepareString } from "./sasl-prep.ts";

/** The exchange cannot go on. The message holds no secret. */
export class ScramError extends CarawayError {
  /** `REFUSED`: the server says why; `PROOF`: it did not prove itself; `MALFORMED`: not SCRAM. */
  readonly code: "SCRAM_REFUSED" | "SCRAM_PROOF" | "SCRAM_MALFORMED";

  constructor(code: ScramError["code"], detail: string) {
    super(detail);
    this.code = code;
  }
}

// The least that RFC 5802 and RFC 7677 let a server use; below it a false server would learn too
// much from our proof. The most is a bound on our own work.
const MIN_ITERATIONS = 4_096;
const MAX_ITERATIONS = 1_000_000;
const NO_CHANNEL_BINDING = "n,,";

type State =
  | { readonly phase: "first" }
  | { readonly phase: "proof"; readonly serverSignature: Uint8Array }
  | { readonly phase: "verified" }
  | { readonly phase: "broken" };

export class ScramClient {
  readonly #hash: ScramHash;
  readonly #password: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  readonly #crypto: ScramCrypto;
  #state: State = { phase: "first" };

  /** `nonce` is printable ASCII without a comma, fresh for each exchange. */
  constructor(
    hash: ScramHash,
    username: string,
    password: string,
    nonce: string,
    crypto: ScramCrypto,
  ) {
    this.#hash = hash;
    this.#crypto = crypto;
    this.#password = prepareString(password);
    this.#nonce = nonce;
    const name = prepareString(username).replaceAll("=", "=3D").replaceAll(",", "=2C");
    this.#firstBare = `n=${name},r=${nonce}`;
  }

  /** True once the server has shown that it knows the password. */
  get verified(): boolean {
    return this.#state.phase === "verified";
  }

  first(): string {
    return NO_CHANNEL_BINDING + this.#firstBare;
  }

  /** Answers the server's message; null when nothing is left to say. Rejects with `ScramError`. */
  async answer(message: string): Promise<string | null> {
    const state = this.#state;
    this.#state = { phase: "broken" };
    switch (state.phase) {
      case "first":
        return await this.#prove(message);
      case "proof":
        this.#verify(message, state.serverSignature);
        return null;
      default:
        throw new ScramError("SCRAM_MALFORMED", "the server says more than SCRAM has to say");
    }
  }

  async #prove(serverFirst: string): Promise<string> {
    refuseError(serverFirst);
    const match =
      /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,9})(?:,.*)?$/.exec(
        serverFirst,
      );
    if (match === null) {
      throw new ScramError("SCRAM_MALFORMED", "the server's first SCRAM message is malformed");
    }
    const [, nonce = "", salt = "", count = ""] = match;
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ScramError("SCRAM_PROOF", "the server did not take up the nonce");
    }
    const iterations = Number(count);
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      const detail = `the server asks for ${count} iterations; ${MIN_ITERATIONS} to ${MAX_ITERATIONS} are accepted`;
      throw new ScramError("SCRAM_MALFORMED", detail);
    }
    const salted = await this.#crypto.derive(
      this.#hash,
      encodeUtf8(this.#password),
      decodeBase64(salt),
      iterations,
    );
    const withoutProof = `c=${encodeBase64(encodeUtf8(NO_CHANNEL_BINDING))},r=${nonce}`;
    const exchange = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const clientKey = await this.#hmac(salted, "Client Key");
    const storedKey = await this.#crypto.digest(this.#hash, clientKey);
    const signature = await this.#hmac(storedKey, exchange);
    const proof = signature.map((byte, index) => byte ^ clientKey[index]!);
    const serverKey = await this.#hmac(salted, "Server Key");
    this.#state = { phase: "proof", serverSignature: await this.#hmac(serverKey, exchange) };
    return `${withoutProof},p=${encodeBase64(proof)}`;
  }

  #verify(serverFinal: string, expected: Uint8Array): void {
    refuseError(serverFinal);
    const match = /^v=([A-Za-z0-9+/]+={0,2})(?:,.*)?$/.exec(serverFinal);
    if (match === null) {
      throw new ScramError("SCRAM_MALFORMED", "the server's last SCRAM message is malformed");
    }
    if (!isEqual(decodeBase64(match[1] ?? ""), expected)) {
      throw new ScramError("SCRAM_PROOF", "the server did not prove that it knows the password");
    }
    this.#state = { phase: "verified" };
  }

  #hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
    return this.#crypto.hmac(this.#hash, key, encodeUtf8(text));
  }
}

/** Takes the same time wherever the two differ. */
function isEqual(actual: Uint8Array, expected: Uint8Array): boolean {
  let difference = actual.length ^ expected.length;
  for (let at = 0; at < expected.length; at++) difference |= (actual[at] ?? 0) ^ expected[at]!;
  return difference === 0;
}

function refuseError(message: string): void {
  const reason = /^e=([a-z0-9-]{1,60})/.exec(message)?.[1];
  if (reason !== undefined) {
    throw new ScramError("SCRAM_REFUSED", `the server refused the user or password: ${reason}`);
  }
}
