// The QUIC encoder for colours (docs/formats/quic.md) in AssemblyScript, for speed. It takes bands
// of rows, and gives the finished 32-bit words of each; the tables and the header are its caller's,
// src/quic/encode-kernel.ts.

import {
  color,
  completeSegment,
  depth,
  learn,
  lengths,
  nextWait,
  orders,
  resetPass,
  runStateField,
  segmentEnd,
  setDepth,
  symbolsField,
  waitField,
} from "./quic-models";

const firstFree: usize = 0x3000;
/** Three code words of 26 bits, and the run that may have been tried before a pixel. */
const maxBytesPerPixel: usize = 12;

let imageWidth: u32 = 0;
let isFirstRow: bool = true;
let rows: usize = 0;
let rowSize: usize = 0;
let output: usize = 0;

// The bits: `window` has `used` of them at its top, fewer than 32 between two symbols.
let window: u64 = 0;
let used: u32 = 0;
let next: usize = 0;

/** Begins an image. Returns the address for the rows of each band; 0 where there is no memory. */
export function prepare(width: u32, bits: u32, rowsInBand: u32): usize {
  imageWidth = width;
  setDepth(bits);
  isFirstRow = true;
  window = 0;
  used = 0;
  rowSize = (<usize>width) << 2;
  // The last row of the band before stands above the first.
  rows = ((firstFree + rowSize + 15) & ~15) + rowSize;
  output = (rows + rowSize * rowsInBand + 15) & ~15;
  const end = output + maxBytesPerPixel * width * rowsInBand + 64;
  const pages = <i32>((end + 0xffff) >>> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;
  memory.fill(firstFree, 0, rowSize);
  resetPass(color, 3, firstFree);
  return rows;
}

/** Where the words are. */
export function words(): usize {
  return output;
}

/** Encodes the rows that are there; returns the bytes of the words that are finished. */
export function encodeRows(count: u32): usize {
  next = output;
  clean(count);
  let row = rows;
  for (let i: u32 = 0; i < count; i++) {
    for (let from: u32 = 0; from < imageWidth; ) {
      const end = segmentEnd(color, from, imageWidth);
      encodeSegment(row, from, end);
      completeSegment(color, end - from);
      from = end;
    }
    row += rowSize;
    isFirstRow = false;
  }
  memory.copy(rows - rowSize, row - rowSize, rowSize);
  return next - output;
}

/** Fills the last word with zeros, adds one of zeros, and returns the bytes of these. */
export function finish(): usize {
  next = output;
  if (used > 0) write(0, 32 - used);
  write(0, 32);
  return next - output;
}

/** Leaves the bits that count, each component in the lower ones of its byte. */
function clean(count: u32): void {
  const end = rows + rowSize * count;
  for (let at = rows; at < end; at += 4) {
    const pixel = load<u32>(at);
    store<u32>(at, depth === 8 ? pixel & 0xffffff : (pixel >>> 3) & 0x1f1f1f);
  }
}

function write(value: u32, length: u32): void {
  used += length;
  window |= (<u64>value) << (64 - used);
  if (used < 32) return;
  store<u32>(next, <u32>(window >>> 32));
  next += 4;
  window <<= 32;
  used -= 32;
}

function writeSymbol(symbol: u32, entry: u32): void {
  const code = entry & 7;
  const escapeFirst = (entry >>> 3) << code;
  const word =
    symbol < escapeFirst ? (1 << code) | (symbol & ((1 << code) - 1)) : symbol - escapeFirst;
  write(word, load<u8>(lengths + ((symbol << 3) | code)));
}

function encodeSegment(row: usize, from: u32, end: u32): void {
  const symbols = <usize>load<u32>(color, symbolsField);
  const above = row - rowSize;
  const mask: u32 = (1 << depth) - 1;
  const masks = mask * 0x010101;
  const doubles = (mask - 1) * 0x010101;
  const halfShift = depth - 1;
  const first = isFirstRow;
  const runsAfter: u32 = first ? end : 2;

  let wait = load<u32>(color, waitField);
  let runStart: u32 = 0;
  let x = from;
  let up: u32 = 0;
  if (!first) up = load<u32>(above + (x > 0 ? (<usize>(x - 1)) << 2 : 0));
  let left = x > 0 ? load<u32>(row + ((<usize>(x - 1)) << 2)) : up;
  let beforeLeft = x > 1 ? load<u32>(row + ((<usize>(x - 2)) << 2)) : <u32>-1;
  let context = load<u32>(symbols + (x > 0 ? (<usize>(x - 1)) << 2 : 0));

  while (x < end) {
    const upLeft = up;
    up = first ? left : load<u32>(above + ((<usize>x) << 2));
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      while (x < end && load<u32>(row + ((<usize>x) << 2)) === left) x++;
      encodeRun(x - runStart);
      if (x > runStart) {
        up = load<u32>(above + ((<usize>(x - 1)) << 2));
        context = load<u32>(symbols + ((<usize>(x - 1)) << 2));
      }
      continue;
    }

    const pixel = load<u32>(row + ((<usize>x) << 2));
    const average = (left & up) + (((left ^ up) & 0xfefefe) >>> 1);
    const minus = (pixel | 0x808080) - (average & 0x7f7f7f);
    const difference = (minus ^ ((pixel ^ ~average) & 0x808080)) & masks;
    const symbol = ((difference << 1) & doubles) ^ (((difference >>> halfShift) & 0x010101) * mask);
    const red = symbol >>> 16;
    const green = (symbol >>> 8) & 0xff;
    const blue = symbol & 0xff;
    writeSymbol(red, load<u8>(context >>> 16, color));
    writeSymbol(green, load<u8>((context >>> 8) & 0xff, color + 0x100));
    writeSymbol(blue, load<u8>(context & 0xff, color + 0x200));
    store<u32>(symbols + ((<usize>x) << 2), symbol);

    if (wait > 0) {
      wait--;
    } else {
      learn(color, 0, context >>> 16, red);
      learn(color, 1, (context >>> 8) & 0xff, green);
      learn(color, 2, context & 0xff, blue);
      wait = nextWait(color);
    }
    beforeLeft = left;
    left = pixel;
    context = symbol;
    x++;
  }
  store<u32>(color, wait, waitField);
}

function encodeRun(length: u32): void {
  let state = load<u32>(color, runStateField);
  let rest = length;
  for (;;) {
    const one: u32 = 1 << (<u32>load<u8>(orders + state));
    if (rest < one) break;
    rest -= one;
    write(1, 1);
    if (state < 31) state++;
  }
  write(rest, <u32>load<u8>(orders + state) + 1);
  store<u32>(color, state > 0 ? state - 1 : 0, runStateField);
}
