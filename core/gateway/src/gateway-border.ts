// What goes into a gateway's machine and what comes out of it.

import type {
  ConnectionKey,
  LinkTask,
  LinkTaskResult,
  TaskKey,
  TransportInput,
  TransportOutput,
} from "@caraway/channel";
import type { Grant } from "./grant.ts";

/** How a client reached the gateway. */
export interface Arrival {
  /** The client's address, without port: what limits count. */
  readonly address: string;
  /** How it came in; for events. */
  readonly way: "websocket" | "connect";
}

export type GatewayInput =
  /**
   * A client has shown a grant that is good now, and `Gateway.refusal` had nothing against it.
   * The driver chooses the key, which is positive; those of the machine are negative.
   */
  | {
      readonly type: "accepted";
      readonly connection: ConnectionKey;
      readonly grant: Grant;
      readonly arrival: Arrival;
    }
  | TransportInput
  | { readonly type: "timeout" }
  | { readonly type: "done"; readonly task: TaskKey; readonly result: LinkTaskResult }
  | { readonly type: "command"; readonly command: GatewayCommand };

export type GatewayCommand =
  /** No session begins any more; those that are there may go on for so long. */
  | { readonly name: "drain"; readonly withinMs: number }
  /** Closes every connection of a session. */
  | { readonly name: "end-session"; readonly session: string };

export type GatewayOutput =
  | Exclude<TransportOutput, { readonly type: "connect" }>
  /** `grant` tells with whose password the link stage's tasks are done. */
  | (Extract<TransportOutput, { readonly type: "connect" }> & { readonly grant: Grant })
  | { readonly type: "task"; readonly task: TaskKey; readonly work: LinkTask }
  | { readonly type: "event"; readonly event: GatewayEvent };

/** Whose connection an event is about. */
export interface EventSubject {
  readonly session: string;
  readonly vm: string;
  readonly user: string;
  readonly address: string;
  readonly connection: ConnectionKey;
  /** `display 0`; null before the client has said it. */
  readonly channel: string | null;
}

export type GatewayEvent =
  | {
      readonly name: "session-began";
      readonly session: string;
      readonly vm: string;
      readonly user: string;
    }
  | {
      readonly name: "session-ended";
      readonly session: string;
      readonly vm: string;
      readonly user: string;
    }
  /** Bytes go both ways from here on. `setupMs`: since the client was accepted. */
  | {
      readonly name: "linked";
      readonly subject: EventSubject;
      readonly way: Arrival["way"];
      readonly setupMs: number;
    }
  | {
      readonly name: "link-failed";
      readonly subject: EventSubject;
      readonly code: string;
      /** For the operator; holds no secret. */
      readonly detail: string;
    }
  /** The server named where the VM goes; that is within the session's reach now. */
  | {
      readonly name: "target-named";
      readonly subject: EventSubject;
      readonly message: string;
      /** For the operator: `host port 5900`. */
      readonly target: string;
    }
  /** As before, but the gateway's rules do not allow it. */
  | {
      readonly name: "target-refused";
      readonly subject: EventSubject;
      readonly message: string;
      readonly target: string;
    }
  /** A linked connection is over. */
  | {
      readonly name: "ended";
      readonly subject: EventSubject;
      readonly by: "client" | "server" | "gateway";
      /** Bytes from the client and to it, link stage included. */
      readonly bytesUp: number;
      readonly bytesDown: number;
      readonly detail: string | null;
    }
  | { readonly name: "drained" };

export interface GatewayOptions {
  /** DER SubjectPublicKeyInfo of an RSA key of 1024 bits, to which clients encrypt tickets that nobody reads. */
  readonly publicKey: Uint8Array;
  /** Makes a credential of a grant: small letters, digits and dots, as in a host name. */
  readonly seal: (grant: Grant) => string;
  /** Whether a session may follow its VM to this host. */
  readonly allowTarget: (host: string) => boolean;
  /** A grant for a target is good for at least this long from now, in milliseconds since 1970. */
  readonly targetExpiry: (grant: Grant) => number;
  readonly limits: GatewayLimits;
}

export interface GatewayLimits {
  readonly connectionsMax: number;
  readonly sessionsMax: number;
  readonly sessionsPerUserMax: number;
  readonly connectionsPerAddressMax: number;
  /** Channels of both ends of a migration, and those of a viewer that is about to leave. */
  readonly connectionsPerSessionMax: number;
  /** From the client's first byte to the last of the link stage, both legs together. */
  readonly linkTimeoutMs: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  connectionsMax: 16_384,
  sessionsMax: 4096,
  sessionsPerUserMax: 64,
  connectionsPerAddressMax: 1024,
  connectionsPerSessionMax: 96,
  linkTimeoutMs: 20_000,
};

/** Why somebody with a good grant is turned away all the same. */
export type Refusal =
  | "draining"
  | "gateway-full"
  | "user-full"
  | "address-full"
  | "session-full"
  /** The server has called off the migration to this target. */
  | "target-revoked";
