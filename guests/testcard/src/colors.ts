// The colours of the desktop, 0x00RRGGBB.

export const color = {
  ink: 0x263440,
  softInk: 0x5d6b75,
  paper: 0xfaf8f3,
  shade: 0xe9e5db,
  line: 0xcfc9bb,
  white: 0xffffff,
  black: 0x000000,
  night: 0x16222c,
  deep: 0x1f3442,
  teal: 0x2f7f86,
  leaf: 0x5f9a6b,
  sun: 0xe3a548,
  clay: 0xc8623f,
  rose: 0xb6527a,
  plum: 0x6f568f,
  sky: 0x4a86bd,
  /** What a transparent copy leaves out. */
  key: 0xff00ff,
} as const;

/** What can be painted with. */
export const paintColors: readonly number[] = [
  color.ink,
  color.clay,
  color.sun,
  color.leaf,
  color.teal,
  color.sky,
  color.plum,
  color.rose,
];
