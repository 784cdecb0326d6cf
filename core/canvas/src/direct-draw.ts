// Drawing without waiting, for who has all images at hand: a server that keeps its own copy of what
// its clients show.

import type { Box } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";
import { type DrawMessage, draw } from "./draw.ts";
import { ImageCache } from "./image-cache.ts";
import { areReady, loadImage } from "./image-loader.ts";
import { planImages } from "./image-slot.ts";
import type { LoadedImage, WireImage } from "./loaded-image.ts";
import { PaletteCache } from "./palette-cache.ts";
import type { Surface } from "./surface.ts";

/**
 * Draws a message onto a surface at once, and returns disjoint boxes that hold all that may have
 * changed. Its images are bitmaps with their palettes and surfaces; nothing comes from a cache.
 *
 * @throws CanvasError or CodecError when it makes no sense; then nothing was drawn.
 */
export function drawDirectly(
  message: DrawMessage,
  target: Surface,
  surfaces: (id: number) => Surface | null,
): readonly Box[] {
  const cache = new ImageCache(0);
  const surface = (id: number) => {
    const found = surfaces(id);
    if (found === null) throw new CanvasError("NO_SURFACE", `there is no surface ${id}`);
    return found.pixmap;
  };
  const slots = planImages(message, target.format, new PaletteCache());
  if (!areReady(slots, cache)) throw new CanvasError("BAD_IMAGE", "an image is not at hand");
  const images = new Map<WireImage, LoadedImage>();
  for (const slot of slots) {
    images.set(slot.image, loadImage(slot, target.pixmap.format, { cache, surface }));
  }
  return draw(message, target.pixmap, (image) => images.get(image)!).boxes;
}
