// Tells photos and gradients from drawn pictures: QUIC and JPEG are for the former, LZ and GLZ for
// the latter. In a photo neighbouring pixels differ, but little; in a drawn picture they are the
// same or differ much.

import type { ColorImage } from "@caraway/codecs";

const samplesMax = 4096;
/** A difference in one colour from which on an edge is sharp. */
const sharp = 60;
/** Fewer pairs say nothing. */
const samplesMin = 16;

export function isPhoto(image: ColorImage): boolean {
  const { width, height, pixels } = image;
  if (width < 2 || height < 2) return false;
  const columns = Math.min(width - 1, 64);
  const rows = Math.min(height - 1, samplesMax / 64);
  let same = 0;
  let soft = 0;
  let hard = 0;
  for (let row = 0; row < rows; row++) {
    const y = Math.floor((row * (height - 1)) / rows);
    for (let column = 0; column < columns; column++) {
      // The rows are shifted against each other, so that no pattern of stripes is missed.
      const x = (Math.floor((column * (width - 1)) / columns) + row) % (width - 1);
      const at = y * width + x;
      const right = difference(pixels[at]!, pixels[at + 1]!);
      const below = difference(pixels[at]!, pixels[at + width]!);
      // What is all of one colour suits either.
      if (right === 0 && below === 0) continue;
      for (const step of [right, below]) {
        if (step === 0) same += 1;
        else if (step < sharp) soft += 1;
        else hard += 1;
      }
    }
  }
  return same + soft + hard >= samplesMin && soft > 2 * same + 4 * hard;
}

/** The largest difference of one colour. */
function difference(a: number, b: number): number {
  return Math.max(
    Math.abs(((a >> 16) & 255) - ((b >> 16) & 255)),
    Math.abs(((a >> 8) & 255) - ((b >> 8) & 255)),
    Math.abs((a & 255) - (b & 255)),
  );
}
