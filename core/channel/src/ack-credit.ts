// The sending end of an ack window: how many messages may still go out before the peer has to say
// that it handled some. The peer of ack-window.ts.

export class AckCredit {
  #generation = 0;
  #peerGeneration = 0;
  #window = 0;
  /** Messages since the window was opened that are not credited. */
  #outstanding = 0;

  /** Opens a window: SET_ACK with these fields is to be sent, and counts anew from there. */
  open(window: number): { readonly generation: number; readonly window: number } {
    this.#generation = (this.#generation + 1) >>> 0;
    this.#window = window;
    this.#outstanding = 0;
    return { generation: this.#generation, window };
  }

  /** ACK_SYNC: from now on the peer's acks belong to this generation. */
  synchronized(generation: number): void {
    this.#peerGeneration = generation;
  }

  /** ACK: a window of messages was handled. One that is not due gives no credit. */
  acknowledged(): void {
    if (this.#window === 0 || this.#peerGeneration !== this.#generation) return;
    this.#outstanding = Math.max(0, this.#outstanding - this.#window);
  }

  sent(): void {
    this.#outstanding += 1;
  }

  /** Whether another message may go out: always, until a window is opened. */
  get isOpen(): boolean {
    return this.leaves(0);
  }

  /** Whether another message may go out and so many behind it. */
  leaves(count: number): boolean {
    return this.#window === 0 || this.#outstanding + count <= 2 * this.#window;
  }

  snapshot(): unknown {
    const isSynchronized = this.#peerGeneration === this.#generation;
    return { window: this.#window, outstanding: this.#outstanding, isSynchronized };
  }
}
