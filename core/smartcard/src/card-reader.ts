// The client's end of a smartcard channel: a reader, with a card in it or without. A machine under
// the law of all others; the card itself, of software or in a real reader, is its owner's business.
//
// INVARIANT: each command of the guest's is answered once, by the card that it was meant for, or
// its card was taken out before. Nobody answers CARD_REMOVE, so that this holds for a new card only
// when it comes later than what the guest had under way: who changes cards leaves that time between.

import { vscUndefinedReaderId } from "@caraway/protocol";
import { CardError } from "./card-error.ts";
import {
  decodeVsc,
  encodeVsc,
  type RawVscMessage,
  VscErrorCode,
  type VscMessage,
} from "./vsc-messages.ts";

export type ReaderInput =
  /** From the guest. */
  | { readonly type: "received"; readonly message: RawVscMessage }
  /** A card is in the reader; `atr`, its answer to reset, has 33 bytes at most. */
  | { readonly type: "insert"; readonly atr: Uint8Array }
  | { readonly type: "remove" }
  /** Answers `command`. */
  | { readonly type: "answer"; readonly command: number; readonly bytes: Uint8Array }
  /** Takes the reader away. */
  | { readonly type: "unplug" };

export type ReaderOutput =
  /** To the guest. */
  | { readonly type: "transmit"; readonly message: RawVscMessage }
  /** A command APDU for the card; answer with the response APDU. */
  | { readonly type: "command"; readonly command: number; readonly bytes: Uint8Array }
  /** The guest has the reader. */
  | { readonly type: "connected" }
  /** The guest has no place for a reader, or the reader was taken away. */
  | { readonly type: "disconnected"; readonly reason: "refused" | "unplugged" }
  /** The guest said what makes no sense, or that something failed. */
  | { readonly type: "fault"; readonly error: CardError };

type State =
  | { readonly kind: "adding" }
  | { readonly kind: "connected"; readonly readerId: number }
  | { readonly kind: "gone" };

/** A guest's reader has one command under way; some more are not worth an argument. */
const commandsMax = 16;
const apduMax = 65_544;
const atrMax = 33;

export class CardReader {
  readonly #outputs: ReaderOutput[] = [];
  #state: State = { kind: "adding" };
  #atr: Uint8Array | null = null;
  #nextCommand = 1;
  /** Commands that the card has not answered, oldest first; answers go in this order. */
  #commands: { readonly command: number; answer: Uint8Array | null }[] = [];
  /** FLUSHes that wait for the commands before them, as how many those are. */
  #flushes: number[] = [];

  /** @param name What the guest may call the reader. */
  constructor(name: string) {
    const message: VscMessage = { name: "READER_ADD", body: { name } };
    this.#outputs.push({ type: "transmit", message: encodeVsc(message, vscUndefinedReaderId) });
  }

  handle(input: ReaderInput): void {
    switch (input.type) {
      case "received":
        this.#receive(input.message);
        break;
      case "insert":
        this.#insert(input.atr);
        break;
      case "remove":
        this.#remove();
        break;
      case "answer":
        this.#answer(input.command, input.bytes);
        break;
      case "unplug":
        this.#unplug();
        break;
    }
  }

  poll(): ReaderOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    return {
      state: this.#state,
      hasCard: this.#atr !== null,
      commands: this.#commands.length,
      flushes: this.#flushes.length,
    };
  }

  #receive(raw: RawVscMessage): void {
    if (this.#state.kind === "gone") return;
    try {
      this.#take(decodeVsc(raw), raw.readerId);
    } catch (error) {
      if (!(error instanceof CardError)) throw error;
      this.#outputs.push({ type: "fault", error });
    }
  }

  #take(message: VscMessage, readerId: number): void {
    const state = this.#state;
    switch (message.name) {
      case "INIT":
        return;
      case "ERROR":
        this.#heardCode(message.body.code, readerId);
        return;
      case "APDU":
        if (state.kind !== "connected") throw new CardError("BAD_MESSAGE", "a command too early");
        this.#command(message.body.apdu);
        return;
      case "FLUSH":
        this.#flushes.push(this.#commands.length);
        this.#settle();
        return;
      default:
        throw new CardError("BAD_MESSAGE", `${message.name} is for guests`);
    }
  }

  /** The first one says whether there is a place for the reader. */
  #heardCode(code: number, readerId: number): void {
    if (this.#state.kind === "connected") {
      if (code === VscErrorCode.SUCCESS) return;
      throw new CardError("READER_FAILED", `the guest's reader says error ${code}`);
    }
    if (code !== VscErrorCode.SUCCESS) {
      this.#leave("refused");
      return;
    }
    this.#state = { kind: "connected", readerId };
    this.#outputs.push({ type: "connected" });
    if (this.#atr !== null) this.#send({ name: "ATR", body: { atr: this.#atr } });
  }

  #command(bytes: Uint8Array): void {
    if (this.#atr === null) {
      // PEER: QEMU may have sent it before it heard that the card is gone, and waits for no answer.
      return;
    }
    if (bytes.length > apduMax) throw new CardError("BAD_MESSAGE", `${bytes.length} bytes of APDU`);
    if (this.#commands.length >= commandsMax) {
      throw new CardError("FLOODED", `${this.#commands.length} commands are under way`);
    }
    const command = this.#nextCommand++;
    this.#commands.push({ command, answer: null });
    this.#outputs.push({ type: "command", command, bytes });
  }

  #answer(number: number, bytes: Uint8Array): void {
    const command = this.#commands.find((each) => each.command === number);
    // Its card was taken out.
    if (command === undefined) return;
    command.answer ??= bytes;
    this.#settle();
  }

  #settle(): void {
    for (;;) {
      if (this.#flushes[0] === 0) {
        this.#flushes.shift();
        this.#send({ name: "FLUSH_COMPLETE", body: {} });
        continue;
      }
      const answer = this.#commands[0]?.answer ?? null;
      if (answer === null) return;
      this.#commands.shift();
      this.#flushes = this.#flushes.map((before) => before - 1);
      this.#send({ name: "APDU", body: { apdu: answer } });
    }
  }

  #insert(atr: Uint8Array): void {
    if (atr.length === 0 || atr.length > atrMax) {
      throw new CardError("BAD_CARD", `an answer to reset of ${atr.length} bytes`);
    }
    this.#remove();
    this.#atr = atr;
    if (this.#state.kind === "connected") this.#send({ name: "ATR", body: { atr } });
  }

  #remove(): void {
    if (this.#atr === null) return;
    this.#atr = null;
    this.#forget();
    if (this.#state.kind === "connected") this.#send({ name: "CARD_REMOVE", body: {} });
  }

  #unplug(): void {
    this.#remove();
    if (this.#state.kind === "connected") this.#send({ name: "READER_REMOVE", body: {} });
    this.#leave("unplugged");
  }

  #leave(reason: "refused" | "unplugged"): void {
    if (this.#state.kind === "gone") return;
    this.#state = { kind: "gone" };
    this.#commands = [];
    this.#flushes = [];
    this.#outputs.push({ type: "disconnected", reason });
  }

  /** What was asked of a card that is gone is answered by its absence. */
  #forget(): void {
    this.#commands = [];
    this.#flushes = this.#flushes.map(() => 0);
    this.#settle();
  }

  #send(message: VscMessage): void {
    const state = this.#state;
    if (state.kind !== "connected") return;
    this.#outputs.push({ type: "transmit", message: encodeVsc(message, state.readerId) });
  }
}
