// The models of the QUIC kernel, where they and the tables lie in memory, and how they learn
// (docs/formats/quic.md, sections 5 and 6). The tables are written by src/quic/kernel.ts.

// Tables, written by the caller.
export const lengths: usize = 0x0000; // u8 at symbol << 3 | code
export const escapes: usize = 0x0800; // u32 per code: first symbol << 8 | bits
const codeEntries: usize = 0x0820; // u8 per code: limit << 3 | code
const triggers: usize = 0x0840; // u16 per level
export const orders: usize = 0x0860; // u8 per run state
const unusedLanes: usize = 0x0880; // u16 per code: all ones for those that are none
const waits: usize = 0x0900; // u8 × 256

// Passes: the colours, and a plane.
export const color: usize = 0x1000;
export const plane: usize = 0x2000;
// Within a pass, from its address on:
export const entries: usize = 0x0000; // u8 at component << 8 | context
const counters: usize = 0x0400; // u16 at component << 6 | bucket << 3 | code
export const waitField: usize = 0x0700;
const randomField: usize = 0x0704;
const levelField: usize = 0x0708;
const levelLeftField: usize = 0x070c;
export const runStateField: usize = 0x0710;
export const symbolsField: usize = 0x0714; // address of the row of symbols, u32 or u8 each

const maxLevel: u32 = 6;
const pixelsPerLevel: u32 = 2048;

/** Bits of a component. */
export let depth: u32 = 8;

export function setDepth(bits: u32): void {
  depth = bits;
}

export function resetPass(pass: usize, components: u32, symbols: usize): void {
  memory.fill(pass + entries, load<u8>(codeEntries + depth - 1), components << 8);
  for (let at = pass + counters; at < pass + counters + (components << 7); at += 16) {
    v128.store(at, v128.load(unusedLanes));
  }
  store<u32>(pass, 0, waitField);
  store<u32>(pass, 0, randomField);
  store<u32>(pass, 0, levelField);
  store<u32>(pass, pixelsPerLevel, levelLeftField);
  store<u32>(pass, 0, runStateField);
  store<u32>(pass, <u32>symbols, symbolsField);
}

export function segmentEnd(pass: usize, from: u32, width: u32): u32 {
  if (load<u32>(pass, levelField) === maxLevel) return width;
  return min(width, from + load<u32>(pass, levelLeftField));
}

export function completeSegment(pass: usize, pixelCount: u32): void {
  const level = load<u32>(pass, levelField);
  if (level === maxLevel) return;
  const left = load<u32>(pass, levelLeftField) - pixelCount;
  if (left === 0) store<u32>(pass, level + 1, levelField);
  store<u32>(pass, left === 0 ? pixelsPerLevel : left, levelLeftField);
}

/**
 * Eight counters at a time. They stay below 2 * 26 * 901: all grow by 1 to 26, and are halved when the
 * least has passed 900.
 */
export function learn(pass: usize, component: u32, context: u32, symbol: u32): void {
  const last = depth - 1;
  const bucket = min(31 - clz(context + 1), last);
  const at = pass + counters + (((component << 3) | bucket) << 4);
  const totals = i16x8.add(v128.load(at), v128.load8x8_u(lengths + (symbol << 3)));

  // The smallest, in all lanes, after three exchanges.
  let least = i16x8.min_u(
    totals,
    i8x16.shuffle(totals, totals, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7),
  );
  least = i16x8.min_u(
    least,
    i8x16.shuffle(least, least, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11),
  );
  least = i16x8.min_u(
    least,
    i8x16.shuffle(least, least, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13),
  );
  const best = 31 - clz(i16x8.bitmask(i16x8.eq(totals, least)));
  const forget =
    <u32>i16x8.extract_lane_u(least, 0) >
    <u32>load<u16>(triggers + (load<u32>(pass, levelField) << 1));
  v128.store(at, v128.or(i16x8.shr_u(totals, <i32>forget), v128.load(unusedLanes)));

  const entry = load<u8>(codeEntries + best);
  const firstContext: u32 = (1 << bucket) - 1;
  const to = pass + entries + (component << 8) + firstContext;
  if (load<u8>(to) === entry) return;
  const endContext: u32 = bucket === last ? 1 << depth : (2 << bucket) - 1;
  memory.fill(to, entry, endContext - firstContext);
}

export function nextWait(pass: usize): u32 {
  const random = load<u32>(pass, randomField);
  store<u32>(pass, (random + 1) & 0xff, randomField);
  return load<u8>(waits + random) & ((1 << load<u32>(pass, levelField)) - 1);
}
