// What the server's end of the link stage asks of its driver: keys, decryption and SASL.

import type { ConnectionKey } from "./machine.ts";

/** Work that is asynchronous or secret; the driver answers with the result of the same step. */
export type LinkServerTask =
  /** A fresh RSA key of 1024 bits that belongs to this connection alone. */
  | { readonly kind: "key"; readonly connection: ConnectionKey }
  /** Decrypt 128 bytes with the connection's key (RSA-OAEP, SHA-1, no label). */
  | { readonly kind: "decrypt"; readonly connection: ConnectionKey; readonly ticket: Uint8Array }
  /** Which SASL mechanisms may be used on this connection. */
  | { readonly kind: "sasl-mechanisms"; readonly connection: ConnectionKey }
  /** The client chose a mechanism; `data` null where it said nothing with it. */
  | {
      readonly kind: "sasl-start";
      readonly connection: ConnectionKey;
      readonly mechanism: string;
      readonly data: Uint8Array | null;
    }
  | {
      readonly kind: "sasl-step";
      readonly connection: ConnectionKey;
      readonly data: Uint8Array | null;
    };

export type LinkServerTaskResult =
  /** DER SubjectPublicKeyInfo, 162 bytes. */
  | { readonly kind: "key"; readonly publicKey: Uint8Array }
  /** What the ticket holds: a password and a NUL. */
  | { readonly kind: "decrypt"; readonly plain: Uint8Array }
  /** Names with commas between, such as `SCRAM-SHA-256,PLAIN`. */
  | { readonly kind: "sasl-mechanisms"; readonly mechanisms: string }
  /** To a start or a step. */
  | { readonly kind: "sasl-continue"; readonly data: Uint8Array }
  /** The user proved to be `user`; `data` null where the mechanism has nothing more to say. */
  | { readonly kind: "sasl-accepted"; readonly user: string; readonly data: Uint8Array | null }
  /** Wrong password, no such user, a ticket that is none, a step that is no SASL. */
  | { readonly kind: "refused"; readonly detail: string }
  /** The driver could not do it. */
  | { readonly kind: "failed"; readonly detail: string };
