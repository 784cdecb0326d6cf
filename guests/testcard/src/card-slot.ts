// A smartcard reader of the testcard, whose card is the client's: it reads the card without a pause
// and checks that each time the same stands on it. Messages are those of the VSC protocol, their
// headers in network order as a guest's device has them.
//
// INVARIANT: one command is under way at a time, and answered once or lost with its card.

import { VscMessageType } from "@caraway/protocol";
import type { GuestInput, GuestOutput, StreamName } from "@caraway/server";
import { joinBytes } from "@caraway/wire";

/** What the reader asks next of a card: select, read the object and its parts, ask for the PIN. */
export const cardSteps = ["select", "read", "more", "tries"] as const;
export type CardStep = (typeof cardSteps)[number];

export interface CardSlotState {
  readonly id: number;
  /** Somebody is at the other end, and has a reader. */
  isOpen: boolean;
  hasReader: boolean;
  hasCard: boolean;
  /** Of a message that is not whole; what is to be said, and what may be. Credit is not saved. */
  incoming: Uint8Array;
  outgoing: Uint8Array;
  credit: number;
  owed: number;
  step: CardStep;
  isWaiting: boolean;
  /** Of the object that is read: bytes so far and their sum; bytes that the next part may have. */
  size: number;
  sum: number;
  expected: number;
  /** Sum of the object when it was read first; 0: it was not. */
  firstSum: number;
  /** When, in the time that the guest has run, the next command is due. */
  dueMs: number;
  inserted: number;
  removed: number;
  commands: number;
  answers: number;
  lost: number;
  /** Objects that were read, those that were others than the first, and messages out of place. */
  objects: number;
  wrong: number;
  strangers: number;
}

export const cardWindow = 128 << 10;
export const cardMessageMax = 70_000;
const headerSize = 12;
const pauseMs = 5;
const none = new Uint8Array(0);
const pivSelect = [0, 0xa4, 4, 0, 9, 0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0];
/** The certificate for logging in. */
const pivRead = [0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 5];
const pinTries = [0, 0x20, 0, 0x80];

export function firstCardSlot(id: number): CardSlotState {
  return {
    id,
    ...{ isOpen: false, hasReader: false, hasCard: false, incoming: none, outgoing: none },
    ...{ credit: 0, owed: 0, step: "select", isWaiting: false, size: 0, sum: 0, expected: 0 },
    ...{ firstSum: 0, dueMs: 0, inserted: 0, removed: 0, commands: 0, answers: 0, lost: 0 },
    ...{ objects: 0, wrong: 0, strangers: 0 },
  };
}

type SayOutput = (output: GuestOutput) => void;

export class CardSlot {
  readonly state: CardSlotState;

  constructor(state: CardSlotState) {
    this.state = state;
  }

  get stream(): StreamName {
    return { use: "smartcard", id: this.state.id };
  }

  describe(): GuestOutput[] {
    this.state.credit = 0;
    this.state.owed = 0;
    return [
      { type: "attach", device: { kind: "stream", ...this.stream, name: "" } },
      { type: "stream-credit", stream: this.stream, bytes: cardWindow },
    ];
  }

  hear(input: Extract<GuestInput, { readonly type: `stream-${string}` }>, runtimeMs: number): void {
    const { state } = this;
    switch (input.type) {
      case "stream-open":
        // A reader is said to be gone in a message; what waits for its place is still to come.
        state.isOpen = input.open;
        break;
      case "stream-credit":
        state.credit += input.bytes;
        break;
      case "stream-data":
        state.owed += input.bytes.length;
        state.incoming = joinBytes([state.incoming, input.bytes]);
        this.#read(runtimeMs);
        break;
      default:
        break;
    }
  }

  /** When it has something to do; null for never. */
  due(): number | null {
    const { owed, outgoing, credit, hasCard, isWaiting, dueMs } = this.state;
    if (owed > 0 || (outgoing.length > 0 && credit > 0)) return 0;
    return hasCard && !isWaiting ? dueMs : null;
  }

  tick(runtimeMs: number, say: SayOutput): void {
    const { state, stream } = this;
    if (state.hasCard && !state.isWaiting && state.dueMs <= runtimeMs) this.#ask();
    if (state.owed > 0 && state.outgoing.length < cardMessageMax) {
      say({ type: "stream-credit", stream, bytes: state.owed });
      state.owed = 0;
    }
    const bytes = state.outgoing.slice(0, state.credit);
    if (bytes.length === 0) return;
    state.outgoing = state.outgoing.slice(bytes.length);
    state.credit -= bytes.length;
    say({ type: "stream-data", stream, bytes });
  }

  #read(runtimeMs: number): void {
    const { state } = this;
    while (state.incoming.length >= headerSize) {
      const view = new DataView(state.incoming.buffer, state.incoming.byteOffset);
      const length = view.getUint32(8);
      if (length > cardMessageMax) {
        // There is no telling where the next one begins.
        state.strangers += 1;
        state.incoming = none;
        return;
      }
      if (state.incoming.length < headerSize + length) return;
      const data = state.incoming.slice(headerSize, headerSize + length);
      const type = view.getUint32(0);
      state.incoming = state.incoming.slice(headerSize + length);
      this.#take(type, data, runtimeMs);
    }
  }

  #take(type: number, data: Uint8Array, runtimeMs: number): void {
    const { state } = this;
    switch (type) {
      case VscMessageType.READER_ADD:
        state.hasReader = true;
        this.#say(VscMessageType.ERROR, new Uint8Array(4));
        break;
      case VscMessageType.READER_REMOVE:
        this.#removed();
        state.hasReader = false;
        break;
      case VscMessageType.ATR:
        if (state.hasCard || !state.hasReader) state.strangers += 1;
        this.#removed();
        state.inserted += 1;
        state.hasCard = true;
        state.firstSum = 0;
        state.step = "select";
        state.dueMs = runtimeMs;
        break;
      case VscMessageType.CARD_REMOVE:
        this.#removed();
        break;
      case VscMessageType.APDU:
        if (!state.isWaiting) state.strangers += 1;
        else {
          state.isWaiting = false;
          state.answers += 1;
          state.dueMs = runtimeMs + pauseMs;
          this.#answer(data);
        }
        break;
      default:
        state.strangers += 1;
        break;
    }
  }

  #removed(): void {
    const { state } = this;
    if (!state.hasCard) return;
    state.hasCard = false;
    state.removed += 1;
    if (state.isWaiting) state.lost += 1;
    state.isWaiting = false;
  }

  #ask(): void {
    const { state } = this;
    const more = [0, 0xc0, 0, 0, state.expected & 0xff];
    const commands = { select: pivSelect, read: pivRead, more, tries: pinTries };
    if (state.step === "read") {
      state.size = 0;
      state.sum = 1;
    }
    state.isWaiting = true;
    state.commands += 1;
    this.#say(VscMessageType.APDU, Uint8Array.from(commands[state.step]));
  }

  #answer(apdu: Uint8Array): void {
    const { state } = this;
    const data = apdu.subarray(0, -2);
    const [high, low] = [apdu.at(-2), apdu.at(-1)];
    const hasMore = high === 0x61;
    switch (state.step) {
      case "select":
        state.step = hasMore || high === 0x90 ? "read" : "tries";
        break;
      case "read":
      case "more":
        for (const byte of data) state.sum = (Math.imul(state.sum, 31) + byte) >>> 0;
        state.size += data.length;
        state.expected = low ?? 0;
        state.step = hasMore ? "more" : "tries";
        if (!hasMore) this.#readWhole(high === 0x90);
        break;
      case "tries":
        state.step = "select";
        break;
    }
  }

  #readWhole(isWhole: boolean): void {
    const { state } = this;
    const sum = state.sum || 1;
    state.objects += 1;
    if (!isWhole || (state.firstSum !== 0 && state.firstSum !== sum)) state.wrong += 1;
    if (state.firstSum === 0) state.firstSum = sum;
  }

  #say(type: number, data: Uint8Array): void {
    const bytes = new Uint8Array(headerSize + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type);
    view.setUint32(4, 0);
    view.setUint32(8, data.length);
    bytes.set(data, headerSize);
    this.state.outgoing = joinBytes([this.state.outgoing, bytes]);
  }
}

/** What a reader counts, as numbers by name. */
export function cardFacts({ inserted, removed, ...slot }: CardSlotState): Record<string, number> {
  const { commands, answers, lost, objects, wrong, strangers, isWaiting } = slot;
  const counts = { inserted, removed, commands, answers, lost, objects, wrong, strangers };
  const all = { ...counts, open: isWaiting ? 1 : 0 };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`card.${key}`, value]));
}
