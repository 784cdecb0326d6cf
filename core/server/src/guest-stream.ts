// The server's end of one of the guest's byte streams: what waits to be written, and the credit of
// either side. What the bytes mean is the business of whoever holds it.
//
// INVARIANT: nothing is written to a guest that stands still: its state may have been saved, and
// what waits here goes on to where the guest goes on.

import { joinBytes } from "@caraway/wire";
import type { GuestInput } from "./guest.ts";
import type { StreamName } from "./guest-device.ts";
import type { Wiring } from "./wiring.ts";

export class GuestStream {
  readonly name: StreamName;
  /** Of a port. */
  readonly portName: string;
  readonly #wiring: Wiring;
  #isRunning: boolean;
  #isAttached = true;
  /** Bytes that the guest will still take. */
  #credit = 0;
  #granted = 0;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** As the guest was told; null: a guest that was loaded may think either. */
  #isOpenHere: boolean | null = null;
  #isOpenThere = false;
  /** Of the client's, written since the stream was attached. */
  #writtenBytes = 0n;

  constructor(name: StreamName, portName: string, isRunning: boolean, wiring: Wiring) {
    this.name = name;
    this.portName = portName;
    this.#isRunning = isRunning;
    this.#wiring = wiring;
  }

  /** Bytes that the guest was given. */
  get writtenBytes(): bigint {
    return this.#writtenBytes;
  }

  /** Bytes that the guest may still send. */
  get grantedBytes(): number {
    return this.#granted;
  }

  /** A copy of all that waits for the guest. */
  get queued(): Uint8Array {
    return joinBytes(this.#queue);
  }

  /** The guest has it no longer: nothing more is said to it. */
  detach(): void {
    this.#isAttached = false;
    this.dropQueue();
  }

  /** The guest goes on, or stands still. */
  setRunning(running: boolean): void {
    this.#isRunning = running;
    this.#drain();
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
    if (!open) this.dropQueue();
    this.tellOpen(open);
  }

  /** As `setOpen`, but what waits still goes to the guest. */
  tellOpen(open: boolean): void {
    if (open === this.#isOpenHere) return;
    this.#isOpenHere = open;
    this.#say({ type: "stream-open", stream: this.name, open });
  }

  /**
   * Somebody new has our end, who knows nothing of what went before: a guest that was loaded with it
   * open hears that it was closed.
   */
  renew(): void {
    if (this.#isOpenHere === null) this.setOpen(false);
  }

  /** A break on a port. */
  sendBreak(): void {
    this.#say({ type: "stream-break", stream: this.name });
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
    this.#say({ type: "stream-credit", stream: this.name, bytes });
  }

  /** Lets the guest send so many bytes, those included that it still may. */
  grantUpTo(bytes: number): void {
    this.grant(bytes - this.#granted);
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
      written: this.#writtenBytes,
    };
  }

  #drain(): void {
    while (this.#isRunning && this.#credit > 0) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const bytes = first.subarray(0, this.#credit);
      if (bytes.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(bytes.length);
      this.#credit -= bytes.length;
      this.#queuedBytes -= bytes.length;
      this.#writtenBytes += BigInt(bytes.length);
      this.#say({ type: "stream-data", stream: this.name, bytes });
    }
  }

  #say(input: GuestInput): void {
    if (this.#isAttached) this.#wiring.guest(input);
  }
}
