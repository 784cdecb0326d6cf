// The QUIC decoder (docs/formats/quic.md) in AssemblyScript, for speed. It takes memory by itself, at
// fixed addresses, and the tables from its caller, src/quic/kernel.ts, who also reads the header.
// The data's words stand in reverse order, so that 64 bits can be loaded at any byte of the stream.
// It needs an engine with 128-bit SIMD, as all current ones have.

import {
  color,
  completeSegment,
  depth,
  escapes,
  learn,
  nextWait,
  orders,
  plane,
  resetPass,
  runStateField,
  segmentEnd,
  setDepth,
  symbolsField,
  waitField,
} from "./quic-models";

const firstFree: usize = 0x3000;
// The end is checked at least once in 64 pixels of at most 78 bits, which lie in this padding.
const padding: usize = 1024;

const endsEarly: i32 = 1;
const symbolOutOfRange: i32 = 2;
const runTooLong: i32 = 3;

let imageWidth: u32 = 0;
let hasColor: bool = false;
let hasPlane: bool = false;
let isFirstRow: bool = true;
let rows: usize = 0;
let rowSize: u32 = 0;
let bandRows: u32 = 0;

// The bits: `window` has `valid` of them at its top; more are loaded below the address `next`.
let dataStart: usize = 0;
let window: u64 = 0;
let valid: u32 = 0;
let next: usize = 0;

/**
 * Makes room for an image, and resets all state. `size` is that of the data in whole words.
 * Returns the address for the data, or 0 where there is no memory for it.
 */
export function prepare(
  width: u32,
  bits: u32,
  withColor: bool,
  withPlane: bool,
  size: u32,
  rowsInBand: u32,
): usize {
  imageWidth = width;
  setDepth(bits);
  hasColor = withColor;
  hasPlane = withPlane;
  rowSize = withColor ? width << 2 : width;
  bandRows = rowsInBand;
  isFirstRow = true;

  const colorSymbols = firstFree;
  const planeSymbols = colorSymbols + (withColor ? (<usize>width) << 2 : 0);
  dataStart = (planeSymbols + (withPlane ? <usize>width : 0) + padding + 7) & ~7;
  // One row more than the band has: the last one of the band before.
  const above = (dataStart + size + 15) & ~7;
  rows = above + rowSize;
  const end = rows + rowSize * rowsInBand;
  const pages = <i32>((end + 0xffff) >>> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;

  memory.fill(colorSymbols, 0, dataStart - colorSymbols);
  if (withColor) resetPass(color, 3, colorSymbols);
  if (withPlane) resetPass(plane, 1, planeSymbols);
  return dataStart;
}

/** Begins with the pixels, at the given bit of the data, a multiple of 8. */
export function start(size: u32, position: u32): void {
  let low = dataStart;
  let high = dataStart + size - 4;
  while (low < high) {
    const word = load<u32>(low);
    store<u32>(low, load<u32>(high));
    store<u32>(high, word);
    low += 4;
    high -= 4;
  }
  window = 0;
  valid = 0;
  next = dataStart + size - 8 - (position >>> 3);
}

/** The address of the band's first row. */
export function bandAddress(): usize {
  return rows;
}

/** Bits of data, at the end of it, that have not been consumed; negative when there were too few. */
export function bitsLeft(): i32 {
  return ((<i32>(next + 8 - dataStart)) << 3) + <i32>valid;
}

/** Decodes the next rows of the image. Returns 0, or what is wrong. */
export function decodeRows(count: u32): i32 {
  if (!isFirstRow) {
    memory.copy(rows - rowSize, rows + rowSize * (bandRows - 1), rowSize);
  }
  let row = rows;
  for (let i: u32 = 0; i < count; i++) {
    const above = row - rowSize;
    if (hasColor) {
      const status = decodeColorRow(above, row);
      if (status !== 0) return status;
      if (hasPlane) {
        const alphaStatus = decodePlaneRow(2, above + 3, row + 3);
        if (alphaStatus !== 0) return alphaStatus;
      }
    } else {
      const status = decodePlaneRow(0, above, row);
      if (status !== 0) return status;
    }
    row += rowSize;
    isFirstRow = false;
  }
  return 0;
}

function decodeColorRow(above: usize, row: usize): i32 {
  for (let from: u32 = 0; from < imageWidth; ) {
    const end = segmentEnd(color, from, imageWidth);
    const status = decodeColorSegment(above, row, from, end);
    if (status !== 0) return status;
    completeSegment(color, end - from);
    from = end;
  }
  return 0;
}

function decodePlaneRow(shift: u32, above: usize, row: usize): i32 {
  for (let from: u32 = 0; from < imageWidth; ) {
    const end = segmentEnd(plane, from, imageWidth);
    const status = decodePlaneSegment(shift, above, row, from, end);
    if (status !== 0) return status;
    completeSegment(plane, end - from);
    from = end;
  }
  return 0;
}

function decodeColorSegment(above: usize, row: usize, from: u32, end: u32): i32 {
  const symbols = <usize>load<u32>(color, symbolsField);
  const mask: u32 = (1 << depth) - 1;
  const masks = mask * 0x010101;
  const first = isFirstRow;
  const runsAfter: u32 = first ? end : 2;

  let bits = window;
  let bitCount = valid;
  let nextByte = next;
  let wait = load<u32>(color, waitField);
  let runStart: u32 = 0;
  let x = from;
  let up: u32 = 0;
  if (!first) up = load<u32>(above + (x > 0 ? (<usize>(x - 1)) << 2 : 0)) & 0xffffff;
  let left = x > 0 ? load<u32>(row + ((x - 1) << 2)) : up;
  let beforeLeft = x > 1 ? load<u32>(row + ((x - 2) << 2)) : <u32>-1;
  let context = load<u32>(symbols + (x > 0 ? (<usize>(x - 1)) << 2 : 0));

  while (x < end) {
    const upLeft = up;
    up = first ? left : load<u32>(above + (x << 2)) & 0xffffff;
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      window = bits;
      valid = bitCount;
      next = nextByte;
      const run = decodeRun(color, end - x);
      if (run < 0) return -run;
      bits = window;
      bitCount = valid;
      nextByte = next;
      if (run > 0) {
        fillPixels(row + (x << 2), left, run);
        x += run;
        up = load<u32>(above + ((x - 1) << 2)) & 0xffffff;
        context = load<u32>(symbols + ((x - 1) << 2));
      }
      continue;
    }

    // At least 56 bits from here on. Those below `bitCount` are the stream's, too, or zeros.
    bits |= load<u64>(nextByte) >> bitCount;
    nextByte -= (63 - bitCount) >> 3;
    bitCount |= 56;

    let pixelBits = bits;
    let entry: u32 = load<u8>(context >>> 16, color);
    let code = entry & 7;
    let zeros = <u32>clz(pixelBits);
    let length = zeros + code + 1;
    let red: u32;
    // Every symbol has eight bits in code 7, and half of them are escapes: a branch on the zeros
    // would be taken by chance.
    if (code === 7) {
      length = 8;
      red = <u32>(pixelBits >>> 56) ^ 0x80;
    } else if (zeros < entry >>> 3) {
      red = ((zeros - 1) << code) + <u32>(pixelBits >>> (64 - length));
    } else {
      const escaped = load<u32>(escapes + (code << 2));
      length = escaped & 0xff;
      red = (escaped >>> 8) + <u32>(pixelBits >>> (64 - length));
    }
    pixelBits <<= length;
    let used = length;

    entry = load<u8>((context >>> 8) & 0xff, color + 0x100);
    code = entry & 7;
    zeros = <u32>clz(pixelBits);
    length = zeros + code + 1;
    let green: u32;
    if (code === 7) {
      length = 8;
      green = <u32>(pixelBits >>> 56) ^ 0x80;
    } else if (zeros < entry >>> 3) {
      green = ((zeros - 1) << code) + <u32>(pixelBits >>> (64 - length));
    } else {
      const escaped = load<u32>(escapes + (code << 2));
      length = escaped & 0xff;
      green = (escaped >>> 8) + <u32>(pixelBits >>> (64 - length));
    }
    pixelBits <<= length;
    used += length;

    entry = load<u8>(context & 0xff, color + 0x200);
    code = entry & 7;
    zeros = <u32>clz(pixelBits);
    length = zeros + code + 1;
    let blue: u32;
    if (code === 7) {
      length = 8;
      blue = <u32>(pixelBits >>> 56) ^ 0x80;
    } else if (zeros < entry >>> 3) {
      blue = ((zeros - 1) << code) + <u32>(pixelBits >>> (64 - length));
    } else {
      const escaped = load<u32>(escapes + (code << 2));
      length = escaped & 0xff;
      blue = (escaped >>> 8) + <u32>(pixelBits >>> (64 - length));
    }
    used += length;

    if (used <= bitCount) {
      bits = pixelBits << length;
      bitCount -= used;
    } else {
      window = bits;
      valid = bitCount;
      next = nextByte;
      red = decodeSymbol(color, context >>> 16);
      green = decodeSymbol(color + 0x100, (context >>> 8) & 0xff);
      blue = decodeSymbol(color + 0x200, context & 0xff);
      bits = window;
      bitCount = valid;
      nextByte = next;
    }
    if ((red | green | blue) > mask) return symbolOutOfRange;

    const symbol = (red << 16) | (green << 8) | blue;
    const difference = ((symbol >>> 1) & 0x7f7f7f) ^ ((symbol & 0x010101) * mask);
    const average = (left & up) + (((left ^ up) & 0xfefefe) >>> 1);
    const sum = (average & 0x7f7f7f) + (difference & 0x7f7f7f);
    beforeLeft = left;
    left = (sum ^ ((average ^ difference) & 0x808080)) & masks;
    store<u32>(row + (x << 2), left);
    store<u32>(symbols + (x << 2), symbol);

    if (wait > 0) {
      wait--;
    } else {
      if (((<i32>(nextByte + 8 - dataStart)) << 3) + <i32>bitCount < 0) return endsEarly;
      learn(color, 0, context >>> 16, red);
      learn(color, 1, (context >>> 8) & 0xff, green);
      learn(color, 2, context & 0xff, blue);
      wait = nextWait(color);
    }
    context = symbol;
    x++;
  }
  store<u32>(color, wait, waitField);
  window = bits;
  valid = bitCount;
  next = nextByte;
  return bitsLeft() < 0 ? endsEarly : 0;
}

function fillPixels(at: usize, pixel: u32, count: u32): void {
  const end = at + (count << 2);
  const four = i32x4.splat(pixel);
  while (at + 16 <= end) {
    v128.store(at, four);
    at += 16;
  }
  while (at < end) {
    store<u32>(at, pixel);
    at += 4;
  }
}

function decodePlaneSegment(shift: u32, above: usize, row: usize, from: u32, end: u32): i32 {
  const symbols = <usize>load<u32>(plane, symbolsField);
  const first = isFirstRow;
  const runsAfter: u32 = first ? end : 2;

  let bits = window;
  let bitCount = valid;
  let nextByte = next;
  let wait = load<u32>(plane, waitField);
  let runStart: u32 = 0;
  let x = from;
  let up: u32 = 0;
  if (!first) up = load<u8>(above + (x > 0 ? (<usize>(x - 1)) << shift : 0));
  let left: u32 = x > 0 ? load<u8>(row + ((x - 1) << shift)) : up;
  let beforeLeft: u32 = x > 1 ? load<u8>(row + ((x - 2) << shift)) : <u32>-1;
  let context: u32 = load<u8>(symbols + (x > 0 ? <usize>(x - 1) : 0));

  while (x < end) {
    const upLeft = up;
    up = first ? left : load<u8>(above + (x << shift));
    if (left === beforeLeft && up === upLeft && x > runsAfter && x !== runStart) {
      runStart = x;
      window = bits;
      valid = bitCount;
      next = nextByte;
      const run = decodeRun(plane, end - x);
      if (run < 0) return -run;
      bits = window;
      bitCount = valid;
      nextByte = next;
      if (run > 0) {
        const runEnd = x + run;
        for (; x < runEnd; x++) store<u8>(row + (x << shift), left);
        up = load<u8>(above + ((x - 1) << shift));
        context = load<u8>(symbols + (x - 1));
      }
      continue;
    }

    if (bitCount < 32) {
      bits |= load<u64>(nextByte) >> bitCount;
      nextByte -= (63 - bitCount) >> 3;
      bitCount |= 56;
    }
    const entry: u32 = load<u8>(context, plane);
    const code = entry & 7;
    const zeros = <u32>clz(bits);
    let length = zeros + code + 1;
    let symbol: u32;
    if (code === 7) {
      length = 8;
      symbol = <u32>(bits >>> 56) ^ 0x80;
    } else if (zeros < entry >>> 3) {
      symbol = ((zeros - 1) << code) + <u32>(bits >>> (64 - length));
    } else {
      const escaped = load<u32>(escapes + (code << 2));
      length = escaped & 0xff;
      symbol = (escaped >>> 8) + <u32>(bits >>> (64 - length));
      if (symbol > 0xff) return symbolOutOfRange;
    }
    bits <<= length;
    bitCount -= length;
    const difference = (symbol >>> 1) ^ ((symbol & 1) * 0xff);
    beforeLeft = left;
    left = (difference + ((left + up) >>> 1)) & 0xff;
    store<u8>(row + (x << shift), left);
    store<u8>(symbols + x, symbol);

    if (wait > 0) {
      wait--;
    } else {
      if (((<i32>(nextByte + 8 - dataStart)) << 3) + <i32>bitCount < 0) return endsEarly;
      learn(plane, 0, context, symbol);
      wait = nextWait(plane);
    }
    context = symbol;
    x++;
  }
  store<u32>(plane, wait, waitField);
  window = bits;
  valid = bitCount;
  next = nextByte;
  return bitsLeft() < 0 ? endsEarly : 0;
}

function refill(): void {
  window |= load<u64>(next) >> valid;
  next -= (63 - valid) >> 3;
  valid |= 56;
}

/** One symbol; `models` is the address of its component's entries. */
function decodeSymbol(models: usize, context: u32): u32 {
  refill();
  const entry: u32 = load<u8>(models + context);
  const code = entry & 7;
  const zeros = <u32>clz(window);
  let length = zeros + code + 1;
  let symbol: u32;
  if (zeros < entry >>> 3) {
    symbol = ((zeros - 1) << code) + <u32>(window >>> (64 - length));
  } else {
    const escaped = load<u32>(escapes + (code << 2));
    length = escaped & 0xff;
    symbol = (escaped >>> 8) + <u32>(window >>> (64 - length));
  }
  window <<= length;
  valid -= length;
  return symbol;
}

/** A run's length, or a negative number that says what is wrong. */
function decodeRun(pass: usize, limit: u32): i32 {
  let state = load<u32>(pass, runStateField);
  let run: u32 = 0;
  refill();
  while (<i64>window < 0) {
    run += 1 << (<u32>load<u8>(orders + state));
    if (run > limit) return -runTooLong;
    if (state < 31) state++;
    window <<= 1;
    valid--;
    if (valid === 0) refill();
  }
  window <<= 1;
  valid--;
  const order: u32 = load<u8>(orders + state);
  if (order > 0) {
    refill();
    run += <u32>(window >>> (64 - order));
    window <<= order;
    valid -= order;
    if (run > limit) return -runTooLong;
  }
  if (bitsLeft() < 0) return -endsEarly;
  store<u32>(pass, state > 0 ? state - 1 : 0, runStateField);
  return run;
}
