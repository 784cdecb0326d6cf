// A picture laid over a destination.

import type { Box } from "./box.ts";
import type { Picture } from "./picture.ts";

/** A picture, and which of its points (before its transform) lies on the destination's (0, 0). */
export interface PlacedPicture {
  readonly picture: Picture;
  readonly x: number;
  readonly y: number;
}

/** A box of the destination in the picture's space before its transform. */
export function placedBox({ x, y }: PlacedPicture, box: Box): Box {
  return { left: box.left + x, top: box.top + y, right: box.right + x, bottom: box.bottom + y };
}
