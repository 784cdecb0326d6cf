// The server's end of one of the guest's byte streams: what waits to be written, and the credit of
// either side. What the bytes mean is the business of whoever holds it.

import type { StreamName } from "./guest-device.ts";
import type { Wiring } from "./wiring.ts";

export class GuestStream {
  readonly name: StreamName;
  readonly #wiring: Wiring;
  /** Bytes that the guest will still take. */
  #credit = 0;
  /** Bytes that the guest may still send. */
  #granted = 0;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isOpenHere = false;
  #isOpenThere = false;

  constructor(name: StreamName, wiring: Wiring) {
    this.name = name;
    this.#wiring = wiring;
  }

  /** Bytes that wait for the guest's credit. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether the guest's end is open. */
  get isOpenThere(): boolean {
    return this.#isOpenThere;
  }

  /** The guest opened or closed its end. */
  openedThere(open: boolean): void {
    this.#isOpenThere = open;
  }

  /** Opens or closes our end. What waits is for nobody once the end is closed. */
  setOpen(open: boolean): void {
    if (open === this.#isOpenHere) return;
    this.#isOpenHere = open;
    if (!open) this.dropQueue();
    this.#wiring.guest({ type: "stream-open", stream: this.name, open });
  }

  dropQueue(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#drain();
  }

  /** The guest takes so many bytes more. */
  credited(bytes: number): void {
    this.#credit += bytes;
    this.#drain();
  }

  /** Lets the guest send so many bytes more. */
  grant(bytes: number): void {
    if (bytes <= 0) return;
    this.#granted += bytes;
    this.#wiring.guest({ type: "stream-credit", stream: this.name, bytes });
  }

  /** The guest sent bytes: false when it had no leave to. */
  took(bytes: number): boolean {
    this.#granted -= bytes;
    return this.#granted >= 0;
  }

  snapshot(): unknown {
    const { use, id } = this.name;
    return {
      stream: `${use} ${id}`,
      open: [this.#isOpenHere, this.#isOpenThere],
      credit: this.#credit,
      granted: this.#granted,
      queued: this.#queuedBytes,
    };
  }

  #drain(): void {
    while (this.#credit > 0) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const bytes = first.subarray(0, this.#credit);
      if (bytes.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(bytes.length);
      this.#credit -= bytes.length;
      this.#queuedBytes -= bytes.length;
      this.#wiring.guest({ type: "stream-data", stream: this.name, bytes });
    }
  }
}
