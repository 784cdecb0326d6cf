// The testcard's smartcard reader as bytes, and back. What comes from a network is taken only when a
// reader could be in such a state.

import {
  bytes,
  count,
  decodeFields,
  encodeFields,
  type StructValue,
  sizeOf,
  struct,
  u8,
  u32,
} from "@caraway/wire";
import { type CardSlotState, cardMessageMax, cardSteps, firstCardSlot } from "./card-slot.ts";
import { check } from "./saved-checks.ts";

/** Two whole messages, at most. */
const bytesMax = 2 * cardMessageMax + 64;

const SavedCardSlot = struct("SavedCardSlot", {
  isOpen: u8,
  hasReader: u8,
  hasCard: u8,
  incomingSize: count(u32, "incoming"),
  incoming: bytes({ count: "incomingSize" }),
  outgoingSize: count(u32, "outgoing"),
  outgoing: bytes({ count: "outgoingSize" }),
  step: u8,
  isWaiting: u8,
  size: u32,
  sum: u32,
  expected: u8,
  firstSum: u32,
  /** From the time that the guest has run. */
  dueMs: u32,
  inserted: u32,
  removed: u32,
  commands: u32,
  answers: u32,
  lost: u32,
  objects: u32,
  wrong: u32,
  strangers: u32,
});

type SavedValue = StructValue<(typeof SavedCardSlot)["fields"]>;

export function saveCard(slot: CardSlotState, runtimeMs: number): Uint8Array {
  const { isOpen, hasReader, hasCard, isWaiting, step, dueMs, ...rest } = slot;
  const value: SavedValue = {
    ...rest,
    isOpen: isOpen ? 1 : 0,
    hasReader: hasReader ? 1 : 0,
    hasCard: hasCard ? 1 : 0,
    isWaiting: isWaiting ? 1 : 0,
    step: cardSteps.indexOf(step),
    dueMs: Math.max(0, dueMs - runtimeMs),
  };
  return encodeFields(SavedCardSlot, value);
}

/** @throws CarawayError when the bytes are not what `saveCard` writes. */
export function loadCard(saved: Uint8Array, id: number, runtimeMs: number): CardSlotState {
  const value = decodeFields(SavedCardSlot, saved);
  check(sizeOf(SavedCardSlot, value) === saved.length, "bytes follow its smartcard reader");
  const { incoming, outgoing, step, dueMs, isOpen, hasReader, hasCard, isWaiting, ...rest } = value;
  check(incoming.length <= bytesMax && outgoing.length <= bytesMax, "a card says too much");
  const found = cardSteps[step];
  check(found !== undefined, "there is no such step with a card");
  const flags = [isOpen, hasReader, hasCard, isWaiting];
  check(
    flags.every((value) => value <= 1),
    "a flag is neither set nor clear",
  );
  check(hasReader >= hasCard && hasCard >= isWaiting, "a card without a reader");
  return {
    ...firstCardSlot(id),
    ...rest,
    isOpen: isOpen === 1,
    hasReader: hasReader === 1,
    hasCard: hasCard === 1,
    isWaiting: isWaiting === 1,
    incoming: incoming.slice(),
    outgoing: outgoing.slice(),
    step: found,
    dueMs: runtimeMs + dueMs,
  };
}
