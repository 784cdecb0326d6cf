// Pictures as PNG files.

import { writeFile } from "node:fs/promises";
import type { Picture } from "@caraway/node";
import { encode } from "fast-png";

export function encodePng({ width, height, colors }: Picture): Uint8Array {
  const data = new Uint8Array(colors.length * 3);
  let at = 0;
  for (const color of colors) {
    data[at++] = color >>> 16;
    data[at++] = color >>> 8;
    data[at++] = color;
  }
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/** Writes a PNG file; `-` is standard output. */
export async function writePng(file: string, picture: Picture): Promise<void> {
  const png = encodePng(picture);
  if (file === "-") process.stdout.write(png);
  else await writeFile(file, png);
}
