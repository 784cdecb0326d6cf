// SASL as a client: chooses the strongest common mechanism and answers the server's steps. One
// exchange per connection. Mechanisms are PLAIN, only where nobody can listen, and SCRAM.

import type { LinkTaskResult } from "@caraway/channel";
import { decodeUtf8, encodeUtf8 } from "@caraway/wire";
import { encodeBase64 } from "./base64.ts";
import type { LinkCrypto, ScramCrypto, ScramHash } from "./platform.ts";
import { prepareString, SaslPrepError } from "./sasl-prep.ts";
import { ScramClient, ScramError } from "./scram.ts";

export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

type Mechanism = "SCRAM-SHA-512" | "SCRAM-SHA-256" | "SCRAM-SHA-1" | "PLAIN";

const scramHashes: Readonly<Record<Exclude<Mechanism, "PLAIN">, ScramHash>> = {
  "SCRAM-SHA-512": "sha512",
  "SCRAM-SHA-256": "sha256",
  "SCRAM-SHA-1": "sha1",
};

const byStrength: readonly Mechanism[] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"];

/** The strongest of the server's mechanisms that may be used here, or null. */
export function chooseMechanism(
  offered: string,
  isPrivate: boolean,
  hasScram = true,
): Mechanism | null {
  const names = new Set(offered.split(/[\s,]+/).map((name) => name.toUpperCase()));
  for (const mechanism of byStrength) {
    if (names.has(mechanism) && (mechanism === "PLAIN" ? isPrivate : hasScram)) return mechanism;
  }
  return null;
}

function failed(
  code: (LinkTaskResult & { kind: "failed" })["code"],
  detail: string,
): LinkTaskResult {
  return { kind: "failed", code, detail };
}

/** The client's side of one connection's exchange. */
export class SaslClient {
  readonly #scram: ScramClient | null;
  readonly #start: LinkTaskResult & { kind: "sasl-start" };

  private constructor(
    mechanism: Mechanism,
    credentials: SaslCredentials,
    crypto: ScramCrypto | null,
    nonce: string,
  ) {
    const { username, password } = credentials;
    if (mechanism === "PLAIN" || crypto === null) {
      this.#scram = null;
      const text = `\0${prepareString(username)}\0${prepareString(password)}`;
      this.#start = { kind: "sasl-start", mechanism: "PLAIN", data: encodeUtf8(text) };
    } else {
      this.#scram = new ScramClient(scramHashes[mechanism], username, password, nonce, crypto);
      this.#start = { kind: "sasl-start", mechanism, data: encodeUtf8(this.#scram.first()) };
    }
  }

  /**
   * `offered` is the server's list; `isPrivate` tells that the connection is TLS or a unix
   * socket. Gives the client and what to send, or the failure. The nonce is the caller's business
   * in tests only.
   */
  static start(
    offered: string,
    credentials: SaslCredentials,
    isPrivate: boolean,
    crypto: LinkCrypto,
    nonce = encodeBase64(crypto.randomBytes(18)),
  ): { client: SaslClient | null; result: LinkTaskResult } {
    const mechanism = chooseMechanism(offered, isPrivate, crypto.scram !== null);
    if (mechanism === null) {
      const advice = adviceFor(isPrivate, crypto.scram !== null);
      const list = offered.replace(/[^A-Za-z0-9_,-]/g, " ").slice(0, 200);
      const detail = `no common SASL mechanism, the server offers ${list || "none"}${advice}`;
      return { client: null, result: failed("NO_MECHANISM", detail) };
    }
    try {
      const client = new SaslClient(mechanism, credentials, crypto.scram, nonce);
      return { client, result: client.#start };
    } catch (error) {
      if (!(error instanceof SaslPrepError)) throw error;
      return { client: null, result: failed("NO_CREDENTIALS", error.message) };
    }
  }

  /** `complete`: the server is content and expects no answer. */
  async step(data: Uint8Array, complete: boolean): Promise<LinkTaskResult> {
    const scram = this.#scram;
    if (scram === null) {
      // PLAIN has one message; a server that asks for more is not speaking PLAIN.
      if (complete) return { kind: "sasl-step", data: null };
      return failed("SERVER_PROOF", "the server asks for more than PLAIN has to say");
    }
    try {
      let answer: string | null = null;
      if (data.length > 0) answer = await scram.answer(decodeUtf8(data));
      if (complete && !scram.verified) {
        return failed("SERVER_PROOF", "the server ended the exchange without proving itself");
      }
      return { kind: "sasl-step", data: answer === null ? null : encodeUtf8(answer) };
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      const code = error.code === "SCRAM_REFUSED" ? "NO_CREDENTIALS" : "SERVER_PROOF";
      return failed(code, error.message);
    }
  }
}

function adviceFor(isPrivate: boolean, hasScram: boolean): string {
  if (isPrivate) return "";
  if (hasScram) return "; over plain TCP there is none: use TLS or a unix socket";
  return "; this page cannot prove a password without sending it: open it over https";
}
