// Surfaces: what is drawn on and what is shown.

import type { SurfaceFormat } from "@caraway/protocol";
import type { Box } from "./box.ts";
import { fetchPixel } from "./convert.ts";
import { createPixmap, type Pixmap, surfacePixelFormat } from "./pixmap.ts";

/** A coordinate of a surface has 15 bits; the reference's pixel library reads no larger one. */
export const maxSurfaceSide = 0x7ffe;

export interface Surface {
  readonly id: number;
  readonly format: SurfaceFormat;
  readonly width: number;
  readonly height: number;
  /** Whether the display shows it; the others are kept to draw from. */
  readonly isPrimary: boolean;
  /** Read it at any time between inputs to the renderer; never write to it. */
  readonly pixmap: Pixmap;
}

/** A new surface is black (and transparent, where it has alpha). */
export function createSurface(fields: Omit<Surface, "pixmap">): Surface {
  const pixmap = createPixmap(surfacePixelFormat(fields.format), fields.width, fields.height);
  return { ...fields, pixmap };
}

/**
 * The colours of a part of a surface that lies inside it, `0xffRRGGBB` row by row; with `alpha`
 * the surface's own where it has one.
 */
export function readColors(surface: Surface, box: Box, alpha = false): Uint32Array {
  const { pixmap } = surface;
  const width = box.right - box.left;
  const colors = new Uint32Array(width * (box.bottom - box.top));
  const opaque = alpha ? 0 : 0xff000000;
  let to = 0;
  for (let y = box.top; y < box.bottom; y++) {
    let from = y * pixmap.width + box.left;
    for (const end = to + width; to < end; to++, from++) {
      colors[to] = fetchPixel(pixmap.format, pixmap.pixels[from]!) | opaque;
    }
  }
  return colors;
}
