// A real smartcard reader of this machine as one of the guest's: whatever card is in it is the
// guest's alone, for as long as the session lasts.

import { type Card, type SmartcardEvent, SmartcardReader } from "@caraway/driver";
import { PcscDaemon, type PcscHandle, type PcscReaderState } from "./pcsc-daemon.ts";

/** How often it is looked whether a card came or went. */
const lookEachMs = 500;

class PcscCard implements Card {
  readonly atr: Uint8Array;
  readonly #daemon: PcscDaemon;
  readonly #handle: PcscHandle;

  constructor(daemon: PcscDaemon, handle: PcscHandle, atr: Uint8Array) {
    this.#daemon = daemon;
    this.#handle = handle;
    this.atr = atr;
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    return this.#daemon.transmit(this.#handle, command);
  }

  reset(): void {
    // Goes before the next command; a card that cannot be reset does not answer that either.
    void this.#daemon.reset(this.#handle).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#daemon.release(this.#handle).catch(() => {});
  }
}

export interface PcscReaderOptions {
  /** Part of a reader's name; the first one that there is when absent. */
  readonly name?: string;
  readonly onEvent?: (event: SmartcardEvent) => void;
  /** The daemon's socket, where it is not in its usual place. */
  readonly socket?: string;
}

/** Follows a reader of the machine, and puts its card into one of the guest's. */
export class PcscReader {
  readonly name: string;
  readonly reader: SmartcardReader;
  readonly #daemon: PcscDaemon;
  readonly #onEvent: (event: SmartcardEvent) => void;
  #card: PcscCard | null = null;
  #count = -1;
  /** Of a card that could not be opened, which is not tried again. */
  #refused = -1;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;

  private constructor(name: string, daemon: PcscDaemon, onEvent: (event: SmartcardEvent) => void) {
    this.name = name;
    this.#daemon = daemon;
    this.#onEvent = onEvent;
    this.reader = new SmartcardReader(name, null, onEvent);
  }

  /** Throws Node's own errors where no daemon runs, PcscError, and Error where there is no reader. */
  static async open({
    name,
    onEvent = () => {},
    socket,
  }: PcscReaderOptions = {}): Promise<PcscReader> {
    const daemon = await PcscDaemon.connect(socket);
    try {
      const readers = await daemon.readers();
      const found = readers.find((each) => name === undefined || each.name.includes(name));
      if (found === undefined) {
        const names = readers.map((each) => each.name).join(", ");
        throw new Error(
          names === "" ? "PC/SC: there is no reader" : `PC/SC: the readers are ${names}`,
        );
      }
      const opened = new PcscReader(found.name, daemon, onEvent);
      await opened.#look();
      opened.#lookAgain();
      return opened;
    } catch (error) {
      daemon.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.reader.close();
    this.#daemon.close();
  }

  #lookAgain(): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => {
      void this.#look()
        .catch((error: unknown) => {
          if (this.#isOver) return;
          this.#remove();
          this.#onEvent({ type: "io-error", error });
        })
        .then(() => this.#lookAgain());
    }, lookEachMs);
  }

  async #look(): Promise<void> {
    const readers = await this.#daemon.readers();
    const state = readers.find(({ name }) => name === this.name);
    if (!this.#isOver) await this.#follow(state ?? null);
  }

  async #follow(state: PcscReaderState | null): Promise<void> {
    const count = state?.count ?? -1;
    const isGone = state === null || state.atr === null;
    if (isGone || count !== this.#count) this.#remove();
    this.#count = count;
    if (isGone || this.#card !== null || this.#refused === count) return;
    this.#refused = count;
    const handle = await this.#daemon.open(this.name);
    this.#refused = -1;
    this.#card = new PcscCard(this.#daemon, handle, state.atr);
    this.reader.insert(this.#card);
  }

  #remove(): void {
    const card = this.#card;
    if (card === null) return;
    this.#card = null;
    this.reader.remove();
    void card.close();
  }
}
