// A device that counts: a byte stream whose bytes both follow one sequence from its start, so that
// a byte which is lost, doubled or out of place between here and the far end is found at once. It
// says a piece at each tick of the guest's time, as far as it has leave to.

import type { GuestOutput, StreamName } from "@caraway/server";
import { hash } from "./arithmetic.ts";

export const counterUses = ["usbredir", "port"] as const;
export type CounterUse = (typeof counterUses)[number];

export interface CounterState {
  readonly use: CounterUse;
  readonly id: number;
  /** Somebody is at the other end. Both sequences begin anew when somebody comes. */
  isOpen: boolean;
  /** Bytes of the sequence that were said, and heard. */
  said: number;
  heard: number;
  /** Where the first byte was wrong that was heard; null: none was. */
  wrongAt: number | null;
  breaks: number;
  /** Bytes that may be said. Not saved: whoever takes over grants anew. */
  credit: number;
  /** Bytes that were heard and for which no leave was given back. */
  owed: number;
  /** When, in the time that the guest has run, it says the next piece. */
  dueMs: number;
}

/** Bytes that the far end may be ahead. */
export const counterWindow = 64 << 10;
/** Bytes of one tick, and milliseconds between two. */
export const counterPiece = 1024;
export const counterTickMs = 10;

export function firstCounter(use: CounterUse, id: number): CounterState {
  const bytes = { said: 0, heard: 0, wrongAt: null, breaks: 0, credit: 0, owed: 0 };
  return { use, id, isOpen: false, ...bytes, dueMs: 0 };
}

/** Bytes `from` to `to` of the sequence of a counter, which either end says. */
export function counterBytes(id: number, from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, index) => hash(id, from + index) >>> 24);
}

export function isCounter(counter: CounterState, { use, id }: StreamName): boolean {
  return counter.use === use && counter.id === id;
}

/** When it has something to do; null for never. */
export function counterDue({ isOpen, credit, owed, dueMs }: CounterState): number | null {
  return owed > 0 || (isOpen && credit > 0) ? dueMs : null;
}

/** All ticks that are due at `runtimeMs`. */
export function tickCounter(counter: CounterState, runtimeMs: number, say: SayOutput): void {
  const { use, id } = counter;
  const stream = { use, id };
  for (let due = counterDue(counter); due !== null && due <= runtimeMs; due = counterDue(counter)) {
    if (counter.owed > 0) say({ type: "stream-credit", stream, bytes: counter.owed });
    counter.owed = 0;
    const size = counter.isOpen ? Math.min(counterPiece, counter.credit) : 0;
    if (size > 0) {
      const bytes = counterBytes(id, counter.said, counter.said + size);
      counter.said += size;
      counter.credit -= size;
      say({ type: "stream-data", stream, bytes });
    }
    // What it had no leave to say in time, it does not catch up with.
    counter.dueMs = Math.max(counter.dueMs, runtimeMs - counterTickMs) + counterTickMs;
  }
}

export function openCounter(counter: CounterState, open: boolean): void {
  if (open && !counter.isOpen) {
    counter.said = 0;
    counter.heard = 0;
  }
  counter.isOpen = open;
}

/** Whether a byte is wrong, and none was before: then it hangs up, which the far end can see. */
export function hearCounter(counter: CounterState, bytes: Uint8Array): boolean {
  counter.owed += bytes.length;
  if (!counter.isOpen) return false;
  const wasRight = counter.wrongAt === null;
  const { id, heard } = counter;
  for (let index = 0; index < bytes.length && counter.wrongAt === null; index++) {
    if (bytes[index] !== hash(id, heard + index) >>> 24) counter.wrongAt = heard + index;
  }
  counter.heard += bytes.length;
  return wasRight && counter.wrongAt !== null;
}

/** What it is to a server, at the start or after it was loaded. */
export function describeCounter({ use, id }: CounterState): GuestOutput[] {
  const stream = { use, id };
  const name = `org.caraway.counter.${id}`;
  return [
    { type: "attach", device: { kind: "stream", use, id, name } },
    { type: "stream-credit", stream, bytes: counterWindow },
    { type: "stream-open", stream, open: true },
  ];
}

type SayOutput = (output: GuestOutput) => void;
