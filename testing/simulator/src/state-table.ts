// States by short names of 64 bits: a name takes eight bytes, in tables that are kept at most three
// quarters full. Of n states, about n²/2⁶⁵ have the name of another one and are missed with what
// only they lead to: 0.0003 of 100 million.

/** Two numbers of 32 bits. */
export interface Name {
  high: number;
  low: number;
}

/** Writes the name of a vector: of all numbers in it that are not 0, and where they stand. */
export function nameVector(vector: Int32Array, name: Name): void {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < vector.length; at++) {
    const number = vector[at]!;
    if (number === 0) continue;
    const unit = Math.imul(number, 0x9e3779b1) ^ Math.imul(at + 1, 0x85ebca6b);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ (unit >>> 16) ^ (unit << 16), 1597334677);
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  name.high = mixed(high, low, 2246822507, 3266489909);
  name.low = mixed(low, high, 3266489909, 2246822507);
}

function mixed(first: number, second: number, a: number, b: number): number {
  let mix = Math.imul(first ^ (first >>> 16), a) ^ Math.imul(second ^ (second >>> 13), b);
  mix = Math.imul(mix ^ (mix >>> 15), 0x2c1b3c6d);
  mix = Math.imul(mix ^ (mix >>> 12), 0x297a2d39);
  return (mix ^ (mix >>> 15)) >>> 0;
}

/** Tables, each of which grows by itself: never all names are copied at once. */
const parts = 256;
const firstSlots = 256;
/** Origins are kept in pieces of so many. */
const pieceSize = 1 << 20;

type Slots = Uint32Array<ArrayBuffer>;

export class StateTable {
  readonly #parts = Array.from({ length: parts }, () => new Uint32Array(firstSlots * 2));
  readonly #sizes = new Uint32Array(parts);
  readonly #origins: Int32Array[] = [];
  readonly #steps: Uint8Array[] = [];
  /** States so far; each has the next number. */
  size = 0;

  /**
   * Notes a state, with the number of the one that it came from, and by which of its steps. False
   * when it was there.
   */
  add({ high, low }: Name, origin: number, step: number): boolean {
    // 0, 0 stands for a free place.
    const wanted = high === 0 && low === 0 ? 1 : low;
    const part = high >>> 24;
    let slots = this.#parts[part]!;
    let at = placeIn(slots, high, wanted);
    if (slots[at] !== 0 || slots[at + 1] !== 0) return false;
    this.#sizes[part]! += 1;
    if (this.#sizes[part]! * 8 > slots.length * 3) {
      slots = grown(slots);
      this.#parts[part] = slots;
      at = placeIn(slots, high, wanted);
    }
    slots[at] = high;
    slots[at + 1] = wanted;
    const inPiece = this.size % pieceSize;
    if (inPiece === 0) {
      this.#origins.push(new Int32Array(pieceSize));
      this.#steps.push(new Uint8Array(pieceSize));
    }
    this.#origins.at(-1)![inPiece] = origin;
    this.#steps.at(-1)![inPiece] = step;
    this.size += 1;
    return true;
  }

  /** Steps from the first state to that one, and a further one there. */
  path(state: number, further: number): readonly number[] {
    const path = [further];
    for (let at = state; at > 0; ) {
      const [piece, inPiece] = [Math.floor(at / pieceSize), at % pieceSize];
      path.push(this.#steps[piece]![inPiece]!);
      at = this.#origins[piece]![inPiece]!;
    }
    return path.reverse();
  }
}

/** Where a name stands, or would. */
function placeIn(slots: Uint32Array, high: number, low: number): number {
  const mask = slots.length / 2 - 1;
  let slot = (low ^ (high << 7)) & mask;
  for (;;) {
    const at = slot * 2;
    const [there, rest] = [slots[at]!, slots[at + 1]!];
    if ((there === 0 && rest === 0) || (there === high && rest === low)) return at;
    slot = (slot + 1) & mask;
  }
}

function grown(old: Slots): Slots {
  const slots = new Uint32Array(old.length * 2);
  for (let at = 0; at < old.length; at += 2) {
    if (old[at] === 0 && old[at + 1] === 0) continue;
    const place = placeIn(slots, old[at]!, old[at + 1]!);
    slots[place] = old[at]!;
    slots[place + 1] = old[at + 1]!;
  }
  return slots;
}
