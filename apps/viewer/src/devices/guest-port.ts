// A port of the guest's, such as a serial console, as the viewer has it from its first moment on.
// While nobody looks at it what comes is taken, so that the guest is not held up, and the newest of
// it kept, so that a console does not open empty.

import type { ClientStream } from "@caraway/browser";

/** Whoever looks at a port. */
export interface PortView {
  /** Call `taken` for what was shown: what was not slows the guest down. */
  data(bytes: Uint8Array): void;
  /** Somebody in the guest opened or closed its end, or the port is gone. */
  changed(): void;
}

/** Bytes that are kept for whoever will look. */
const keptMax = 64 << 10;

export class GuestPort {
  readonly name: string;
  readonly #stream: ClientStream;
  readonly #changed: () => void;
  #view: PortView | null = null;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  /** `changed`: what the port says of itself is another. */
  constructor(stream: ClientStream, changed: () => void) {
    this.name = stream.portName ?? "";
    this.#stream = stream;
    this.#changed = changed;
    stream.use({
      data: (bytes) => this.#hear(bytes),
      signal: () => this.#tellChanged(),
      closed: () => this.#tellChanged(),
    });
  }

  /** Whether somebody in the guest has it open. */
  get isGuestOpen(): boolean {
    return this.#stream.isGuestOpen;
  }

  /** The session, or the guest's device, is gone. */
  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  /** Opens this end for somebody who looks, who hears first what was kept. */
  open(view: PortView): void {
    this.#view = view;
    this.#stream.signal("opened");
    const kept = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    // It was taken when it came; what `taken` is called for beyond that is nothing.
    for (const bytes of kept) view.data(bytes);
  }

  close(): void {
    if (this.#view === null) return;
    this.#view = null;
    this.#stream.signal("closed");
  }

  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  sendBreak(): void {
    this.#stream.signal("break");
  }

  taken(bytes: number): void {
    this.#stream.taken(bytes);
  }

  #hear(bytes: Uint8Array): void {
    if (this.#view !== null) {
      this.#view.data(bytes);
      return;
    }
    this.#stream.taken(bytes.length);
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > keptMax) this.#keptBytes -= this.#kept.shift()!.length;
  }

  #tellChanged(): void {
    this.#view?.changed();
    this.#changed();
  }
}
