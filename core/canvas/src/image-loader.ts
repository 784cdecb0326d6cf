// From a slot that has all it waited for to pixels, and into the image cache where the image says
// so.

import {
  type Bitmap,
  BitmapFormat,
  decodeBitmap,
  decodeMask,
  LzType,
  type PixelImage,
  QuicType,
  readLzHeader,
  readQuicHeader,
} from "@caraway/codecs";
import { ImageFlag, ImageType } from "@caraway/protocol";
import { CanvasError } from "./canvas-error.ts";
import { convertPixmap } from "./convert.ts";
import type { ImageCache } from "./image-cache.ts";
import type { ImageSlot, Slot, SlotState } from "./image-slot.ts";
import type { LoadedImage, WireImage } from "./loaded-image.ts";
import { type PixelFormat, type Pixmap, pixelDepth } from "./pixmap.ts";

export interface ImageStores {
  readonly cache: ImageCache;
  /** @throws CanvasError when there is no such surface. */
  readonly surface: (id: number) => Pixmap;
}

/** Whether the images could be loaded now, one after the other: only cached ones may be missing. */
export function areReady(slots: readonly Slot[], cache: ImageCache): boolean {
  const coming = new Set<bigint>();
  for (const slot of slots) {
    switch (slot.state.kind) {
      case "job":
      case "running":
      case "glz":
        return false;
    }
    if (slot.role === "frame") continue;
    const { image, state } = slot;
    if (state.kind === "cached") {
      if (cache.find(image.id, state.lossless) === null && !coming.has(image.id)) return false;
    } else if (keepsImage(image) && !isLossy(image)) {
      coming.add(image.id);
    }
  }
  return true;
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
      const pixmap = slot.role === "mask" ? maskOf(state.bitmap) : pictureOf(slot, state, format);
      return { pixmap: cached(image, pixmap, stores.cache), isSurface: false };
    }
    case "decoded": {
      if (state.image.width !== image.width || state.image.height !== image.height) {
        const { width, height } = state.image;
        const detail = `an image of ${width} by ${height} pixels was announced with another size`;
        throw new CanvasError("BAD_IMAGE", detail);
      }
      const pixmap = fillHighBytes(slot, toPixmap(state.image), format);
      return { pixmap: cached(image, pixmap, stores.cache), isSurface: false };
    }
    case "failed":
      throw state.error;
    default:
      throw new CanvasError("BAD_IMAGE", "an image is not decoded yet");
  }
}

function maskOf(bitmap: Bitmap): Pixmap {
  const { width, height } = bitmap;
  return { format: "a1", width, height, pixels: decodeMask(bitmap) };
}

function pictureOf(
  slot: ImageSlot,
  { bitmap, palette }: SlotState & { kind: "bitmap" },
  format: PixelFormat,
): Pixmap {
  const pixmap = toPixmap(decodeBitmap(bitmap, palette));
  if (pixmap.format === "x8r8g8b8" && hasPaletteAlpha(slot, bitmap.format, format)) {
    return { ...pixmap, format: "a8r8g8b8" };
  }
  const isConverted = pixmap.format === "a8" && pixelDepth(format) === 32 && !keepsFormat(slot);
  return fillHighBytes(slot, isConverted ? convertPixmap(pixmap, "x8r8g8b8") : pixmap, format);
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

/** The decoded image, with the unused bytes of its pixels as the reference has them. */
function fillHighBytes(slot: ImageSlot, pixmap: Pixmap, format: PixelFormat): Pixmap {
  if (pixmap.format !== "x8r8g8b8") return pixmap;
  const { type, flags } = slot.image;
  if ((flags & ImageFlag.HIGH_BITS_SET) === 0 && !isWidened(slot, format)) return pixmap;
  const isShared = type === ImageType.GLZ_RGB || type === ImageType.ZLIB_GLZ_RGB;
  const pixels = isShared ? pixmap.pixels.slice() : pixmap.pixels;
  for (let at = 0; at < pixels.length; at++) pixels[at] = pixels[at]! | 0xff000000;
  return { ...pixmap, pixels };
}

/**
 * Whether the reference holds the image in fewer than 32 bits a pixel, and so sets the unused bytes
 * when it widens it: always or, for some kinds, when the image is wanted in its own format.
 */
function isWidened(slot: ImageSlot, format: PixelFormat): boolean {
  const { image } = slot;
  const isNarrowSurface = pixelDepth(format) !== 32;
  switch (image.type) {
    case ImageType.BITMAP:
      if (image.format <= BitmapFormat["8BIT"]) return isNarrowSurface && keepsFormat(slot);
      return image.format === BitmapFormat["16BIT"];
    case ImageType.LZ4:
      return image.data[1] === BitmapFormat["16BIT"] || image.data[1] === BitmapFormat["24BIT"];
    case ImageType.QUIC:
      return (
        (isNarrowSurface || keepsFormat(slot)) && readQuicHeader(image.data).type === QuicType.RGB16
      );
    case ImageType.LZ_RGB:
      return (
        (isNarrowSurface || keepsFormat(slot)) && readLzHeader(image.data).type === LzType.RGB16
      );
    default:
      return false;
  }
}

/** Whether the image is kept in its own format, not in that of the surface that is drawn on. */
function keepsFormat({ image, isOriginal }: ImageSlot): boolean {
  return isOriginal || keepsImage(image);
}

function keepsImage(image: WireImage): boolean {
  return (image.flags & (ImageFlag.CACHE_ME | ImageFlag.CACHE_REPLACE_ME)) !== 0;
}

function isLossy(image: WireImage): boolean {
  return image.type === ImageType.JPEG || image.type === ImageType.JPEG_ALPHA;
}

/**
 * The reference reads palette pictures as having alpha, namely the high bytes of the palette, when
 * it keeps them in their own format while it draws on a 32_ARGB surface.
 */
function hasPaletteAlpha(slot: ImageSlot, bitmapFormat: number, format: PixelFormat): boolean {
  return format === "a8r8g8b8" && bitmapFormat <= BitmapFormat["8BIT"] && keepsFormat(slot);
}

function cached(image: WireImage, pixmap: Pixmap, cache: ImageCache): Pixmap {
  if ((image.flags & ImageFlag.CACHE_ME) !== 0) {
    cache.put(image.id, pixmap, isLossy(image));
  } else if ((image.flags & ImageFlag.CACHE_REPLACE_ME) !== 0) {
    if (isLossy(image))
      throw new CanvasError("BAD_IMAGE", "a lossy image is to replace a cached one");
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
