// What may be wrong with a peer's packets, or with what we want to say.

import { CarawayError } from "@caraway/wire";

export type UsbredirFault =
  /** Bytes that are no packet, or one that this end may not get. They are skipped. */
  | "BAD_PACKET"
  /** More bytes than a packet may have. They are skipped. */
  | "PACKET_TOO_LARGE"
  /** A packet that may not be sent: the fault is our own. */
  | "BAD_SEND"
  /** Rules that do not parse. */
  | "BAD_FILTER"
  /** What a real device says of itself makes no sense. */
  | "BAD_DESCRIPTOR";

export class UsbredirError extends CarawayError {
  readonly code: `USBREDIR_${UsbredirFault}`;

  constructor(fault: UsbredirFault, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.code = `USBREDIR_${fault}`;
  }
}
