// What a driver takes from the platform that it runs on: a clock, connections and cryptography.
// Node and the browser bring one each; everything above them is written once.

import type { Address, TlsIdentity, TransportFailure } from "@caraway/channel";
import type { Clock } from "./turns.ts";

/** What a transport tells its owner; never called before the call that opened it has returned. */
export interface TransportListener {
  connected(): void;
  received(bytes: Uint8Array): void;
  /** Bytes that were written and not yet handed to the network, whenever that has changed. */
  backlog(bytes: number): void;
  /** The last call: the peer ended the connection (null), or it broke or never came to be. */
  closed(failure: TransportFailure | null): void;
}

export interface Transport {
  /** Takes over the bytes. Without effect unless connected. */
  write(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Ends the connection after what was written; the listener hears no more. */
  close(): void;
  /** Ends the connection at once; the listener hears no more. */
  destroy(): void;
}

export interface Platform extends Clock {
  open(address: Address, tls: TlsIdentity | null, listener: TransportListener): Transport;
  readonly crypto: LinkCrypto;
}

/** The cryptography of the link stage. */
export interface LinkCrypto {
  /** RSA-OAEP (SHA-1, empty label); rejects when `publicKey` is no RSA key as DER SPKI. */
  encryptOaep(publicKey: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  randomBytes(size: number): Uint8Array;
  /** Null where the platform has none. */
  readonly scram: ScramCrypto | null;
}

export type ScramHash = "sha1" | "sha256" | "sha512";

export interface ScramCrypto {
  digest(hash: ScramHash, data: Uint8Array): Promise<Uint8Array>;
  hmac(hash: ScramHash, key: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  /** PBKDF2 with HMAC of the hash, as many bytes as the hash has. */
  derive(
    hash: ScramHash,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
  ): Promise<Uint8Array>;
}
