// SASL as a server, for one connection: PLAIN where nobody can listen, and SCRAM-SHA-256.

import { createHash, timingSafeEqual } from "node:crypto";
import type { LinkServerTaskResult } from "@caraway/channel";
import { prepareString } from "@caraway/driver";
import { type SaslPasswords, ScramServer } from "./serve-scram.ts";

export class SaslServer {
  readonly #passwords: SaslPasswords;
  readonly #isPrivate: boolean;
  #scram: ScramServer | null = null;

  /** `isPrivate`: TLS or a unix socket. */
  constructor(passwords: SaslPasswords, isPrivate: boolean) {
    this.#passwords = passwords;
    this.#isPrivate = isPrivate;
  }

  get mechanisms(): string {
    return this.#isPrivate ? "SCRAM-SHA-256,PLAIN" : "SCRAM-SHA-256";
  }

  async start(mechanism: string, data: Uint8Array | null): Promise<LinkServerTaskResult> {
    if (mechanism === "PLAIN" && this.#isPrivate) return await this.#plain(data);
    if (mechanism !== "SCRAM-SHA-256") return refused(`mechanism ${mechanism} is not offered`);
    this.#scram = new ScramServer(this.#passwords);
    // A client without first data is asked for it by an empty challenge.
    if (data === null) return { kind: "sasl-continue", data: new Uint8Array(0) };
    return await this.step(data);
  }

  async step(data: Uint8Array | null): Promise<LinkServerTaskResult> {
    if (this.#scram === null) return refused("a step of a mechanism that has none");
    try {
      const answer = await this.#scram.answer(Buffer.from(data ?? []).toString("utf8"));
      switch (answer.kind) {
        case "continue":
          return { kind: "sasl-continue", data: encode(answer.data) };
        case "accepted":
          return { kind: "sasl-accepted", user: answer.user, data: encode(answer.data) };
        case "refused":
          return refused(answer.detail);
      }
    } catch (error) {
      return refused(error instanceof Error ? error.message : "SCRAM failed");
    }
  }

  async #plain(data: Uint8Array | null): Promise<LinkServerTaskResult> {
    const parts = Buffer.from(data ?? [])
      .toString("utf8")
      .split("\0");
    const [authorization = "", user = "", password = ""] = parts;
    if (parts.length !== 3 || (authorization !== "" && authorization !== user)) {
      return refused("the PLAIN message is malformed");
    }
    const wanted = await this.#passwords(user);
    if (wanted === null || wanted === "" || !isSame(password, wanted)) {
      return refused("wrong user or password");
    }
    return { kind: "sasl-accepted", user, data: null };
  }
}

/** Takes the same time wherever the two differ. */
function isSame(given: string, wanted: string): boolean {
  try {
    const digest = (text: string) => createHash("sha256").update(prepareString(text)).digest();
    return timingSafeEqual(digest(given), digest(wanted));
  } catch {
    return false;
  }
}

function refused(detail: string): LinkServerTaskResult {
  return { kind: "refused", detail };
}

function encode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf8"));
}
