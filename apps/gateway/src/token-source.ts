// Where tokens come from. A token says which server somebody may reach; the gateway makes a grant
// of what the source answers.

import type { Endpoint } from "@caraway/client";
import { CarawayError } from "@caraway/wire";

/** What a token is good for. */
export interface TokenAnswer {
  readonly server: Endpoint;
  /** The VM's name, for people. */
  readonly vm: string;
  /** Whom limits count; empty for nobody in particular. */
  readonly user: string;
  /** For SASL; null for a ticket. */
  readonly username: string | null;
  readonly password: string | null;
  /** Milliseconds since 1970; null for never. The source need not check it. */
  readonly expiresAt: number | null;
  /** Good for one redemption only. */
  readonly once: boolean;
}

export interface TokenSource {
  /** Null: there is no such token. Rejects with TokenSourceError when that cannot be told now. */
  find(token: string): Promise<TokenAnswer | null>;
}

/** The source cannot answer, which is not the client's fault. The message holds no token. */
export class TokenSourceError extends CarawayError {
  readonly code = "TOKEN_SOURCE";
}
