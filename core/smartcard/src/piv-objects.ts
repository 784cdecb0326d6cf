// What stands on a PIV card beside its keys: the data objects of NIST SP 800-73-4, part 1.

import { tlv } from "./tlv.ts";

/** Of the application, version 1.0. */
export const pivAid = Uint8Array.of(0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0);

/** Keys of a card, by what they are for. */
export const pivSlots = {
  /** Logging in. */
  "9a": { key: 0x9a, certificate: 0x5fc105, pin: "once" },
  /** Signing: the PIN is asked for each time. */
  "9c": { key: 0x9c, certificate: 0x5fc10a, pin: "always" },
  /** Decrypting. */
  "9d": { key: 0x9d, certificate: 0x5fc10b, pin: "once" },
  /** Doors and machines, without a PIN. */
  "9e": { key: 0x9e, certificate: 0x5fc101, pin: "never" },
} as const;

export type PivSlot = keyof typeof pivSlots;

const chuid = 0x5fc102;
const capabilities = 0x5fc107;
const discovery = 0x7e;

/** Agency 9999, which says: no agency of the United States; the card is known by its GUID. */
const fascN = Uint8Array.of(
  ...[0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce, 0x73, 0x9d, 0x83, 0x68],
  ...[0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb],
);

/** The answer to SELECT. */
export function applicationProperties(label: Uint8Array): Uint8Array {
  const version = tlv(0x4f, pivAid.subarray(5));
  const authority = tlv(0x79, tlv(0x4f, pivAid.subarray(0, 5)));
  return tlv(0x61, version, authority, tlv(0x50, label));
}

/** By the tag that GET DATA asks for. `guid`: 16 bytes, by which cards are told apart. */
export function cardObjects(
  guid: Uint8Array,
  certificates: ReadonlyMap<PivSlot, Uint8Array>,
): ReadonlyMap<number, Uint8Array> {
  const objects = new Map<number, Uint8Array>();
  const end = tlv(0xfe);
  const expiry = [..."20991231"].map((digit) => digit.charCodeAt(0));
  objects.set(
    chuid,
    tlv(0x53, tlv(0x30, fascN), tlv(0x34, guid), tlv(0x35, expiry), tlv(0x3e), end),
  );
  const identifier = [0xa0, 0, 0, 1, 0x16, 0xff, 2, ...guid.subarray(0, 14)];
  objects.set(
    capabilities,
    tlv(
      0x53,
      ...[tlv(0xf0, identifier), tlv(0xf1, [0x21]), tlv(0xf2, [0x21]), tlv(0xf3)],
      ...[tlv(0xf4, [0]), tlv(0xf5, [0x10])],
      ...[0xf6, 0xf7, 0xfa, 0xfb, 0xfc, 0xfd].map((tag) => tlv(tag)),
      end,
    ),
  );
  // The card's own PIN is there, and no other.
  objects.set(discovery, tlv(discovery, tlv(0x4f, pivAid), tlv(0x5f2f, [0x40, 0])));
  for (const [slot, certificate] of certificates) {
    const isPlain = tlv(0x71, [0]);
    objects.set(pivSlots[slot].certificate, tlv(0x53, tlv(0x70, certificate), isPlain, end));
  }
  return objects;
}
