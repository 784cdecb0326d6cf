// How two hosts know each other: certificates of a common authority, or a key that both have. Either
// way both sides prove who they are, and nobody else can read or change what they say.

import { createSecretKey, hkdfSync } from "node:crypto";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { readText } from "./server-settings.ts";
import { HostUsageError } from "./usage-error.ts";

export interface PeerFlags {
  /** `certificate,key,authority`: three PEM files. */
  readonly peerTls?: string;
  /** A file with at least 32 characters that nobody can guess. */
  readonly peerKey?: string;
}

/** What a host proves itself by, as it can be handed to another thread. */
export type PeerMaterial =
  | {
      readonly kind: "certificates";
      readonly cert: string;
      readonly key: string;
      readonly ca: string;
    }
  | { readonly kind: "key"; readonly psk: Uint8Array };

export interface PeerSecurity {
  readonly material: PeerMaterial;
  readonly server: TlsOptions;
  /** For a connection to the host of that name. */
  client(host: string): ConnectionOptions;
}

/** Least length of a shared key, in characters. */
const keyLengthMin = 32;
/** Forward secrecy, so that a key that leaks later opens nothing that was said before. */
const keyCiphers = "ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-CHACHA20-POLY1305";
const keyIdentity = "caraway-host";
/** Node has shared keys up to this version. */
const keyVersion = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

/** Null where neither is given: then guests do not move. @throws HostUsageError */
export function peerSecurity(flags: PeerFlags): PeerSecurity | null {
  if (flags.peerTls !== undefined && flags.peerKey !== undefined) {
    throw new HostUsageError("give --peer-tls or --peer-key, not both");
  }
  if (flags.peerTls !== undefined) return byCertificates(flags.peerTls);
  if (flags.peerKey !== undefined) return bySharedKey(readText(flags.peerKey).trim());
  return null;
}

function byCertificates(text: string): PeerSecurity {
  const files = text.split(",");
  if (files.length !== 3) {
    throw new HostUsageError("--peer-tls takes three PEM files: CERT,KEY,CA");
  }
  const [cert, key, ca] = files.map(readText);
  return securityOf({ kind: "certificates", cert: cert!, key: key!, ca: ca! });
}

/** @throws HostUsageError when it is too short. */
export function bySharedKey(key: string): PeerSecurity {
  if (key.length < keyLengthMin) {
    const hint = "make one with: openssl rand -hex 32";
    throw new HostUsageError(`the shared key has fewer than ${keyLengthMin} characters; ${hint}`);
  }
  const material = createSecretKey(key, "utf8");
  const psk = new Uint8Array(hkdfSync("sha256", material, "", "caraway peer link", 32));
  return securityOf({ kind: "key", psk });
}

export function securityOf(material: PeerMaterial): PeerSecurity {
  return material.kind === "key" ? withKey(material) : withCertificates(material);
}

type MaterialOf<K extends PeerMaterial["kind"]> = Extract<PeerMaterial, { kind: K }>;

function withCertificates(material: MaterialOf<"certificates">): PeerSecurity {
  const { cert, key, ca } = material;
  const own = { cert, key, ca, minVersion: "TLSv1.3" } as const;
  return {
    material,
    server: { ...own, requestCert: true, rejectUnauthorized: true },
    client: () => ({ ...own, rejectUnauthorized: true }),
  };
}

function withKey(material: MaterialOf<"key">): PeerSecurity {
  const psk = Buffer.from(material.psk);
  const common = { ciphers: keyCiphers, ...keyVersion };
  return {
    material,
    server: {
      ...common,
      pskIdentityHint: keyIdentity,
      pskCallback: (_socket, identity) => (identity === keyIdentity ? psk : null),
    },
    client: () => ({
      ...common,
      pskCallback: () => ({ psk, identity: keyIdentity }),
      // With a shared key there is no certificate: who knows the key is the one.
      checkServerIdentity: () => undefined,
    }),
  };
}
