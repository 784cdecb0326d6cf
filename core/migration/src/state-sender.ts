// The guest's state on its way, in parts, with a bound on what was not acknowledged.

import { chunkSizeMax, windowSize } from "./peer-messages.ts";
import { violation } from "./server-stream.ts";

export class StateSender {
  readonly #state: Uint8Array;
  #sent = 0;
  #seen = 0;
  #isOver = false;

  constructor(state: Uint8Array) {
    this.#state = state;
  }

  get total(): number {
    return this.#state.length;
  }

  get seen(): number {
    return this.#seen;
  }

  get isSeen(): boolean {
    return this.#isOver && this.#seen === this.#state.length;
  }

  /** The next part to send, or null when the window is full or all is sent. */
  next(): { readonly last: 0 | 1; readonly part: Uint8Array } | null {
    if (this.#isOver || this.#sent - this.#seen >= windowSize) return null;
    const part = this.#state.subarray(this.#sent, this.#sent + chunkSizeMax);
    this.#sent += part.length;
    this.#isOver = this.#sent === this.#state.length;
    return { last: this.#isOver ? 1 : 0, part };
  }

  /** @throws MoveError */
  acknowledge(size: number): void {
    if (size < this.#seen || size > this.#sent) {
      throw violation("it has seen state that was never sent");
    }
    this.#seen = size;
  }
}
