// Pointer shapes as pictures that a page can show. Screens of browsers cannot be inverted under a
// pointer: where a shape inverts, it is drawn black with a white rim, which is seen on anything.

import type { CursorShape } from "@caraway/client";
import { decodeCursor } from "@caraway/codecs";
import type { CursorImage } from "./client-message.ts";

const black = 0xff000000;
const white = 0xffffffff;

/** @throws CodecError when the shape does not decode. */
export function cursorImage(shape: CursorShape): CursorImage {
  const { image, inverts } = decodeCursor(shape);
  const { width, height } = image;
  const pixels = inverts === null ? image.pixels : withRim(image.pixels, inverts, width, height);
  const rgba = new Uint8ClampedArray(width * height * 4);
  pixels.forEach((color, at) => {
    const alpha = color >>> 24;
    // Shapes are multiplied by their alpha, pictures of a page are not.
    const plain = (value: number) => (alpha === 0 ? 0 : Math.round((value * 255) / alpha));
    rgba[at * 4] = plain((color >>> 16) & 0xff);
    rgba[at * 4 + 1] = plain((color >>> 8) & 0xff);
    rgba[at * 4 + 2] = plain(color & 0xff);
    rgba[at * 4 + 3] = alpha;
  });
  const { hotSpotX, hotSpotY } = shape;
  return { width, height, hotSpotX, hotSpotY, rgba };
}

function withRim(
  colors: Uint32Array,
  inverts: Uint8Array,
  width: number,
  height: number,
): Uint32Array {
  const pixels = colors.slice();
  const each = (mark: (at: number, x: number, y: number) => void) => {
    inverts.forEach((inverted, at) => {
      if (inverted !== 0) mark(at, at % width, Math.floor(at / width));
    });
  };
  each((_at, x, y) => {
    for (let nextY = Math.max(0, y - 1); nextY <= Math.min(height - 1, y + 1); nextY++) {
      for (let nextX = Math.max(0, x - 1); nextX <= Math.min(width - 1, x + 1); nextX++) {
        const at = nextY * width + nextX;
        if (pixels[at]! >>> 24 === 0) pixels[at] = white;
      }
    }
  });
  each((at) => {
    pixels[at] = black;
  });
  return pixels;
}
