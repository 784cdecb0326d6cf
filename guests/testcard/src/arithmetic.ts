// Arithmetic that gives the same numbers on every machine: hashes, noise and waves. The functions
// of Math for powers and angles may differ in their last digit, so none of them is used.

/** 32 well-mixed bits of two numbers. */
export function hash(a: number, b: number): number {
  let mixed = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** The sine of a whole number of 1/1024 turns. */
export function wave(turn: number): number {
  const place = ((turn % 1024) + 1024) % 1024;
  const half = place % 512;
  // A quarter turn as a polynomial that is exact to five digits.
  const x = ((half <= 256 ? half : 512 - half) / 256) * 1.5707963267948966;
  const square = x * x;
  const sine = x * (1 - (square / 6) * (1 - (square / 20) * (1 - square / 42)));
  return place < 512 ? sine : -sine;
}

/** Smooth noise from 0 to 1: random at whole places, and a curve between. */
export function noise(seed: number, x: number): number {
  const place = Math.floor(x);
  const rest = x - place;
  const weight = rest * rest * (3 - 2 * rest);
  return mix(hash(seed, place) / 0xffffffff, hash(seed, place + 1) / 0xffffffff, weight);
}

/** The same over a plane. */
export function planeNoise(seed: number, x: number, y: number): number {
  const row = Math.floor(y);
  const rest = y - row;
  const weight = rest * rest * (3 - 2 * rest);
  return mix(noise(hash(seed, row), x), noise(hash(seed, row + 1), x), weight);
}

export function mix(from: number, to: number, weight: number): number {
  return from + (to - from) * weight;
}

/** A colour between two, part by part. */
export function mixColors(from: number, to: number, weight: number): number {
  let color = 0;
  for (let shift = 16; shift >= 0; shift -= 8) {
    const part = mix((from >> shift) & 255, (to >> shift) & 255, weight);
    color |= Math.max(0, Math.min(255, Math.round(part))) << shift;
  }
  return color;
}
