// Keys that are typed all the time, and what the guest reports of them: which came, in which
// order, and which are missing.

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

/** Faster than anybody types, and slow enough for the keyboard of a guest on a busy machine. */
const periodMs = 40;

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
    await new Promise((resolve) => setTimeout(resolve, 1500));
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
  /** Reports that did not reach us whole: the guest numbers them. */
  readonly unread: number;
}

/** Starts the guest's reports. */
export async function startReports(vm: Vm): Promise<void> {
  await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
  await vm.events.waitFor(/READY/);
}

/** What the guest reported, on all the machines that it has lived on. */
export function readGuestKeys(machines: readonly Vm[]): GuestKeys {
  const downs: string[] = [];
  const held = new Set<string>();
  const numbers: number[] = [];
  for (const line of machines.flatMap(({ events }) => events.lines)) {
    const [number, kind, direction, , name] = line.split(" ");
    if (!/^\d+ [A-Z]/.test(line)) continue;
    numbers.push(Number(number));
    if (kind !== "KEY" || name === undefined) continue;
    if (direction === "down") {
      if (name.length === 1) downs.push(name);
      held.add(name);
    } else held.delete(name);
  }
  const last = numbers.at(-1) ?? -1;
  return { downs, held: [...held], unread: last + 1 - new Set(numbers).size };
}

export interface KeyBalance {
  /** Whether all that is lost was typed in one go. */
  readonly isOneHole: boolean;
  /** Typed keys that the guest did not get. */
  readonly lost: readonly TypedKey[];
  /** Keys that the guest got and nobody typed, or twice. */
  readonly extra: readonly string[];
}

/** What is in only one of the two; one hole where one explains it. */
export function balance(typed: readonly TypedKey[], downs: readonly string[]): KeyBalance {
  const size = typed.length - downs.length;
  let before = 0;
  while (before < downs.length && typed[before]?.letter === downs[before]) before++;
  let behind = 0;
  while (behind < downs.length && typed.at(-1 - behind)?.letter === downs.at(-1 - behind)) behind++;
  if (size >= 0 && before + behind >= downs.length) {
    return { isOneHole: true, lost: typed.slice(before, before + size), extra: [] };
  }
  return { isOneHole: false, ...compareSequences(typed, downs) };
}

/** By the longest common subsequence. */
function compareSequences(typed: readonly TypedKey[], downs: readonly string[]) {
  const width = downs.length + 1;
  const common = new Uint16Array((typed.length + 1) * width);
  for (let i = typed.length - 1; i >= 0; i--) {
    for (let j = downs.length - 1; j >= 0; j--) {
      const at = i * width + j;
      const isSame = typed[i]!.letter === downs[j];
      common[at] = isSame
        ? common[at + width + 1]! + 1
        : Math.max(common[at + width]!, common[at + 1]!);
    }
  }
  const lost: TypedKey[] = [];
  const extra: string[] = [];
  let [i, j] = [0, 0];
  while (i < typed.length || j < downs.length) {
    const key = typed[i];
    if (key !== undefined && key.letter === downs[j]) {
      i += 1;
      j += 1;
    } else if (
      key !== undefined &&
      (j === downs.length || common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      lost.push(key);
      i += 1;
    } else {
      extra.push(downs[j]!);
      j += 1;
    }
  }
  return { lost, extra };
}
