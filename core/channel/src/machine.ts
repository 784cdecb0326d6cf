// What machines and their drivers say to each other. A machine is pure: the driver hands it one
// input, then drains its outputs until null, then looks at its deadline. That is the law.

/** Milliseconds of a monotonic clock, handed in and never read. */
export type Instant = number;

export interface Machine<Input, Output> {
  /** Takes exactly one input; drain `poll` before the next. */
  handle(input: Input, now: Instant): void;
  /** The next output, or null when there is none. */
  poll(): Output | null;
  /** When to hand in `{ type: "timeout" }`; null for never. */
  deadline(): Instant | null;
  /** Plain data that tells states apart, deadlines relative to `now`; holds no secret. */
  snapshot(now: Instant): unknown;
}

/** A connection of the driver, named by the machine that asked for it. */
export type ConnectionKey = number;

export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "websocket"; readonly url: string };

/** How a TLS peer is verified: the certificate's chain always, and then one of these. */
export type TlsIdentity =
  | { readonly kind: "hostname"; readonly host: string }
  /** A subject such as `O=Example,CN=host`, whose entries are compared in order. */
  | { readonly kind: "subject"; readonly subject: string }
  /** DER SubjectPublicKeyInfo; the chain is not looked at. */
  | { readonly kind: "public-key"; readonly key: Uint8Array };

/** Why a connection ended or never came to be, as the driver saw it. */
export interface TransportFailure {
  readonly kind:
    | "refused"
    | "unreachable"
    | "name-not-found"
    | "timeout"
    | "reset"
    | "tls"
    | "proxy"
    | "websocket"
    | "other";
  /** For people; lower case, no full stop. */
  readonly detail: string;
}

/** What a machine may ask of its driver about connections. */
export type TransportOutput =
  /** Open a connection; answered by `connected` or `closed`. */
  | {
      readonly type: "connect";
      readonly connection: ConnectionKey;
      readonly address: Address;
      readonly tls: TlsIdentity | null;
    }
  | { readonly type: "transmit"; readonly connection: ConnectionKey; readonly bytes: Uint8Array }
  /** Stop (or go on) reading from the connection. */
  | { readonly type: "pause"; readonly connection: ConnectionKey }
  | { readonly type: "resume"; readonly connection: ConnectionKey }
  /** Close after what was transmitted; no `closed` follows. */
  | { readonly type: "disconnect"; readonly connection: ConnectionKey };

/** What the driver tells a machine about connections. */
export type TransportInput =
  | { readonly type: "connected"; readonly connection: ConnectionKey }
  | { readonly type: "received"; readonly connection: ConnectionKey; readonly bytes: Uint8Array }
  /** Bytes that the connection has not yet handed to the network, after each change. */
  | { readonly type: "backlog"; readonly connection: ConnectionKey; readonly bytes: number }
  /** The peer ended the connection (`failure` null) or it broke. */
  | {
      readonly type: "closed";
      readonly connection: ConnectionKey;
      readonly failure: TransportFailure | null;
    };

/** Work that is asynchronous or secret: the machine asks, the driver answers with `done`. */
export type LinkTask =
  /** RSA-OAEP (SHA-1) of the password and a NUL with this DER public key: 128 bytes. */
  | { readonly kind: "ticket"; readonly connection: ConnectionKey; readonly publicKey: Uint8Array }
  /** Choose from the server's comma-separated list; answer with mechanism and first data. */
  | { readonly kind: "sasl-start"; readonly connection: ConnectionKey; readonly mechanisms: string }
  /** Answer the server's data; null data where the mechanism has nothing to say. */
  | {
      readonly kind: "sasl-step";
      readonly connection: ConnectionKey;
      readonly data: Uint8Array;
      readonly complete: boolean;
    };

export type LinkTaskResult =
  | { readonly kind: "ticket"; readonly ticket: Uint8Array }
  | { readonly kind: "sasl-start"; readonly mechanism: string; readonly data: Uint8Array | null }
  | { readonly kind: "sasl-step"; readonly data: Uint8Array | null }
  /** The driver could not do it: no password, no common mechanism, wrong server proof. */
  | { readonly kind: "failed"; readonly code: LinkTaskFailure; readonly detail: string };

export type LinkTaskFailure = "NO_CREDENTIALS" | "NO_MECHANISM" | "SERVER_PROOF" | "CRYPTO";

export type TaskKey = number;
