// Who may come in, and as what: tokens become grants, grants become credentials, and credentials
// are grants again. Decides nothing about how many there may be.

import { createHash, randomBytes } from "node:crypto";
import type { Grant } from "@caraway/gateway";
import type { RedeemedTokens } from "./redeemed-tokens.ts";
import type { Sealer } from "./sealer.ts";
import type { TokenAnswer, TokenSource } from "./token-source.ts";

export interface GatekeeperOptions {
  readonly source: TokenSource;
  /** Whether a token is asked for; one fixed server needs none. */
  readonly needsToken: boolean;
  readonly sealer: Sealer;
  readonly redeemed: RedeemedTokens;
  /** How long a credential is good for. */
  readonly sessionLifetimeMs: number;
  readonly now: () => number;
}

export type Admission =
  | { readonly kind: "granted"; readonly grant: Grant }
  | { readonly kind: "denied"; readonly reason: DenialReason };

export type DenialReason =
  | "no-token"
  | "unknown-token"
  | "token-expired"
  | "token-used"
  /** A one-time token was shown in place of the credential that it is redeemed for. */
  | "token-must-be-redeemed"
  | "bad-credential"
  | "credential-expired";

/** A long session still follows its VM, whatever the age of its credential. */
const targetLifetimeMs = 10 * 60 * 1000;

export class Gatekeeper {
  readonly #options: GatekeeperOptions;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
  }

  /** A token becomes a session of its own. Rejects with TokenSourceError. */
  async redeem(token: string | null): Promise<Admission> {
    const found = await this.#find(token);
    if ("reason" in found) return { kind: "denied", reason: found.reason };
    const { once, expiresAt } = found;
    const { redeemed, now } = this.#options;
    if (once && !redeemed.redeem(token ?? "", expiresAt, now())) return denied("token-used");
    return this.#granted(found, randomBytes(16).toString("base64url"));
  }

  /**
   * A token that is shown by a connection itself, as clients of websockify do. All that show the
   * same one from the same address share a session.
   */
  async admitByToken(token: string | null, address: string): Promise<Admission> {
    const found = await this.#find(token);
    if ("reason" in found) return { kind: "denied", reason: found.reason };
    if (found.once) return denied("token-must-be-redeemed");
    const hash = createHash("sha256")
      .update(`${address} ${token ?? ""}`)
      .digest();
    return this.#granted(found, hash.subarray(0, 16).toString("base64url"));
  }

  admitByCredential(credential: string): Admission {
    const grant = this.#options.sealer.open(credential);
    if (grant === null) return denied("bad-credential");
    if (grant.expiresAt <= this.#options.now()) return denied("credential-expired");
    return { kind: "granted", grant };
  }

  seal(grant: Grant): string {
    return this.#options.sealer.seal(grant);
  }

  targetExpiry(grant: Grant): number {
    return Math.max(grant.expiresAt, this.#options.now() + targetLifetimeMs);
  }

  async #find(token: string | null): Promise<TokenAnswer | { readonly reason: DenialReason }> {
    const { source, needsToken, now } = this.#options;
    if (needsToken && (token === null || token === "")) return { reason: "no-token" };
    const answer = await source.find(token ?? "");
    if (answer === null) return { reason: "unknown-token" };
    const { expiresAt } = answer;
    if (expiresAt !== null && expiresAt <= now()) return { reason: "token-expired" };
    return answer;
  }

  #granted(answer: TokenAnswer, session: string): Admission {
    const { server, vm, user, username, password } = answer;
    const expiresAt = this.#options.now() + this.#options.sessionLifetimeMs;
    return {
      kind: "granted",
      grant: { session, vm, user, expiresAt, server, username, password },
    };
  }
}

function denied(reason: DenialReason): Admission {
  return { kind: "denied", reason };
}
