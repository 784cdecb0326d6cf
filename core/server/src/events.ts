// What a server tells whoever embeds it. Events are plain data without secrets.

import type { LinkRefused } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";

/** Counts clients from 1; never used twice. */
export type ClientKey = number;

export type ServerEvent =
  /** The guest has described itself: clients may come. */
  | { readonly name: "guest-ready" }
  | { readonly name: "guest-running"; readonly running: boolean }
  | { readonly name: "guest-ended"; readonly error: CarawayError | null }
  /** The guest offered something that makes no sense; it is left out. */
  | { readonly name: "guest-fault"; readonly what: string; readonly error: CarawayError }
  /** Somebody did not come in. */
  | { readonly name: "link-refused"; readonly peer: string; readonly error: LinkRefused }
  | {
      readonly name: "client-joined";
      readonly client: ClientKey;
      readonly peer: string;
      /** With SASL, who it is. */
      readonly user: string | null;
      readonly viewOnly: boolean;
    }
  /** `error` null: the client or an operator ended it. */
  | {
      readonly name: "client-left";
      readonly client: ClientKey;
      readonly error: CarawayError | null;
    }
  | {
      readonly name: "channel-linked";
      readonly client: ClientKey;
      /** `display 0`. */
      readonly channel: string;
      readonly tls: boolean;
      readonly miniHeader: boolean;
    }
  /** One channel of a client ended; the others go on. */
  | {
      readonly name: "channel-lost";
      readonly client: ClientKey;
      readonly channel: string;
      readonly error: CarawayError | null;
    }
  /** How good a client's connection is, from the three pings of a new session. */
  | {
      readonly name: "network-measured";
      readonly client: ClientKey;
      readonly roundTripMs: number;
      readonly bitsPerSecond: number;
    }
  /** Who speaks with the guest's agent now; null for nobody. */
  | { readonly name: "agent-owner"; readonly client: ClientKey | null };
