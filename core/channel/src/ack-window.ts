// The receiving end of an ack window: which acknowledgements are due for what was handled. A
// window that stops crediting stops the sender: that is the backpressure of SPICE.

/** What is to be sent back. */
export type AckDue =
  | { readonly name: "ACK_SYNC"; readonly generation: number }
  | { readonly name: "ACK" };

export class AckWindow {
  #window = 0;
  #left = 0;

  /** SET_ACK: a new window opens; the counter starts anew. */
  open(generation: number, window: number): AckDue {
    this.#window = window;
    this.#left = window;
    return { name: "ACK_SYNC", generation };
  }

  /** A message was handled. Null until a whole window was. */
  handled(): AckDue | null {
    if (this.#window === 0) return null;
    this.#left -= 1;
    if (this.#left > 0) return null;
    this.#left = this.#window;
    return { name: "ACK" };
  }

  snapshot(): unknown {
    return { window: this.#window, left: this.#left };
  }
}
