// What may be wrong with what a guest's reader says, or with what a card is made of.

import { CarawayError } from "@caraway/wire";

export type CardFault =
  /** No message that a reader may get; it is passed over. */
  | "BAD_MESSAGE"
  /** More commands under way than a reader has; it is passed over. */
  | "FLOODED"
  /** The guest's reader says that something failed. */
  | "READER_FAILED"
  /** Keys, certificates or a PIN that make no card. */
  | "BAD_CARD";

export class CardError extends CarawayError {
  readonly code: `SMARTCARD_${CardFault}`;

  constructor(fault: CardFault, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.code = `SMARTCARD_${fault}`;
  }
}
