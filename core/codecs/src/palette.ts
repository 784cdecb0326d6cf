// Packed indices and their palettes: what the palette formats of bitmaps, LZ and GLZ share. See
// docs/formats/bitmap.md.

/** How indices lie in a byte. */
export interface IndexLayout {
  readonly bits: 1 | 4 | 8;
  /** Whether the leftmost pixel is in the upper bits of its byte. */
  readonly upperFirst: boolean;
}

/** Bytes of a row of packed indices without padding. */
export function indexRowSize(layout: IndexLayout, width: number): number {
  return Math.ceil((width * layout.bits) / 8);
}

/** The first 2, 16 or 256 entries of a palette as a table; black where the palette is shorter. */
export function paletteTable(layout: IndexLayout, palette: Uint32Array): Uint32Array {
  const table = new Uint32Array(1 << layout.bits);
  table.set(palette.subarray(0, table.length));
  return table;
}

/**
 * The table that LZ and GLZ use: entries without their high byte, and in the four-bit formats
 * indices modulo the size of the palette.
 */
export function lzPaletteTable(layout: IndexLayout, palette: Uint32Array): Uint32Array {
  const table = paletteTable(layout, palette);
  const count = palette.length;
  for (let index = 0; index < table.length; index++) {
    const entry = layout.bits === 4 && count > 0 ? palette[index % count]! : table[index]!;
    table[index] = entry & 0xffffff;
  }
  return table;
}

/** Looks up one row of packed indices, starting at byte `from`, into `width` pixels at `to`. */
export function expandIndexRow(
  layout: IndexLayout,
  table: Uint32Array,
  data: Uint8Array,
  from: number,
  pixels: Uint32Array,
  to: number,
  width: number,
): void {
  if (layout.bits === 8) {
    for (let x = 0; x < width; x++) pixels[to + x] = table[data[from + x]!]!;
    return;
  }
  if (layout.bits === 4) {
    const odd = layout.upperFirst ? 0 : 4;
    const even = 4 - odd;
    for (let x = 0; x < width; x++) {
      const shift = (x & 1) === 0 ? even : odd;
      pixels[to + x] = table[(data[from + (x >> 1)]! >> shift) & 15]!;
    }
    return;
  }
  const turn = layout.upperFirst ? 7 : 0;
  for (let x = 0; x < width; x++) {
    pixels[to + x] = table[(data[from + (x >> 3)]! >> ((x & 7) ^ turn)) & 1]!;
  }
}

/** Widens a 0555 colour to `0x00RRGGBB`, the upper bits of each part repeated below. */
export function widen555(color: number): number {
  return (
    ((color & 0x7c00) << 9) |
    ((color & 0x7000) << 4) |
    ((color & 0x03e0) << 6) |
    ((color & 0x0380) << 1) |
    ((color & 0x001f) << 3) |
    ((color & 0x001c) >> 2)
  );
}

/** A palette for a 16-bit surface, whose entries are 0555 colours, as one for 32-bit pixels. */
export function widenPalette(palette: Uint32Array): Uint32Array {
  return palette.map(widen555);
}
