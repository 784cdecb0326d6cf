// SASL as a client: chooses the strongest common mechanism and answers the server's steps. One
// exchange per connection. Mechanisms are PLAIN, only where nobody can listen, and SCRAM.

import { randomBytes } from "node:crypto";
import type { LinkTaskResult } from "@caraway/channel";
import { prepareString, SaslPrepError } from "./sasl-prep.ts";
import { ScramClient, ScramError, type ScramHash } from "./scram.ts";

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
export function chooseMechanism(offered: string, isPrivate: boolean): Mechanism | null {
  const names = new Set(offered.split(/[\s,]+/).map((name) => name.toUpperCase()));
  for (const mechanism of byStrength) {
    if (names.has(mechanism) && (mechanism !== "PLAIN" || isPrivate)) return mechanism;
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

  private constructor(mechanism: Mechanism, credentials: SaslCredentials, nonce: string) {
    const { username, password } = credentials;
    if (mechanism === "PLAIN") {
      this.#scram = null;
      const text = `\0${prepareString(username)}\0${prepareString(password)}`;
      this.#start = { kind: "sasl-start", mechanism, data: encode(text) };
    } else {
      this.#scram = new ScramClient(scramHashes[mechanism], username, password, nonce);
      this.#start = { kind: "sasl-start", mechanism, data: encode(this.#scram.first()) };
    }
  }

  /**
   * `offered` is the server's list; `isPrivate` tells that the connection is TLS or a unix
   * socket. Gives the client and what to send, or the failure.
   */
  static start(
    offered: string,
    credentials: SaslCredentials,
    isPrivate: boolean,
    nonce = randomBytes(18).toString("base64"),
  ): { client: SaslClient | null; result: LinkTaskResult } {
    const mechanism = chooseMechanism(offered, isPrivate);
    if (mechanism === null) {
      const advice = isPrivate ? "" : "; over plain TCP there is none: use TLS or a unix socket";
      const list = offered.replace(/[^A-Za-z0-9_,-]/g, " ").slice(0, 200);
      const detail = `no common SASL mechanism, the server offers ${list || "none"}${advice}`;
      return { client: null, result: failed("NO_MECHANISM", detail) };
    }
    try {
      const client = new SaslClient(mechanism, credentials, nonce);
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
      if (data.length > 0) answer = await scram.answer(Buffer.from(data).toString("utf8"));
      if (complete && !scram.verified) {
        return failed("SERVER_PROOF", "the server ended the exchange without proving itself");
      }
      return { kind: "sasl-step", data: answer === null ? null : encode(answer) };
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      const code = error.code === "SCRAM_REFUSED" ? "NO_CREDENTIALS" : "SERVER_PROOF";
      return failed(code, error.message);
    }
  }
}

function encode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf8"));
}
