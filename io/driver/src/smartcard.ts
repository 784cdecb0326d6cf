// Smartcard readers of a session: each takes a smartcard channel that the guest has free, and the
// next one that comes when that is gone. What is in a reader answers commands, whatever it is.

import {
  CardReader,
  PivCard,
  type PivCardOptions,
  type PivSlot,
  type ReaderInput,
  type ReaderOutput,
} from "@caraway/smartcard";
import type { ClientStream } from "./client-stream.ts";

export interface Card {
  /** Its answer to reset. */
  readonly atr: Uint8Array;
  /** The answer to a command APDU; the next one is asked when this has come. Rejects when the card
   * does not answer, which counts as taken out. */
  transmit(command: Uint8Array): Promise<Uint8Array>;
  /** Somebody else has the card from now on: what it was shown and told is forgotten. */
  reset(): void;
  close(): Promise<void>;
}

export type SmartcardEvent =
  | Extract<ReaderOutput, { readonly type: "connected" | "disconnected" | "fault" }>
  /** The card did not answer, and counts as taken out. */
  | { readonly type: "io-error"; readonly error: unknown };

/** A reader, plugged into at most one channel at a time. */
export class SmartcardReader {
  readonly name: string;
  readonly #onEvent: (event: SmartcardEvent) => void;
  #card: Card | null;
  #plug: Plug | null = null;

  constructor(
    name: string,
    card: Card | null,
    onEvent: (event: SmartcardEvent) => void = () => {},
  ) {
    this.name = name;
    this.#card = card;
    this.#onEvent = onEvent;
  }

  get isPlugged(): boolean {
    return this.#plug !== null;
  }

  get card(): Card | null {
    return this.#card;
  }

  /** Takes a stream of a smartcard channel that nobody else uses. */
  plugInto(stream: ClientStream): void {
    const plug: Plug = new Plug(new CardReader(this.name), stream, (event) => {
      if (event !== "closed") this.#onEvent(event);
      else if (this.#plug === plug) this.#plug = null;
    });
    this.#plug = plug;
    plug.start(this.#card);
  }

  /** Puts a card in, and takes out the one that is there, which the caller has again. */
  insert(card: Card): void {
    this.#card = card;
    this.#plug?.insert(card);
  }

  remove(): void {
    this.#card = null;
    this.#plug?.remove();
  }

  /** Takes the reader away, as the guest learns. */
  unplug(): void {
    this.#plug?.feed({ type: "unplug" });
  }

  /** Closes the card too. */
  async close(): Promise<void> {
    this.#plug?.stop();
    await this.#card?.close();
  }
}

/** One life of a reader in a channel. */
class Plug {
  readonly #reader: CardReader;
  readonly #stream: ClientStream;
  readonly #tell: (event: SmartcardEvent | "closed") => void;
  readonly #waiting: Extract<ReaderOutput, { readonly type: "command" }>[] = [];
  #card: Card | null = null;
  #isBusy = false;
  #isOver = false;

  constructor(
    reader: CardReader,
    stream: ClientStream,
    tell: (event: SmartcardEvent | "closed") => void,
  ) {
    this.#reader = reader;
    this.#stream = stream;
    this.#tell = tell;
  }

  start(card: Card | null): void {
    this.#stream.use({
      card: (message) => this.feed({ type: "received", message }),
      closed: () => this.stop(),
    });
    if (card === null) this.#drain();
    else this.insert(card);
  }

  insert(card: Card): void {
    card.reset();
    this.#card = card;
    this.#waiting.length = 0;
    this.feed({ type: "insert", atr: card.atr });
  }

  remove(): void {
    this.#card = null;
    this.#waiting.length = 0;
    this.feed({ type: "remove" });
  }

  feed(input: ReaderInput): void {
    if (this.#isOver) return;
    this.#reader.handle(input);
    this.#drain();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell("closed");
  }

  #drain(): void {
    for (let output = this.#reader.poll(); output !== null; output = this.#reader.poll()) {
      if (output.type === "transmit") this.#stream.writeCard(output.message);
      else if (output.type === "command") this.#waiting.push(output);
      else this.#tell(output);
    }
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const card = this.#card;
      if (card === null || this.#isOver) break;
      try {
        const bytes = await card.transmit(next.bytes);
        if (card === this.#card) this.feed({ type: "answer", command: next.command, bytes });
      } catch (error) {
        this.#tell({ type: "io-error", error });
        if (card === this.#card) this.remove();
      }
    }
    this.#isBusy = false;
  }
}

/** The readers of a session: each takes the next smartcard channel that the guest has. */
export class SmartcardReaders {
  readonly readers: readonly SmartcardReader[];

  constructor(readers: readonly SmartcardReader[]) {
    this.readers = readers;
  }

  /** A stream of the session's; those of other channels are passed over. */
  offer(stream: ClientStream): void {
    if (stream.channel !== "smartcard") return;
    this.readers.find(({ isPlugged }) => !isPlugged)?.plugInto(stream);
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
  }
}

/** RSA's private operation on a whole block, with the key of a slot. */
export type PrivateKeys = (slot: PivSlot, block: Uint8Array) => Promise<Uint8Array>;

/** A card made of software, with keys that are elsewhere. */
export class SoftwareCard implements Card {
  readonly #piv: PivCard;
  readonly #keys: PrivateKeys;

  /** @throws CardError BAD_CARD */
  constructor(options: PivCardOptions, keys: PrivateKeys) {
    this.#piv = new PivCard(options);
    this.#keys = keys;
  }

  get atr(): Uint8Array {
    return this.#piv.atr;
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    this.#piv.handle({ type: "command", bytes: command });
    for (;;) {
      const output = this.#piv.poll();
      if (output === null) throw new Error("the card was reset");
      if (output.type === "response") return output.bytes;
      const { task, slot, block } = output;
      const data = await this.#keys(slot, block).catch(() => null);
      this.#piv.handle({ type: "done", task, data });
    }
  }

  reset(): void {
    this.#piv.handle({ type: "reset" });
  }

  async close(): Promise<void> {}
}
