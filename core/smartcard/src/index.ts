// The smartcard protocol at the client: a reader, and a card made of software.

export { type CommandApdu, parseCommand, responseApdu, Sw } from "./apdu.ts";
export { CardError, type CardFault } from "./card-error.ts";
export { CardReader, type ReaderInput, type ReaderOutput } from "./card-reader.ts";
export {
  type CardInput,
  type CardOutput,
  PivCard,
  type PivCardOptions,
  type PivKey,
} from "./piv-card.ts";
export { type PivSlot, pivAid, pivSlots } from "./piv-objects.ts";
export { readTlvs, type Tlv, tlv } from "./tlv.ts";
export {
  decodeVsc,
  encodeVsc,
  type RawVscMessage,
  VscErrorCode,
  type VscMessage,
  vscMessages,
} from "./vsc-messages.ts";
