// From a slot that has all it waited for to pixels, and into the image cache where the image says
// so.

import { BitmapFormat, decodeBitmap, decodeMask, type PixelImage } from "@caraway/codecs";
import { ImageFlag, ImageType } from "@caraway/protocol";
import { CanvasError } from "./canvas-error.ts";
import { convertPixmap } from "./convert.ts";
import type { ImageCache } from "./image-cache.ts";
import type { ImageSlot, Slot } from "./image-slot.ts";
import type { LoadedImage, WireImage } from "./loaded-image.ts";
import type { PixelFormat, Pixmap } from "./pixmap.ts";

export interface ImageStores {
  readonly cache: ImageCache;
  /** @throws CanvasError when there is no such surface. */
  readonly surface: (id: number) => Pixmap;
}

/** Whether the image could be loaded now: only cached images may be missing. */
export function isReady(slot: Slot, cache: ImageCache): boolean {
  switch (slot.state.kind) {
    case "job":
    case "running":
    case "glz":
      return false;
    case "cached":
      return slot.role === "frame" || cache.find(slot.image.id, slot.state.lossless) !== null;
    default:
      return true;
  }
}

/**
 * Loads an image that is ready.
 *
 * @param format The format of the surface that is drawn on.
 * @throws CarawayError when it cannot be decoded, or the cache is full.
 */
export function loadImage(slot: ImageSlot, format: PixelFormat, stores: ImageStores): LoadedImage {
  const { image, state } = slot;
  switch (state.kind) {
    case "surface": {
      const pixmap = stores.surface(state.surfaceId);
      return { pixmap: slot.role === "mask" ? asMask(pixmap) : pixmap, isSurface: true };
    }
    case "cached": {
      const pixmap = stores.cache.find(image.id, state.lossless);
      if (pixmap === null) throw new CanvasError("BAD_IMAGE", `image ${image.id} is not cached`);
      return { pixmap: slot.role === "mask" ? asMask(pixmap) : pixmap, isSurface: false };
    }
    case "bitmap": {
      const { bitmap, palette } = state;
      let pixmap: Pixmap;
      if (slot.role === "mask") {
        const pixels = decodeMask(bitmap);
        pixmap = { format: "a1", width: bitmap.width, height: bitmap.height, pixels };
      } else {
        const decoded = decodeBitmap(bitmap, palette);
        pixmap = withHighBits(image, toPixmap(decoded), decoded);
        if (keepsPaletteAlpha(bitmap.format, slot, format)) {
          pixmap = { ...pixmap, format: "a8r8g8b8" } as Pixmap;
        }
      }
      return { pixmap: cached(image, pixmap, stores.cache), isSurface: false };
    }
    case "decoded": {
      if (state.image.width !== image.width || state.image.height !== image.height) {
        const { width, height } = state.image;
        const detail = `an image of ${width} by ${height} pixels was announced with another size`;
        throw new CanvasError("BAD_IMAGE", detail);
      }
      const pixmap = withHighBits(image, toPixmap(state.image), null);
      return { pixmap: cached(image, pixmap, stores.cache), isSurface: false };
    }
    case "failed":
      throw state.error;
    default:
      throw new CanvasError("BAD_IMAGE", "an image is not decoded yet");
  }
}

function toPixmap(image: PixelImage): Pixmap {
  const { width, height } = image;
  switch (image.format) {
    case "argb":
      return { format: "a8r8g8b8", width, height, pixels: image.pixels };
    case "xrgb":
      return { format: "x8r8g8b8", width, height, pixels: image.pixels };
    case "a8":
      return { format: "a8", width, height, pixels: image.pixels };
  }
}

/** Applies HIGH_BITS_SET; only in the pixels of `own`, as others may be the GLZ window's. */
function withHighBits(image: WireImage, pixmap: Pixmap, own: PixelImage | null): Pixmap {
  if ((image.flags & ImageFlag.HIGH_BITS_SET) === 0 || pixmap.format !== "x8r8g8b8") return pixmap;
  const pixels = own === null ? pixmap.pixels.slice() : pixmap.pixels;
  for (let at = 0; at < pixels.length; at++) pixels[at] = pixels[at]! | 0xff000000;
  return { ...pixmap, pixels };
}

/**
 * The reference reads palette pictures as having alpha, namely the high bytes of the palette, when
 * it keeps them in their own format while it draws on a 32_ARGB surface.
 */
function keepsPaletteAlpha(bitmapFormat: number, slot: ImageSlot, format: PixelFormat): boolean {
  const isCached = (slot.image.flags & (ImageFlag.CACHE_ME | ImageFlag.CACHE_REPLACE_ME)) !== 0;
  return (
    format === "a8r8g8b8" && bitmapFormat <= BitmapFormat["8BIT"] && (isCached || slot.isOriginal)
  );
}

function cached(image: WireImage, pixmap: Pixmap, cache: ImageCache): Pixmap {
  const lossy = image.type === ImageType.JPEG || image.type === ImageType.JPEG_ALPHA;
  if ((image.flags & ImageFlag.CACHE_ME) !== 0) {
    cache.put(image.id, pixmap, lossy);
  } else if ((image.flags & ImageFlag.CACHE_REPLACE_ME) !== 0) {
    if (lossy) throw new CanvasError("BAD_IMAGE", "a lossy image is to replace a cached one");
    cache.replace(image.id, pixmap);
  }
  return pixmap;
}

/** Alpha of more bits counts as set from the middle on; colours cannot be a mask. */
function asMask(pixmap: Pixmap): Pixmap {
  if (pixmap.format === "a1") return pixmap;
  if (pixmap.format === "a8") return convertPixmap(pixmap, "a1");
  throw new CanvasError("BAD_IMAGE", `pixels in ${pixmap.format} cannot be a mask`);
}
