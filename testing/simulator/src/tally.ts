// What happened in a run, in numbers: how many moves, and what became of the requests that the guest
// made of its clients' sticks.

import { runningGuest } from "./checks.ts";
import type { Scene } from "./views.ts";

export interface Tally {
  /** Moves that began, and those that took the guest along. */
  readonly begun: number;
  readonly moved: number;
  /** Of these, those that met requests under way. */
  readonly busy: number;
  /** Of the stick: requests, how they ended, and what was read and written. */
  readonly asked: number;
  readonly answered: number;
  readonly cancelled: number;
  readonly lost: number;
  readonly plugged: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export const noTally: Tally = {
  ...{ begun: 0, moved: 0, busy: 0, asked: 0, answered: 0, cancelled: 0, lost: 0 },
  ...{ plugged: 0, readBytes: 0, writtenBytes: 0 },
};

export function tallyOf(world: Scene): Tally {
  const begun = world.hosts.reduce((sum, { moving }) => sum + moving.begun, 0);
  const ends = world.hosts.flatMap(({ moving }) => moving.ends);
  const moved = ends.filter(({ owner }) => owner === "target").length;
  const guest = runningGuest(world);
  const usb = guest?.usb?.state;
  if (!guest || usb === undefined) return { ...noTally, begun, moved };
  const { asked, answered, cancelled, lost, plugged, storage } = usb;
  const { readBytes, writtenBytes } = storage;
  const counts = { asked, answered, cancelled, lost, plugged, readBytes, writtenBytes };
  return { begun, moved, busy: guest.busyMoves, ...counts };
}

export function addTallies(first: Tally, second: Tally): Tally {
  const names = Object.keys(noTally) as (keyof Tally)[];
  const sums = names.map((name) => [name, first[name] + second[name]] as const);
  return Object.fromEntries(sums) as unknown as Tally;
}
