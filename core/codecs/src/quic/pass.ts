// A pass of QUIC: the colours of an image, or one plane of it, with models that learn while
// pixels are coded (docs/formats/quic.md, sections 2, 5 and 6). Decoder and encoder share it.

import { type CodeFamily, learnTriggers, learnWaits, maxLevel, pixelsPerLevel } from "./tables.ts";

/** Everything that one pass knows between two segments. Hot loops keep copies in locals. */
export interface Pass {
  readonly family: CodeFamily;
  /** Per component 8 buckets of 8 counters, of 16 bits each and in pairs as in the family. */
  readonly counters: Int32Array;
  /** Per component, at `component << 8 | context`: the code in use, as in the family's `entries`. */
  readonly entries: Uint8Array;
  /** Per column the last coded symbols: `red << 16 | green << 8 | blue`, or the plane's own. */
  readonly symbols: Int32Array;
  wait: number;
  random: number;
  level: number;
  levelLeft: number;
  runState: number;
}

export function createPass(family: CodeFamily, componentCount: number, width: number): Pass {
  const counters = new Int32Array(componentCount << 5);
  for (let at = 0; at < counters.length; at += 4) counters.set(family.unusedPairs, at);
  return {
    family,
    counters,
    entries: new Uint8Array(componentCount << 8).fill(family.entries[family.depth - 1]!),
    symbols: new Int32Array(width),
    wait: 0,
    random: 0,
    level: 0,
    levelLeft: pixelsPerLevel,
    runState: 0,
  };
}

/** The column before which a segment that begins at `from` ends. */
export function segmentEnd(pass: Pass, from: number, width: number): number {
  return pass.level < maxLevel ? Math.min(width, from + pass.levelLeft) : width;
}

/** Counts a segment's pixels, and raises the level after enough of them. */
export function completeSegment(pass: Pass, pixelCount: number): void {
  if (pass.level === maxLevel) return;
  pass.levelLeft -= pixelCount;
  if (pass.levelLeft > 0) return;
  pass.level++;
  pass.levelLeft = pixelsPerLevel;
}

/**
 * Teaches a component's model that `symbol` followed `context`.
 *
 * Counters stay below 2 * 26 * 901: all grow by 1 to 26, and are halved when the least has passed 900.
 */
export function learn(pass: Pass, component: number, context: number, symbol: number): void {
  const { counters, entries, family } = pass;
  const { lengthPairs, unusedPairs } = family;
  const last = family.depth - 1;
  const bucket = Math.min(31 - Math.clz32(context + 1), last);
  const at = (component << 5) | (bucket << 2);
  const from = symbol << 2;
  const pair0 = counters[at]! + lengthPairs[from]!;
  const pair1 = counters[at + 1]! + lengthPairs[from + 1]!;
  const pair2 = counters[at + 2]! + lengthPairs[from + 2]!;
  const pair3 = counters[at + 3]! + lengthPairs[from + 3]!;

  // Each total with 7 - code below it: among equals the highest code is the least number.
  let least = (pair3 >>> 13) & 0x7fff8;
  least = Math.min(least, ((pair3 << 3) & 0x7fff8) | 1);
  least = Math.min(least, ((pair2 >>> 13) & 0x7fff8) | 2);
  least = Math.min(least, ((pair2 << 3) & 0x7fff8) | 3);
  least = Math.min(least, ((pair1 >>> 13) & 0x7fff8) | 4);
  least = Math.min(least, ((pair1 << 3) & 0x7fff8) | 5);
  least = Math.min(least, ((pair0 >>> 13) & 0x7fff8) | 6);
  least = Math.min(least, ((pair0 << 3) & 0x7fff8) | 7);

  if (least >>> 3 > learnTriggers[pass.level]!) {
    counters[at] = ((pair0 >>> 1) & 0x7fff7fff) | unusedPairs[0]!;
    counters[at + 1] = ((pair1 >>> 1) & 0x7fff7fff) | unusedPairs[1]!;
    counters[at + 2] = ((pair2 >>> 1) & 0x7fff7fff) | unusedPairs[2]!;
    counters[at + 3] = ((pair3 >>> 1) & 0x7fff7fff) | unusedPairs[3]!;
  } else {
    counters[at] = pair0;
    counters[at + 1] = pair1;
    counters[at + 2] = pair2;
    counters[at + 3] = pair3;
  }

  const entry = family.entries[7 - (least & 7)]!;
  const firstContext = (1 << bucket) - 1;
  if (entries[(component << 8) | firstContext] === entry) return;
  const endContext = bucket === last ? family.mask + 1 : (2 << bucket) - 1;
  entries.fill(entry, (component << 8) | firstContext, (component << 8) + endContext);
}

/** After a pixel from which models learned: how many coded pixels to wait until the next. */
export function nextWait(pass: Pass): number {
  const wait = learnWaits[pass.random]! & ((1 << pass.level) - 1);
  pass.random = (pass.random + 1) & 255;
  return wait;
}
