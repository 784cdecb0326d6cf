// The GLZ stream: the passes that turn tokens into pixels with the help of earlier images. Which
// images those are is the window's affair (glz-window.ts). See docs/formats/glz.md.

import { type GlzHeader, glzHeaderSize } from "./glz-header.ts";
import { LzType, lzIndexLayout } from "./lz-header.ts";
import { expandIndexRow, type IndexLayout, lzPaletteTable, widen555 } from "./palette.ts";
import { CodecError } from "./pixel-image.ts";
import { copyColors, copyShort, repeatUnits, shortRun } from "./unit-copy.ts";

/** Below this many units a loop beats copying from another image with `set`. */
const shortCopy = 48;

/** The images that the one being decoded may refer to. */
export interface GlzReferences {
  /**
   * Pixels of the image that lies `distance` images back, in the order of its stream; null when
   * it is not there yet, which ends the pass.
   *
   * @throws CodecError when it will never be there.
   */
  lookUp(distance: number, offset: number): Uint32Array | null;
}

/** What `decodeGlzPixels` returns when an image that it refers to is not there yet. */
export const glzMissing = -1;

function cutOff(at: number): never {
  throw new CodecError("GLZ", at, "it is cut off");
}

function tooLong(at: number): never {
  throw new CodecError("GLZ", at, "a token goes beyond the last pixel");
}

function outside(at: number): never {
  throw new CodecError("GLZ", at, "a match lies outside the image that it refers to");
}

/**
 * Decodes all passes into `pixels`, in the order of the stream. Returns the offset behind the
 * last token, or `glzMissing`.
 */
export function decodeGlzPixels(
  data: Uint8Array,
  header: GlzHeader,
  palette: Uint32Array | null,
  pixels: Uint32Array,
  references: GlzReferences,
): number {
  const layout = lzIndexLayout(header.type);
  let table: Uint32Array | null = null;
  if (layout !== undefined) {
    if (palette === null) throw new CodecError("GLZ", 8, "its palette is missing");
    table = lzPaletteTable(layout, palette);
  }
  const sixteen = header.type === LzType.RGB16;
  const at = decodeColors(data, pixels, sixteen, layout, table, references);
  if (header.type !== LzType.RGBA || at === glzMissing) return at;
  return decodeAlpha(data, at, pixels, references);
}

function decodeColors(
  data: Uint8Array,
  pixels: Uint32Array,
  sixteen: boolean,
  layout: IndexLayout | undefined,
  table: Uint32Array | null,
  references: GlzReferences,
): number {
  const end = data.length;
  const view = new DataView(data.buffer, data.byteOffset, end);
  const size = pixels.length;
  const literalBytes = layout !== undefined ? 1 : sixteen ? 2 : 3;
  const extraUnits = layout !== undefined ? 2 : sixteen ? 1 : 0;
  const scale = layout !== undefined ? 8 / layout.bits : 1;
  let source = pixels;
  let sourceDistance = 0;
  let at = glzHeaderSize;
  let out = 0;
  while (out < size) {
    const token = at;
    if (at + 1 >= end) cutOff(at);
    const control = data[at++]!;
    if (control < 32) {
      const stop = out + (control + 1) * scale;
      if (stop > size) tooLong(token);
      if (at + (control + 1) * literalBytes > end) cutOff(end);
      if (layout !== undefined) {
        expandIndexRow(layout, table!, data, at, pixels, out, stop - out);
        at += control + 1;
        out = stop;
      } else if (sixteen) {
        for (; out < stop; out++, at += 2) {
          pixels[out] = widen555((data[at]! << 8) | data[at + 1]!);
        }
      } else {
        copyColors(data, view, at, pixels, out, stop, 0);
        at += (control + 1) * 3;
        out = stop;
      }
      continue;
    }

    let length = control >> 5;
    if (length === 7) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        length += more;
      } while (more === 255);
    }
    length = (length + extraUnits) * scale;
    if (at + 1 >= end) cutOff(end);
    let position = (control & 15) | (data[at]! << 4);
    const extension = data[at + 1]!;
    at += 2;
    let count = extension >> 6;
    let distance = 0;
    let shift = 0;
    if ((control & 16) === 0) {
      distance = extension & 63;
      shift = 6;
    } else {
      position |= (extension & 31) << 12;
    }
    if (count > 0 || (control & 16) !== 0) {
      const long = (control & 16) !== 0 && (extension & 32) !== 0;
      if (at + count + (long ? 1 : 0) > end) cutOff(end);
      for (; count > 0; count--, shift += 8) distance += data[at++]! << shift;
      if (long) position |= data[at++]! << 17;
    }

    const stop = out + length;
    if (stop > size) tooLong(token);
    if (distance === 0) {
      const back = (position + 1) * scale;
      if (back > out) outside(token);
      if (length <= 8 && back >= 8 && out + 8 <= size) {
        copyShort(pixels, out - back, pixels, out, length);
        out = stop;
      } else if (length < shortRun) {
        for (; out < stop; out++) pixels[out] = pixels[out - back]!;
      } else {
        repeatUnits(pixels, out, back, stop);
        out = stop;
      }
      continue;
    }
    if (distance !== sourceDistance) {
      const found = references.lookUp(distance, token);
      if (found === null) return glzMissing;
      source = found;
      sourceDistance = distance;
    }
    let from = position * scale;
    if (from + length > source.length) outside(token);
    if (length <= 8 && out + 8 <= size && from + 8 <= source.length) {
      copyShort(source, from, pixels, out, length);
      out = stop;
    } else if (length < shortCopy) {
      for (; out < stop; out++) pixels[out] = source[from++]!;
    } else {
      pixels.set(source.subarray(from, from + length), out);
      out = stop;
    }
  }
  return at;
}

/**
 * The second pass of RGBA: the same tokens, whose units are the high bytes of pixels. The first
 * pass has left the high bytes of the images that it copied from, so they are replaced.
 */
function decodeAlpha(
  data: Uint8Array,
  start: number,
  pixels: Uint32Array,
  references: GlzReferences,
): number {
  const end = data.length;
  const size = pixels.length;
  let source = pixels;
  let sourceDistance = 0;
  let at = start;
  let out = 0;
  while (out < size) {
    const token = at;
    if (at + 1 >= end) cutOff(at);
    const control = data[at++]!;
    if (control < 32) {
      const stop = out + control + 1;
      if (stop > size) tooLong(token);
      if (at + control + 1 > end) cutOff(end);
      for (; out < stop; out++) pixels[out] = (pixels[out]! & 0xffffff) | (data[at++]! << 24);
      continue;
    }

    let length = (control >> 5) + 2;
    if (length === 9) {
      let more = 0;
      do {
        if (at >= end) cutOff(at);
        more = data[at++]!;
        length += more;
      } while (more === 255);
    }
    if (at + 1 >= end) cutOff(end);
    let position = (control & 15) | (data[at]! << 4);
    const extension = data[at + 1]!;
    at += 2;
    let count = extension >> 6;
    let distance = 0;
    let shift = 0;
    if ((control & 16) === 0) {
      distance = extension & 63;
      shift = 6;
    } else {
      position |= (extension & 31) << 12;
    }
    if (count > 0 || (control & 16) !== 0) {
      const long = (control & 16) !== 0 && (extension & 32) !== 0;
      if (at + count + (long ? 1 : 0) > end) cutOff(end);
      for (; count > 0; count--, shift += 8) distance += data[at++]! << shift;
      if (long) position |= data[at++]! << 17;
    }

    const stop = out + length;
    if (stop > size) tooLong(token);
    if (distance === 0) {
      const back = position + 1;
      if (back > out) outside(token);
      for (; out < stop; out++) {
        pixels[out] = (pixels[out]! & 0xffffff) | (pixels[out - back]! & 0xff000000);
      }
      continue;
    }
    if (distance !== sourceDistance) {
      const found = references.lookUp(distance, token);
      if (found === null) return glzMissing;
      source = found;
      sourceDistance = distance;
    }
    let from = position;
    if (from + length > source.length) outside(token);
    for (; out < stop; out++) {
      pixels[out] = (pixels[out]! & 0xffffff) | (source[from++]! & 0xff000000);
    }
  }
  return at;
}
