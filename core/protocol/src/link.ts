// The link stage: what a connection says before the first data message, one connection a channel.
// Bytes: link header + link message (client), link header + link reply (server), auth mechanism if
// both announced AUTH_SELECTION, ticket or SASL, link result.

import { bytes, count, emptyable, list, openEnumOf, pointer, struct, u8, u32 } from "@caraway/wire";
import { ChannelType, LinkError } from "./constants.ts";

/** "REDQ". */
export const linkMagic = 0x51444552;
export const protocolMajor = 2;
export const protocolMinor = 2;

/** Bounds of LinkHeader.size, as spice-server holds them. */
export const linkSizeMin = 18;
export const linkSizeMax = 4096;
/** Most capability words of a kind, as spice-server holds it. */
export const capabilityWordsMax = 1024;

/** Bytes of an encrypted ticket (RSA 1024). */
export const ticketSize = 128;
/** Longest password, without its NUL. */
export const passwordSizeMax = 60;

export const LinkHeader = struct("LinkHeader", {
  magic: u32,
  major: u32,
  minor: u32,
  /** Bytes that follow: the message or reply with its capability words. */
  size: u32,
});

/** Pointers count from the start of the message, behind the header. */
export const LinkMess = struct("LinkMess", {
  /** 0 opens a session; else the session id of MAIN INIT. On main, non-zero means "from a migration". */
  connectionId: u32,
  channelType: openEnumOf(u8, "ChannelType", ChannelType),
  channelId: u8,
  numCommonCaps: u32,
  numChannelCaps: u32,
  /** Common words, then the channel's. */
  caps: pointer(list(u32, { sum: ["numCommonCaps", "numChannelCaps"] })),
});

export const LinkReply = struct("LinkReply", {
  error: openEnumOf(u32, "LinkError", LinkError),
  /** DER SubjectPublicKeyInfo of an RSA 1024 key; zero on error or where SASL is meant. */
  pubKey: bytes({ fixed: 162 }),
  numCommonCaps: u32,
  numChannelCaps: u32,
  /** Common words, then the channel's; a reply of spice-server that tells an error has a null here. */
  caps: emptyable(list(u32, { sum: ["numCommonCaps", "numChannelCaps"] })),
});

/** The value on the wire is the bit number of the mechanism's common capability. */
export const AuthMechanism = { SPICE: 1, SASL: 2 } as const;

/** A SASL string with its length: mechanism list, chosen mechanism, client and server data. */
export const SaslData = struct("SaslData", {
  size: count(u32, "data"),
  data: bytes({ count: "size" }),
});
