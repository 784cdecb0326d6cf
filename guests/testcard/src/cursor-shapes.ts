// The pointer's shapes: one of each type that the protocol has, so that each place of the desktop
// shows another. Data as in docs/formats/cursor.md.

import { CursorType } from "@caraway/protocol";
import type { GuestCursor } from "@caraway/server";
import { lazy } from "./images.ts";

export const cursorNames = [
  "none",
  "arrow",
  "text",
  "move",
  "cross",
  "block",
  "lens",
  "hand",
] as const;
export type CursorName = (typeof cursorNames)[number];

export const firstCursor: CursorName = "arrow";

/** null: no pointer is shown. */
export function cursorShape(name: CursorName): GuestCursor | null {
  return name === "none" ? null : shapes[name]();
}

/**
 * `.` the screen stays, `#` black, `o` white, `x` the screen is inverted, and letters for colours.
 */
interface Art {
  readonly rows: readonly string[];
  readonly hotSpotX: number;
  readonly hotSpotY: number;
  readonly colors?: Readonly<Record<string, number>>;
}

const arrow: Art = {
  hotSpotX: 1,
  hotSpotY: 1,
  rows: [
    "##............",
    "#o#...........",
    "#oo#..........",
    "#ooo#.........",
    "#oooo#........",
    "#ooooo#.......",
    "#oooooo#......",
    "#ooooooo#.....",
    "#oooooooo#....",
    "#ooooooooo#...",
    "#ooooooooooo#.",
    "#oooooo######.",
    "#ooo#oo#......",
    "#oo##oo#......",
    "#o#..#oo#.....",
    "##...#oo#.....",
    "......#oo#....",
    "......#oo#....",
    ".......##.....",
  ],
};

const beam: Art = {
  hotSpotX: 3,
  hotSpotY: 8,
  rows: [
    "xxx.xxx",
    "...x...",
    ...Array.from({ length: 12 }, () => "...x..."),
    "...x...",
    "xxx.xxx",
  ],
};

const move: Art = {
  hotSpotX: 8,
  hotSpotY: 8,
  colors: { t: 0x2f7f86 },
  rows: [
    "........#........",
    ".......#t#.......",
    "......#ttt#......",
    ".....#ttttt#.....",
    "......##t##......",
    "....#..#t#..#....",
    "...#t#.#t#.#t#...",
    "..#tt###t###tt#..",
    ".#tttttttttttttt#",
    "..#tt###t###tt#..",
    "...#t#.#t#.#t#...",
    "....#..#t#..#....",
    "......##t##......",
    ".....#ttttt#.....",
    "......#ttt#......",
    ".......#t#.......",
    "........#........",
  ],
};

const cross: Art = {
  hotSpotX: 7,
  hotSpotY: 7,
  colors: { c: 0xc8623f },
  rows: [
    ".......c.......",
    ".......c.......",
    ".......c.......",
    ".......c.......",
    ".......c.......",
    "...............",
    "...............",
    "ccccc..x..ccccc",
    "...............",
    "...............",
    ".......c.......",
    ".......c.......",
    ".......c.......",
    ".......c.......",
    ".......c.......",
  ],
};

const block: Art = {
  hotSpotX: 4,
  hotSpotY: 7,
  colors: { g: 0x5f9a6b },
  rows: [
    "##########",
    "#gggggggg#",
    "#gooooggg#",
    "#goggoggg#",
    "#goggoggg#",
    "#gooooggg#",
    "#gggggggg#",
    "#gxxxxxxg#",
    "#gggggggg#",
    "#gooooogg#",
    "#gggggggg#",
    "#goooggog#",
    "#gggggggg#",
    "##########",
  ],
};

const lens: Art = {
  hotSpotX: 6,
  hotSpotY: 6,
  colors: { s: 0x4a86bd, n: 0x5a4a3a },
  rows: [
    "....#####.......",
    "..##sssss##.....",
    ".#ss.....ss#....",
    ".#s.......s#....",
    "#s.........s#...",
    "#s....x....s#...",
    "#s...xxx...s#...",
    "#s....x....s#...",
    "#s.........s#...",
    ".#s.......s#....",
    ".#ss.....ss##...",
    "..##sssss##nn#..",
    "....#####.#nnn#.",
    "...........#nnn#",
    "............#nn#",
    ".............##.",
  ],
};

const hand: Art = {
  hotSpotX: 5,
  hotSpotY: 0,
  colors: { k: 0xf0c8a0 },
  rows: [
    "....##........",
    "...#kk#.......",
    "...#kk#.......",
    "...#kk#.......",
    "...#kk###.....",
    "...#kk#kk##...",
    "...#kk#kk#k##.",
    ".###kk#kk#kk#k",
    "#kk#kkkkkkkk#k",
    "#kkkkkkkkkkkkk",
    ".#kkkkkkkkkkkk",
    "..#kkkkkkkkkk#",
    "..#kkkkkkkkkk#",
    "...#kkkkkkkk#.",
    "...#kkkkkkkk#.",
    "....########..",
  ],
};

const shapes: Readonly<Record<Exclude<CursorName, "none">, () => GuestCursor>> = {
  arrow: lazy(() => shape(1, arrow, CursorType.ALPHA, alphaData)),
  text: lazy(() => shape(2, beam, CursorType.MONO, monoData)),
  move: lazy(() => shape(3, move, CursorType.COLOR32, (art) => colorData(art, 4))),
  cross: lazy(() => shape(4, cross, CursorType.COLOR24, (art) => colorData(art, 3))),
  block: lazy(() => shape(5, block, CursorType.COLOR8, (art) => indexData(art, 8))),
  lens: lazy(() => shape(6, lens, CursorType.COLOR16, (art) => colorData(art, 2))),
  hand: lazy(() => shape(7, hand, CursorType.COLOR4, (art) => indexData(art, 4))),
};

function shape(
  number: number,
  art: Art,
  type: GuestCursor["type"],
  encode: (art: Art) => Uint8Array,
): GuestCursor {
  return {
    key: 0x7465_7374n * 0x1_0000n + BigInt(number),
    type,
    width: art.rows[0]!.length,
    height: art.rows.length,
    hotSpotX: art.hotSpotX,
    hotSpotY: art.hotSpotY,
    data: encode(art),
  };
}

/** What the letters of the art say, row by row. */
function letters({ rows }: Art): string[] {
  const width = rows[0]!.length;
  return rows.flatMap((row) => [...row.padEnd(width, ".").slice(0, width)]);
}

function colorOf(art: Art, letter: string): number {
  switch (letter) {
    case "o":
    case "x":
      return 0xffffff;
    default:
      return art.colors?.[letter] ?? 0;
  }
}

function keepsScreen(letter: string): boolean {
  return letter === "." || letter === "x";
}

/** With a soft shadow, which no other type can have. */
function alphaData(art: Art): Uint8Array {
  const width = art.rows[0]!.length;
  const inks = letters(art);
  const data = new Uint8Array(inks.length * 4);
  inks.forEach((letter, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    const behind = x > 1 && y > 1 ? inks[at - 2 * width - 2]! : ".";
    const isInk = letter !== ".";
    const color = isInk ? colorOf(art, letter) : 0;
    data.set([color, color >> 8, color >> 16, isInk ? 255 : behind === "." ? 0 : 70], at * 4);
  });
  return data;
}

function monoData(art: Art): Uint8Array {
  const width = art.rows[0]!.length;
  const rowSize = (width + 7) >> 3;
  const planeSize = rowSize * art.rows.length;
  const data = new Uint8Array(planeSize * 2);
  letters(art).forEach((letter, at) => {
    const x = at % width;
    const byte = Math.floor(at / width) * rowSize + (x >> 3);
    const bit = 0x80 >> (x & 7);
    if (keepsScreen(letter)) data[byte]! |= bit;
    if (letter === "o" || letter === "x") data[planeSize + byte]! |= bit;
  });
  return data;
}

function colorData(art: Art, size: 2 | 3 | 4): Uint8Array {
  const inks = letters(art);
  const data = new Uint8Array(inks.length * size + ((inks.length + 7) >> 3));
  inks.forEach((letter, at) => {
    const color = colorOf(art, letter);
    if (size === 2) {
      const narrow = ((color >> 9) & 0x7c00) | ((color >> 6) & 0x3e0) | ((color >> 3) & 0x1f);
      data.set([narrow, narrow >> 8], at * 2);
    } else {
      data.set([color, color >> 8, color >> 16], at * size);
    }
  });
  writeMask(data.subarray(inks.length * size), inks);
  return data;
}

function indexData(art: Art, bits: 4 | 8): Uint8Array {
  const width = art.rows[0]!.length;
  const inks = letters(art);
  const palette = [...new Set(inks.map((letter) => colorOf(art, letter)))];
  const rowSize = bits === 8 ? width : (width + 1) >> 1;
  const indexSize = rowSize * art.rows.length;
  const maskOffset = indexSize + 4 * (1 << bits);
  const data = new Uint8Array(maskOffset + ((inks.length + 7) >> 3));
  inks.forEach((letter, at) => {
    const x = at % width;
    const row = Math.floor(at / width) * rowSize;
    const index = palette.indexOf(colorOf(art, letter));
    if (bits === 8) data[row + x] = index;
    else data[row + (x >> 1)]! |= index << ((x & 1) === 0 ? 4 : 0);
  });
  palette.forEach((color, index) => {
    data.set([color, color >> 8, color >> 16], indexSize + index * 4);
  });
  writeMask(data.subarray(maskOffset), inks);
  return data;
}

function writeMask(mask: Uint8Array, inks: readonly string[]): void {
  inks.forEach((letter, at) => {
    if (keepsScreen(letter)) mask[at >> 3]! |= 0x80 >> (at & 7);
  });
}
