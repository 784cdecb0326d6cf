// How far one channel has come: which messages are handled, in order, and which acknowledgements
// are due for them. A message that a renderer works on is handled when it says so; one that comes
// behind it counts no earlier.

import { AckWindow } from "@caraway/channel";

/** What becomes due when a message is handled. */
export interface Credit {
  /** Serial that is handled with it; null: more of the same frame follows. */
  readonly serial: bigint | null;
  /** Ack window that it counts in; null: it counts in none. */
  readonly ackEpoch: number | null;
  /** Serials of an earlier, unrelated connection say nothing about this one. */
  readonly openEpoch: number;
}

export class ChannelProgress {
  #acks = new AckWindow();
  #ackEpoch = 0;
  #openEpoch = 0;
  readonly #pending: Credit[] = [];
  #handledSerial = 0n;

  /** Serial of the newest message that was handled. */
  get handledSerial(): bigint {
    return this.#handledSerial;
  }

  /** Messages that the renderer works on. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  snapshot(): unknown {
    return {
      acks: this.#acks.snapshot(),
      pending: this.#pending.length,
      handledSerial: this.#handledSerial,
    };
  }

  /** A new connection, unrelated to the one before. */
  begin(): void {
    this.#acks = new AckWindow();
    this.#ackEpoch += 1;
    this.#openEpoch += 1;
    this.#handledSerial = 0n;
  }

  /** SET_ACK: a new window; what came before it does not count in it. */
  openWindow(generation: number, window: number): void {
    this.#ackEpoch += 1;
    this.#acks.open(generation, window);
  }

  /** The credit of a message. Of the messages of one frame only the last one counts. */
  creditFor(serial: bigint, last: boolean): Credit {
    return {
      serial: last ? serial : null,
      ackEpoch: last ? this.#ackEpoch : null,
      openEpoch: this.#openEpoch,
    };
  }

  /** The message is handled at once. True if an ACK is due. */
  handledNow(credit: Credit): boolean {
    const last = this.#pending.length - 1;
    const before = this.#pending[last];
    if (before === undefined) return this.#handled(credit);
    // Its serial counts with the message before it, which is not on the surface yet.
    const { serial, openEpoch } = credit;
    this.#pending[last] = serial === null ? before : { ...before, serial, openEpoch };
    return this.#countAck(credit);
  }

  /** The message will be handled: `handledNext` says when. */
  handledLater(credit: Credit): void {
    this.#pending.push(credit);
  }

  /** The oldest message that was to be handled later is. True if an ACK is due. */
  handledNext(): boolean {
    const credit = this.#pending.shift();
    return credit !== undefined && this.#handled(credit);
  }

  #handled(credit: Credit): boolean {
    const { serial, openEpoch } = credit;
    if (serial !== null && openEpoch === this.#openEpoch) this.#handledSerial = serial;
    return this.#countAck(credit);
  }

  #countAck({ ackEpoch }: Credit): boolean {
    return ackEpoch === this.#ackEpoch && this.#acks.handled() !== null;
  }
}
