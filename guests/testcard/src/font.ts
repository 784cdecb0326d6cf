// The testcard's letters as glyphs of DRAW_TEXT: as they were drawn, with one bit a pixel; and
// larger, with smooth edges of four bits a pixel.

import { StringFlag } from "@caraway/protocol";
import type { DrawingBody } from "@caraway/server";
import { fontArt } from "./font-art.ts";
import { lazy } from "./images.ts";

export type TextSize = "small" | "medium" | "large";

export type GlyphString = DrawingBody<"DRAW_TEXT">["str"];
type Glyph = NonNullable<GlyphString["glyphsA8"]>[number];

const artWidth = 5;
const artHeight = 12;
const artAscent = 9;
const artAdvance = 7;
const firstCode = 0x20;

const scales: Readonly<Record<TextSize, number>> = { small: 1, medium: 2, large: 3 };

/** Pixels from one letter to the next. */
export function letterAdvance(size: TextSize = "small"): number {
  return size === "small" ? artAdvance : (artAdvance - 1) * scales[size];
}

export function textWidth(text: string, size: TextSize = "small"): number {
  if (text.length === 0) return 0;
  return (text.length - 1) * letterAdvance(size) + artWidth * scales[size];
}

/** Whether the font has the letter: printable ASCII. */
export function hasLetter(letter: string): boolean {
  return letter.length === 1 && letter >= " " && letter <= "~";
}

/** The letters of a text whose first capital's upper left corner is at (x, y); null if it is blank. */
export function glyphString(
  text: string,
  x: number,
  y: number,
  size: TextSize,
): GlyphString | null {
  const shapes = fonts[size]();
  const ascent = artAscent * scales[size];
  const glyphs: Glyph[] = [];
  for (let at = 0; at < text.length; at++) {
    const shape = shapes[text.charCodeAt(at) - firstCode];
    if (shape === undefined || text[at] === " ") continue;
    glyphs.push({
      renderPos: { x: x + at * letterAdvance(size), y: y + ascent },
      glyphOrigin: { x: 0, y: -ascent },
      width: artWidth * scales[size],
      height: artHeight * scales[size],
      data: shape,
    });
  }
  if (glyphs.length === 0) return null;
  const isPlain = size === "small";
  return {
    length: glyphs.length,
    flags: isPlain ? StringFlag.RASTER_A1 : StringFlag.RASTER_A4,
    glyphsA1: isPlain ? glyphs : null,
    glyphsA4: isPlain ? null : glyphs,
    glyphsA8: null,
  };
}

/**
 * A row of bars as one glyph of eight bits a pixel, as high as the columns say how dark.
 *
 * PEER: spice-gtk takes the rows of such a glyph from one past the end. All rows are alike, and
 * whoever draws it leaves the first one out.
 */
export function barGlyphs(x: number, y: number, height: number, columns: Uint8Array): GlyphString {
  const data = new Uint8Array(columns.length * height);
  for (let row = 0; row < height; row++) data.set(columns, row * columns.length);
  const glyph: Glyph = {
    renderPos: { x, y: y + height },
    glyphOrigin: { x: 0, y: -height },
    width: columns.length,
    height,
    data,
  };
  const flags = StringFlag.RASTER_A8;
  return { length: 1, flags, glyphsA1: null, glyphsA4: null, glyphsA8: [glyph] };
}

/** One letter: rows of `artWidth` booleans. */
type Art = readonly (readonly boolean[])[];

const letters = lazy((): readonly Art[] =>
  fontArt.flatMap((band) => {
    const rows = band.trim().split("\n");
    const count = (rows[0]!.length + 1) / (artWidth + 1);
    return Array.from({ length: count }, (_, letter) =>
      rows.map((row) =>
        Array.from({ length: artWidth }, (_, x) => row[letter * (artWidth + 1) + x] === "#"),
      ),
    );
  }),
);

const fonts: Readonly<Record<TextSize, () => readonly Uint8Array[]>> = {
  small: lazy(() => letters().map(plainGlyph)),
  medium: lazy(() => letters().map((art) => smoothGlyph(art, scales.medium))),
  large: lazy(() => letters().map((art) => smoothGlyph(art, scales.large))),
};

/** Rows from the bottom up, as the reference reads them whatever it is told. */
function plainGlyph(art: Art): Uint8Array {
  return Uint8Array.from({ length: artHeight }, (_, row) => {
    let bits = 0;
    art[artHeight - 1 - row]!.forEach((isInk, x) => {
      if (isInk) bits |= 0x80 >> x;
    });
    return bits;
  });
}

function smoothGlyph(art: Art, scale: number): Uint8Array {
  const width = artWidth * scale;
  const height = artHeight * scale;
  const stride = (width + 1) >> 1;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const row = (height - 1 - y) * stride;
    for (let x = 0; x < width; x++) {
      const level = coverage(art, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5);
      data[row + (x >> 1)]! |= level << ((x & 1) === 0 ? 4 : 0);
    }
  }
  return data;
}

/** How much ink there is at a place between the pixels of the art: 0 to 15. */
function coverage(art: Art, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const ink = (column: number, row: number) => (art[row]?.[column] === true ? 1 : 0);
  const above = ink(left, top) * (1 - dx) + ink(left + 1, top) * dx;
  const below = ink(left, top + 1) * (1 - dx) + ink(left + 1, top + 1) * dx;
  const sharp = (above * (1 - dy) + below * dy - 0.4) * 2.6 + 0.5;
  return Math.round(Math.max(0, Math.min(1, sharp)) * 15);
}
