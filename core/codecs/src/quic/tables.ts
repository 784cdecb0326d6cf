// The fixed tables of QUIC (docs/formats/quic.md, sections 4 to 7), computed where there is a rule.

/** The codes for components of one depth. Arrays are indexed by the number of the code. */
export interface CodeFamily {
  /** Bits of a component, which is also how many codes there are. */
  readonly depth: number;
  /** A component's highest value. */
  readonly mask: number;
  /** `limit << 3 | code`: what a decoder looks up per context, in one byte. */
  readonly entries: Uint8Array;
  /** The first symbol that is written as an escape. */
  readonly escapeFirst: Uint16Array;
  /** Bits of an escape, prefix and suffix. */
  readonly escapeLength: Uint8Array;
  /** Bits of a symbol in a code, at `symbol << 3 | code`. */
  readonly lengths: Uint8Array;
  /** The same, two 16-bit numbers in one: the higher half is the odd code's. */
  readonly lengthPairs: Int32Array;
  /** Pairs of counters that are all ones for codes that do not exist, and else 0. */
  readonly unusedPairs: Int32Array;
}

/** No code word is longer. */
const maxCodeWordBits = 26;

function buildFamily(depth: number): CodeFamily {
  const mask = (1 << depth) - 1;
  const entries = new Uint8Array(8);
  const escapeFirst = new Uint16Array(8);
  const escapeLength = new Uint8Array(8);
  const lengths = new Uint8Array((mask + 1) << 3);
  for (let code = 0; code < depth; code++) {
    const limit = Math.min(maxCodeWordBits - depth, (1 << (depth - code)) - 1);
    const first = limit << code;
    const suffix = 32 - Math.clz32(mask - first);
    entries[code] = (limit << 3) | code;
    escapeFirst[code] = first;
    escapeLength[code] = limit + suffix;
    for (let symbol = 0; symbol <= mask; symbol++) {
      lengths[(symbol << 3) | code] = symbol < first ? (symbol >> code) + 1 + code : limit + suffix;
    }
  }
  const lengthPairs = new Int32Array(Uint16Array.from(lengths).buffer);
  const unusedPairs = new Int32Array(new Uint16Array(8).fill(0xffff, depth).buffer);
  return {
    ...{ depth, mask, entries, escapeFirst, escapeLength },
    ...{ lengths, lengthPairs, unusedPairs },
  };
}

export const family8 = buildFamily(8);
export const family5 = buildFamily(5);

/** The rarest learning there is: once in 2^6 coded pixels or less. */
export const maxLevel = 6;

/** Pixels on each level below the highest. */
export const pixelsPerLevel = 2048;

/** By level: a best counter above this makes its bucket forget half. */
export const learnTriggers = Uint16Array.of(110, 550, 900, 800, 550, 400, 350);

/** How many coded pixels to wait until models learn again, before the level's mask. */
export const learnWaits = Uint8Array.from([
  2, 23, 19, 21, 7, 18, 40, 14, 12, 32, 47, 44, 36, 6, 18, 11, 4, 19, 42, 29, 16, 63, 57, 51, 16, 3,
  5, 14, 15, 30, 20, 9, 36, 45, 3, 57, 61, 0, 8, 5, 41, 14, 43, 27, 43, 59, 31, 35, 39, 60, 42, 38,
  13, 54, 62, 1, 26, 3, 11, 61, 52, 34, 7, 48, 4, 59, 22, 12, 22, 8, 50, 4, 10, 6, 44, 8, 11, 46,
  31, 51, 53, 17, 1, 43, 46, 60, 36, 54, 10, 27, 39, 44, 22, 41, 23, 2, 44, 0, 40, 53, 40, 48, 16,
  43, 32, 28, 33, 12, 20, 2, 56, 62, 55, 58, 18, 20, 13, 55, 38, 29, 57, 19, 49, 33, 47, 63, 59, 0,
  35, 61, 19, 25, 46, 38, 60, 4, 35, 1, 26, 40, 28, 10, 5, 14, 25, 18, 48, 49, 20, 59, 62, 34, 46,
  7, 33, 52, 34, 58, 9, 29, 8, 55, 62, 60, 37, 36, 37, 50, 6, 3, 10, 28, 48, 24, 26, 61, 57, 30, 11,
  54, 2, 6, 50, 47, 7, 17, 35, 53, 32, 12, 23, 17, 5, 21, 49, 55, 51, 45, 52, 27, 39, 25, 39, 63,
  22, 24, 42, 52, 56, 38, 41, 41, 56, 32, 13, 24, 26, 51, 27, 56, 58, 37, 24, 42, 15, 28, 17, 30,
  31, 15, 16, 23, 25, 54, 33, 34, 1, 29, 31, 50, 53, 21, 49, 15, 47, 9, 0, 58, 37, 45, 30, 13, 9,
  45, 63, 21,
]);

/** By run state: bits of a run's remainder, and of what one more "one" stands for. */
export const runOrders = Uint8Array.from([
  0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14,
  15,
]);

export const maxRunState = 31;
