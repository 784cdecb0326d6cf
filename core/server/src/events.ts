// What a server tells whoever embeds it. Events are plain data without secrets.

import type { ConnectionKey, LinkRefused } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import type { ChannelMoved, ClientLeft, ClientMode, ClientMoved, MoveMode } from "./moves.ts";

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
      /** The driver's name of the connection that carries it. */
      readonly connection: ConnectionKey;
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
  /** A video was shown to a client as a stream, and is no longer. */
  | {
      readonly name: "video-ended";
      readonly client: ClientKey;
      /** `display 0`. */
      readonly channel: string;
      readonly stream: number;
      /** A `VideoCodecType`. */
      readonly codec: number;
      readonly frames: number;
      readonly bytes: number;
      /** Frames that were due while the client had not taken earlier ones. */
      readonly skipped: number;
      /** Frames that the client reported as too late. */
      readonly drops: number;
    }
  /** Who has a device now, such as `usbredir 0`; null for nobody. */
  | {
      readonly name: "stream-owner";
      readonly stream: string;
      readonly client: ClientKey | null;
    }
  /** Who speaks with the guest's agent now; null for nobody. */
  | { readonly name: "agent-owner"; readonly client: ClientKey | null }
  // Source of a move.
  /** How far a client is; `mode` is the one that it would get now. */
  | {
      readonly name: "move-client";
      readonly client: ClientKey;
      readonly state: "announced" | "linking" | "ready" | "failed";
      readonly mode: MoveMode;
      readonly detail: string;
    }
  /** Nobody has to be waited for any more. Exactly once for each `migrate-begin`. */
  | { readonly name: "move-ready"; readonly clients: readonly ClientMode[] }
  /** All clients have left, or had their time. Exactly once for each `migrate-switch`. */
  | { readonly name: "move-left"; readonly clients: readonly ClientLeft[] }
  /** Exactly once for each `migrate-cancel`. */
  | { readonly name: "move-cancelled" }
  /** The other server of a move says what makes no sense; it is not heard any more. */
  | { readonly name: "peer-fault"; readonly error: CarawayError }
  // Target of a move.
  | { readonly name: "hold-began" }
  /** The guest was told to run. `nobody`: no client was on its way. */
  | {
      readonly name: "hold-ended";
      readonly reason: "restored" | "deadline" | "hold-max" | "nobody";
      readonly ms: number;
    }
  | ({ readonly name: "move-channel"; readonly client: ClientKey } & ChannelMoved)
  /** Every channel of every client has its outcome. */
  | { readonly name: "move-settled"; readonly clients: readonly ClientMoved[] };
