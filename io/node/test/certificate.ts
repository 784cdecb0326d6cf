// Makes X.509 certificates for tests, so that no key lies in the repository and no program is
// needed. Only what the tests look at: names, alternative names, keys, validity.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificate {
  readonly pem: string;
  readonly der: Buffer;
  readonly keyPem: string;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly subject: Buffer;
  readonly key: KeyObject;
}

/** Object identifier, tag of the string type, value. */
export type Attribute = readonly [oid: string, tag: number, value: string];

export const UTF8 = 0x0c;
export const PRINTABLE = 0x13;
export const BMP = 0x1e;

interface Wishes {
  /** One set per entry, or several attributes in one set. */
  readonly subject: readonly (Attribute | readonly Attribute[])[];
  readonly names?: readonly string[];
  readonly addresses?: readonly (readonly number[])[];
  readonly issuer?: Certificate;
  readonly authority?: boolean;
  readonly days?: readonly [from: number, to: number];
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const size =
    content.length < 0x100
      ? [0x81, content.length]
      : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number & 0x7f];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left & 0x7f) | 0x80);
    }
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function attribute([identifier, tag, value]: Attribute): Buffer {
  const content = tag === BMP ? Buffer.from(value, "utf16le").swap16() : Buffer.from(value, "utf8");
  return sequence(oid(identifier), tlv(tag, content));
}

function isAttribute(entry: Attribute | readonly Attribute[]): entry is Attribute {
  return typeof entry[0] === "string";
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString();
  return tlv(0x17, Buffer.from(`${text.slice(2, 19).replace(/[-:T]/g, "")}Z`));
}

const ecdsaSha256 = sequence(oid("1.2.840.10045.4.3.2"));

export function makeCertificate(wishes: Wishes): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const subject = sequence(
    ...wishes.subject.map((entry) =>
      tlv(0x31, ...(isAttribute(entry) ? [entry] : entry).map(attribute)),
    ),
  );
  const [from, to] = wishes.days ?? [-1, 1];
  const extensions: Buffer[] = [];
  if (wishes.authority === true) {
    const isAuthority = tlv(0x01, Buffer.from([0xff]));
    extensions.push(
      sequence(oid("2.5.29.19"), isAuthority, tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff]))))),
    );
  }
  const alternatives = [
    ...(wishes.names ?? []).map((name) => tlv(0x82, Buffer.from(name))),
    ...(wishes.addresses ?? []).map((address) => tlv(0x87, Buffer.from(address))),
  ];
  if (alternatives.length > 0) {
    extensions.push(sequence(oid("2.5.29.17"), tlv(0x04, sequence(...alternatives))));
  }
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const signed = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ecdsaSha256,
    wishes.issuer?.subject ?? subject,
    sequence(time(from), time(to)),
    subject,
    spki,
    ...(extensions.length > 0 ? [tlv(0xa3, sequence(...extensions))] : []),
  );
  const signature = sign("sha256", signed, wishes.issuer?.key ?? privateKey);
  const der = sequence(signed, ecdsaSha256, tlv(0x03, Buffer.from([0]), signature));
  const base64 = der.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    der,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: new Uint8Array(spki),
    subject,
    key: privateKey,
  };
}
