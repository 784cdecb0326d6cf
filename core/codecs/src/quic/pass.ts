// A pass of QUIC: the colours of an image, or one plane of it, with models that learn while
// pixels are coded (docs/formats/quic.md, sections 2, 5 and 6). Decoder and encoder share it.

import { type CodeFamily, learnTriggers, learnWaits, maxLevel, pixelsPerLevel } from "./tables.ts";

/** Everything that one pass knows between two segments. Hot loops keep copies in locals. */
export interface Pass {
  readonly family: CodeFamily;
  /** Per component 8 buckets of 8 counters. */
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
  return {
    family,
    counters: new Int32Array(componentCount << 6),
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

/** Teaches a component's model that `symbol` followed `context`. */
export function learn(pass: Pass, component: number, context: number, symbol: number): void {
  const { counters, entries, family } = pass;
  const { depth, lengths } = family;
  const bucket = Math.min(31 - Math.clz32(context + 1), depth - 1);
  const firstCounter = (component << 6) | (bucket << 3);
  const firstLength = symbol << 3;

  let best = depth - 1;
  let bestTotal = counters[firstCounter + best]! + lengths[firstLength + best]!;
  counters[firstCounter + best] = bestTotal;
  for (let code = depth - 2; code >= 0; code--) {
    const total = counters[firstCounter + code]! + lengths[firstLength + code]!;
    counters[firstCounter + code] = total;
    if (total < bestTotal) {
      best = code;
      bestTotal = total;
    }
  }
  if (bestTotal > learnTriggers[pass.level]!) {
    for (let code = 0; code < depth; code++) counters[firstCounter + code]! >>= 1;
  }

  const entry = family.entries[best]!;
  const firstContext = (1 << bucket) - 1;
  if (entries[(component << 8) | firstContext] === entry) return;
  const endContext = bucket === depth - 1 ? family.mask + 1 : (2 << bucket) - 1;
  entries.fill(entry, (component << 8) | firstContext, (component << 8) + endContext);
}

/** After a pixel from which models learned: how many coded pixels to wait until the next. */
export function nextWait(pass: Pass): number {
  const wait = learnWaits[pass.random]! & ((1 << pass.level) - 1);
  pass.random = (pass.random + 1) & 255;
  return wait;
}
