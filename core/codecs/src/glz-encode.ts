// The encoding of one pass of a GLZ image: the search for matches in the window and the tokens.
// The window itself is kept by glz-dictionary.ts. See docs/formats/glz.md, "Encoding".

import { maxGlzWindowPixels } from "./glz-window.ts";

const maxImageDistance = (1 << 24) - 1;
/** Of the units inside of a match, one of so many is entered into the table. */
const enterEvery = 64;

/** Which bits of a pixel are the units of a pass, and how they are written. */
export interface GlzUnit {
  readonly mask: number;
  readonly literalBytes: 1 | 2 | 3;
  /** What decoders add to the length of a match. */
  readonly extraUnits: 0 | 1 | 2;
}

export const glzUnits = {
  color: { mask: 0xffffff, literalBytes: 3, extraUnits: 0 },
  /** 0555 in the lower bits. */
  sixteen: { mask: 0x7fff, literalBytes: 2, extraUnits: 1 },
  alpha: { mask: 0xff000000, literalBytes: 1, extraUnits: 2 },
} as const satisfies Record<string, GlzUnit>;

/**
 * Where three units in a row stood last. Each slot has the serial of the image, one more so that 0
 * is none, and the index of the first unit: together, since memory far away is what costs time.
 */
export class PositionTable {
  readonly entries: Int32Array;
  /** Leaves the bits of a hash that are the index of an entry, which is even. */
  readonly shift: number;

  constructor(bits: number) {
    this.entries = new Int32Array(2 << bits);
    this.shift = 31 - bits;
  }
}

/** The image that is being encoded, and the stream that grows. */
export interface GlzPass {
  readonly pixels: Uint32Array;
  readonly serial: number;
  readonly stream: Uint8Array;
  /** Offset behind the last byte written. */
  end: number;
  /** Pixels of an earlier image; null when it cannot be referred to. */
  source(serial: number): Uint32Array | null;
}

/** Encodes one pass. The stream must have room for literals and a byte for each 32 of them. */
export function encodeGlzPass(pass: GlzPass, unit: GlzUnit, table: PositionTable): void {
  const { pixels, serial } = pass;
  const { entries, shift } = table;
  const { mask, literalBytes, extraUnits } = unit;
  const size = pixels.length;
  let source = pixels;
  let sourceSerial = serial;
  let literals = 0;
  let at = 0;
  while (at + 2 < size) {
    const first = pixels[at]! & mask;
    const second = pixels[at + 1]! & mask;
    const third = pixels[at + 2]! & mask;
    let length = 0;
    let from = at - 1;
    let imageDistance = 0;
    if (at > 0 && first === second && second === third && (pixels[from]! & mask) === first) {
      length = 3;
      while (at + length < size && (pixels[at + length]! & mask) === first) length++;
    } else {
      const slot = hash(first, second, third, shift);
      const candidate = entries[slot]! - 1;
      from = entries[slot + 1]!;
      entries[slot] = serial + 1;
      entries[slot + 1] = at;
      if (candidate < 0) {
        at++;
        continue;
      }
      if (candidate !== sourceSerial) {
        const found = candidate === serial ? pixels : pass.source(candidate);
        if (found === null) {
          at++;
          continue;
        }
        source = found;
        sourceSerial = candidate;
      }
      imageDistance = serial - candidate;
      const room = Math.min(size - at, source.length - from);
      while (length < room && ((source[from + length]! ^ pixels[at + length]!) & mask) === 0) {
        length++;
      }
    }

    const position = imageDistance === 0 ? at - from - 1 : from;
    if (length <= extraUnits || !pays(position, imageDistance, length * literalBytes)) {
      at++;
      continue;
    }
    writeLiterals(pass, unit, literals, at);
    writeMatch(pass, length - extraUnits, position, imageDistance);
    at += length;
    literals = at;
    // What is referred to leaves the window first: this image has to be found in its place.
    for (let inside = literals - length + enterEvery; inside + 2 < at; inside += enterEvery) {
      const slot = hash(
        pixels[inside]! & mask,
        pixels[inside + 1]! & mask,
        pixels[inside + 2]! & mask,
        shift,
      );
      entries[slot] = serial + 1;
      entries[slot + 1] = inside;
    }
    // The last units of the match begin what a later search may look for.
    for (let back = at - 2; back < at && back + 2 < size; back++) {
      const slot = hash(
        pixels[back]! & mask,
        pixels[back + 1]! & mask,
        pixels[back + 2]! & mask,
        shift,
      );
      entries[slot] = serial + 1;
      entries[slot + 1] = back;
    }
  }
  writeLiterals(pass, unit, literals, size);
}

/** Enters an image that was encoded elsewhere, so that later ones find what stands in it. */
export function rememberGlzUnits(
  pixels: Uint32Array,
  serial: number,
  unit: GlzUnit,
  table: PositionTable,
): void {
  const { entries, shift } = table;
  const { mask } = unit;
  for (let at = 0; at + 2 < pixels.length; at++) {
    const first = pixels[at]! & mask;
    const second = pixels[at + 1]! & mask;
    const third = pixels[at + 2]! & mask;
    // Inside of a run nobody looks anything up.
    if (first === second && second === third && at > 0 && (pixels[at - 1]! & mask) === first) {
      continue;
    }
    const slot = hash(first, second, third, shift);
    entries[slot] = serial + 1;
    entries[slot + 1] = at;
  }
}

function hash(first: number, second: number, third: number, shift: number): number {
  const mixed =
    Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77) ^ Math.imul(third, 0xc2b2ae3d);
  return ((mixed ^ (mixed >>> 15)) >>> shift) & ~1;
}

/** Whether a match is possible, and shorter than its literals. */
function pays(position: number, imageDistance: number, literalBytes: number): boolean {
  if (position >= maxGlzWindowPixels || imageDistance > maxImageDistance) return false;
  return literalBytes > 7 || matchSize(position, imageDistance) < literalBytes;
}

/** Bytes of a match beside the extension of its length. */
function matchSize(position: number, imageDistance: number): number {
  if (position < 1 << 12) {
    return 3 + distanceBytes(imageDistance >>> 6);
  }
  return 3 + distanceBytes(imageDistance) + (position < 1 << 17 ? 0 : 1);
}

/** Bytes that hold a number; none for 0. */
function distanceBytes(value: number): number {
  if (value === 0) return 0;
  if (value < 1 << 8) return 1;
  return value < 1 << 16 ? 2 : 3;
}

/** Writes a match; `length` is already less by what decoders add to it. */
function writeMatch(pass: GlzPass, length: number, position: number, imageDistance: number): void {
  const { stream } = pass;
  const far = position >= 1 << 12;
  const low = (far ? 16 : 0) | (position & 15);
  let end = pass.end;
  if (length < 7) {
    stream[end++] = (length << 5) | low;
  } else {
    stream[end++] = (7 << 5) | low;
    let rest = length - 7;
    for (; rest >= 255; rest -= 255) stream[end++] = 255;
    stream[end++] = rest;
  }
  stream[end++] = position >> 4;

  let distance = far ? imageDistance : imageDistance >>> 6;
  const count = distanceBytes(distance);
  const long = position >= 1 << 17;
  if (far) {
    stream[end++] = (count << 6) | (long ? 32 : 0) | ((position >> 12) & 31);
  } else {
    stream[end++] = (count << 6) | (imageDistance & 63);
  }
  for (let left = count; left > 0; left--, distance >>>= 8) stream[end++] = distance;
  if (long) stream[end++] = position >> 17;
  pass.end = end;
}

/** Writes the units `from`..`to` as literals, in groups of at most 32. */
function writeLiterals(pass: GlzPass, unit: GlzUnit, from: number, to: number): void {
  const { pixels, stream } = pass;
  const { literalBytes } = unit;
  let end = pass.end;
  for (let at = from; at < to; ) {
    const stop = Math.min(at + 32, to);
    stream[end++] = stop - at - 1;
    for (; at < stop; at++) {
      const pixel = pixels[at]!;
      if (literalBytes === 3) {
        stream[end++] = pixel;
        stream[end++] = pixel >> 8;
        stream[end++] = pixel >> 16;
      } else if (literalBytes === 2) {
        stream[end++] = pixel >> 8;
        stream[end++] = pixel;
      } else {
        stream[end++] = pixel >>> 24;
      }
    }
  }
  pass.end = end;
}
