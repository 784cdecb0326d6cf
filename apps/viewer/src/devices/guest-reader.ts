// A smartcard of the user's in the guest's reader, over all sessions of a viewer.

import {
  type ClientStream,
  openBlobCard,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
} from "@caraway/browser";

export interface CardState {
  readonly name: string;
  /** `waiting`: for a reader of the guest's. */
  readonly state: "waiting" | "connected" | "gone";
  readonly fault: string | null;
}

export class GuestReader {
  readonly #changed: () => void;
  readonly #reader: SmartcardReader;
  readonly #readers: SmartcardReaders;
  #state: CardState["state"] = "waiting";
  #fault: string | null = null;
  #name: string | null = null;

  constructor(changed: () => void) {
    this.#changed = changed;
    this.#reader = new SmartcardReader("Caraway", null, (event) => this.#hear(event));
    this.#readers = new SmartcardReaders([this.#reader]);
  }

  get card(): CardState | null {
    const [name, state, fault] = [this.#name, this.#state, this.#fault];
    return name === null ? null : { name, state, fault };
  }

  offer(stream: ClientStream): void {
    this.#readers.offer(stream);
  }

  /** Throws where the files are no certificate and no key of it. */
  async insert(certificate: Blob, key: Blob, pin: string, name: string): Promise<void> {
    const card = await openBlobCard({ certificate, key, pin });
    this.#name = name;
    this.#fault = null;
    this.#reader.insert(card);
    this.#changed();
  }

  remove(): void {
    this.#name = null;
    this.#reader.remove();
    this.#changed();
  }

  #hear(event: SmartcardEvent): void {
    if (event.type === "connected") this.#state = "connected";
    else if (event.type === "disconnected") this.#state = "gone";
    else this.#fault = event.error instanceof Error ? event.error.message : String(event.error);
    this.#changed();
  }
}
