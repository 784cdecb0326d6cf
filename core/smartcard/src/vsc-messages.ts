// What stands in the messages of a smartcard channel: the VSC protocol of libcacard, as data. The
// channel's own message has the type and the reader; these are the bodies.

import { VscError, VscMessageType } from "@caraway/protocol";
import {
  bytes,
  interpretMessages,
  list,
  type MessageOf,
  message,
  text,
  u32,
  WireError,
} from "@caraway/wire";
import { CardError } from "./card-error.ts";

/** `VSCErrorCode`. */
export const VscErrorCode = {
  SUCCESS: 0,
  GENERAL_ERROR: 1,
  CANNOT_ADD_MORE_READERS: 2,
  CARD_ALREADY_INSERTED: 3,
} as const;

const rest = bytes({ rest: true });

export const vscMessages = [
  message(
    "INIT",
    VscMessageType.INIT,
    { magic: u32, version: u32, capabilities: list(u32, { rest: true }) },
    "Greets; the magic is VSCD.",
  ),
  message("ERROR", VscMessageType.ERROR, VscError.fields, "How a READER_ADD ended, or a failure."),
  message(
    "READER_ADD",
    VscMessageType.READER_ADD,
    { name: text({ rest: true }, true) },
    "The client has a reader. Answered by ERROR, which is 0 when there is a place for it.",
  ),
  message("READER_REMOVE", VscMessageType.READER_REMOVE, {}, "The client's reader is gone."),
  message(
    "ATR",
    VscMessageType.ATR,
    { atr: rest },
    "A card is in the reader; its answer to reset.",
  ),
  message("CARD_REMOVE", VscMessageType.CARD_REMOVE, {}, "The card is gone."),
  message(
    "APDU",
    VscMessageType.APDU,
    { apdu: rest },
    "A command to the card from the guest, or the card's answer to it.",
  ),
  message(
    "FLUSH",
    VscMessageType.FLUSH,
    {},
    "Asks for FLUSH_COMPLETE behind all that is under way.",
  ),
  message("FLUSH_COMPLETE", VscMessageType.FLUSH_COMPLETE, {}, "Answers FLUSH."),
] as const;

export type VscMessage = MessageOf<typeof vscMessages>;

/** A message as the channel has it. */
export interface RawVscMessage {
  readonly type: number;
  readonly readerId: number;
  readonly data: Uint8Array;
}

const codec = interpretMessages(vscMessages);

export function encodeVsc(message: VscMessage, readerId: number): RawVscMessage {
  const { id, body } = codec.encode(message);
  return { type: id, readerId, data: body };
}

/** @throws CardError BAD_MESSAGE */
export function decodeVsc({ type, data }: RawVscMessage): VscMessage {
  try {
    const message = codec.decode(type, data);
    if (message !== null) return message;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new CardError("BAD_MESSAGE", error.message, { cause: error });
  }
  throw new CardError("BAD_MESSAGE", `message ${type} is none for us`);
}
