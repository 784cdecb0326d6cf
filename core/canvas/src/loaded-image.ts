// An image as a drawing operation finds it: decoded, from the cache, or the pixels of a surface.

import { type Image, ImageType } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import { convertPixmap } from "./convert.ts";
import { type Pixmap, pixelDepth } from "./pixmap.ts";

export type WireImage = Infer<typeof Image>;

export interface LoadedImage {
  readonly pixmap: Pixmap;
  /** Whether the pixels are those of a surface, which may be the one that is drawn on. */
  readonly isSurface: boolean;
}

/** The image that a field of the message refers to, loaded before the operation began. */
export type ImageLookup = (image: WireImage) => LoadedImage;

export function isSurfaceImage(
  image: WireImage,
): image is WireImage & { type: typeof ImageType.SURFACE } {
  return image.type === ImageType.SURFACE;
}

/**
 * The image as raw pixels that can be put onto `dest`. Pictures are converted to its format, except
 * that either kind of 32-bit pixel is left alone; a surface of the same depth is copied bit by bit.
 */
export function rawPixels(image: LoadedImage, dest: Pixmap): Pixmap {
  const { pixmap } = image;
  const depth = pixelDepth(dest.format);
  if (pixelDepth(pixmap.format) === depth && (image.isSurface || depth === 32)) return pixmap;
  return convertPixmap(pixmap, depth === 32 ? "x8r8g8b8" : dest.format);
}
