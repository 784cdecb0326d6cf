// Keys that are typed all the time, and what the guest reports of them: which came, in which
// order, and which are missing.

import { setTimeout as delay } from "node:timers/promises";
import type { CarawayClient, Vm } from "@caraway/interop";

const letters = "abcdefghijklmnopqrstuvwxyz";
const rows: readonly [string, number][] = [
  ["qwertyuiop", 0x10],
  ["asdfghjkl", 0x1e],
  ["zxcvbnm", 0x2c],
];
const scancodes: Readonly<Record<string, number>> = Object.fromEntries(
  rows.flatMap(([row, first]) => [...row].map((letter, index) => [letter, first + index])),
);

/** Milliseconds since 1970, finer than Date: comparable with QEMU's clock. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}

export function scancodeOf(letter: string): number {
  return scancodes[letter]!;
}

export interface TypedKey {
  readonly letter: string;
  readonly at: number;
}

/**
 * As a fast person types. An emulated guest is slow just after a move, when all its code must be
 * translated again, and its keyboard keeps five keys at most.
 */
const periodMs = 100;

/** Types letters in an order that shows where some are missing. */
export class Typist {
  readonly typed: TypedKey[] = [];
  readonly #client: CarawayClient;
  #timer: NodeJS.Timeout | null = null;
  #state = 7;

  constructor(client: CarawayClient) {
    this.#client = client;
  }

  start(): void {
    this.#timer = setInterval(() => this.#type(), periodMs);
  }

  /** Stops, and gives what was typed last the time to arrive. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await delay(1500);
  }

  #type(): void {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) & 0x7fffffff;
    const letter = letters[(this.#state >>> 16) % letters.length]!;
    const scancode = scancodeOf(letter);
    this.typed.push({ letter, at: clock() });
    this.#client.client.command({ name: "input", input: { kind: "key-down", scancode } });
    this.#client.client.command({ name: "input", input: { kind: "key-up", scancode } });
  }
}

export interface GuestKeys {
  /** Letters that went down, in order. */
  readonly downs: readonly string[];
  /** Names of keys that are down at the end. */
  readonly held: readonly string[];
}

// A guest that moves while it writes to a serial port may never get to write there again: its
// reports stay with it, and are asked for.
const reportFile = "/run/reports";

/** Starts the guest's reports. */
export async function startReports(vm: Pick<Vm, "shell">): Promise<void> {
  await vm.shell.run(`setsid xevents ${reportFile} >/dev/null 2>&1 &`);
  await waitForReport(vm, /READY/);
}

/** Everything that the guest has reported, without the numbers. */
export async function readReports(vm: Pick<Vm, "shell">): Promise<string[]> {
  const text = await vm.shell.run(`cat ${reportFile} 2>/dev/null; true`);
  return text.split("\n").map((line) => line.replace(/^\d+ /, ""));
}

/** Asks until one of the newest reports matches. */
export async function waitForReport(
  vm: Pick<Vm, "shell">,
  pattern: RegExp,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = clock() + timeoutMs;
  for (;;) {
    const lines = await readReports(vm);
    if (lines.slice(-8).some((line) => pattern.test(line))) return;
    if (clock() > deadline) throw new Error(`no ${pattern} in time; last: ${lines.slice(-4)}`);
    await delay(50);
  }
}

export function readKeys(reports: readonly string[]): GuestKeys {
  const downs: string[] = [];
  const held = new Set<string>();
  for (const line of reports) {
    const [kind, direction, , name] = line.split(" ");
    if (kind !== "KEY" || name === undefined) continue;
    if (direction === "down") {
      if (name.length === 1) downs.push(name);
      held.add(name);
    } else held.delete(name);
  }
  return { downs, held: [...held] };
}

export interface KeyBalance {
  /** Whether all that is lost was typed in one go. */
  readonly isOneHole: boolean;
  /** Typed keys that the guest did not get. */
  readonly lost: readonly TypedKey[];
  /** Keys that the guest got and nobody typed, or twice. */
  readonly extra: readonly string[];
}

/**
 * What is in only one of the two. Letters repeat, so that there may be several explanations: one
 * hole where that explains it, else the one that loses as few as possible that `mayBeLost` denies.
 */
export function balance(
  typed: readonly TypedKey[],
  downs: readonly string[],
  mayBeLost: (key: TypedKey) => boolean = () => true,
): KeyBalance {
  const size = typed.length - downs.length;
  let before = 0;
  while (before < downs.length && typed[before]?.letter === downs[before]) before++;
  let behind = 0;
  while (behind < downs.length && typed.at(-1 - behind)?.letter === downs.at(-1 - behind)) behind++;
  const first = Math.max(0, downs.length - behind);
  if (size >= 0 && first <= before) {
    // The hole may begin anywhere in between.
    const holes = Array.from({ length: before - first + 1 }, (_, index) => {
      return typed.slice(first + index, first + index + size);
    });
    const lost = holes.find((hole) => hole.every(mayBeLost)) ?? holes[0]!;
    return { isOneHole: true, lost, extra: [] };
  }
  return { isOneHole: false, ...compareSequences(typed, downs, mayBeLost) };
}

/** By the heaviest common subsequence. */
function compareSequences(
  typed: readonly TypedKey[],
  downs: readonly string[],
  mayBeLost: (key: TypedKey) => boolean,
) {
  const width = downs.length + 1;
  const common = new Uint32Array((typed.length + 1) * width);
  const weights = typed.map((key) => (mayBeLost(key) ? 1 : 1000));
  const matched = (i: number, j: number) => weights[i]! + common[(i + 1) * width + j + 1]!;
  for (let i = typed.length - 1; i >= 0; i--) {
    for (let j = downs.length - 1; j >= 0; j--) {
      const best = Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
      const isSame = typed[i]!.letter === downs[j];
      common[i * width + j] = isSame ? Math.max(best, matched(i, j)) : best;
    }
  }
  const lost: TypedKey[] = [];
  const extra: string[] = [];
  let [i, j] = [0, 0];
  while (i < typed.length || j < downs.length) {
    const key = typed[i];
    const best = common[i * width + j]!;
    if (key !== undefined && key.letter === downs[j] && best === matched(i, j)) {
      i += 1;
      j += 1;
    } else if (key !== undefined && (j === downs.length || best === common[(i + 1) * width + j])) {
      lost.push(key);
      i += 1;
    } else {
      extra.push(downs[j]!);
      j += 1;
    }
  }
  return { lost, extra };
}
