// Pictures as a client gets them: from its cache, or encoded in the way that suits. Everything that
// depends on what the client has (caches, palettes, GLZ window) is decided when the message is
// sent, never before.

import type { WireImage } from "@caraway/canvas";
import {
  type Bitmap,
  bitmapRowSize,
  type ColorImage,
  encodeBitmap,
  encodeLzIndices,
  type GlzDictionary,
  type GlzType,
  LzType,
  type PixelImage,
  QuicType,
} from "@caraway/codecs";
import { BitmapFlag, BitmapFormat, ImageFlag, ImageType, JpegAlphaFlag } from "@caraway/protocol";
import { joinBytes } from "@caraway/wire";
import { type CompressionSituation, chooseCodec, type PictureCodec } from "./compression-choice.ts";
import type { Encoders } from "./encoders.ts";
import type { GuestPixels } from "./guest-drawing.ts";
import {
  bitmapImage,
  decodePicture,
  imageFlags,
  tightRows,
  withClearHighBytes,
} from "./guest-picture.ts";
import type { PaletteLedger } from "./palette-ledger.ts";
import { isPhoto } from "./photo.ts";
import type { EvictedImages, PixmapCache } from "./pixmap-cache.ts";

/** What the encoding of one message needs to know, and what it leaves behind. */
export interface MessageContext extends CompressionSituation {
  readonly encoders: Encoders;
  /** zlib around GLZ. */
  readonly zlibGlz: boolean;
  /** null: nothing of the message is kept, or taken from what is kept. */
  readonly cache: PixmapCache | null;
  readonly palettes: PaletteLedger;
  /** null: the client has no window. */
  readonly dictionary: () => GlzDictionary | null;
  /** Pictures that were compressed with losses for this message. */
  readonly jpegs: ReadonlyMap<GuestPixels, JpegOutcome>;
  /** Encodings that do not depend on the client. */
  readonly shared: SharedEncodings | null;
  readonly evicted: EvictedImages;
  readonly evictedPalettes: bigint[];
  /** Images of the cache that the message uses. */
  readonly used: Set<bigint>;
  /** Work that is done once for a picture. */
  readonly decoded: Map<GuestPixels, PixelImage>;
  readonly codecs: Map<GuestPixels, PictureCodec>;
  /** Whether something of the message has losses. */
  isLossy: boolean;
}

/** A JPEG file, or nothing where that failed. */
export type JpegOutcome = { readonly data: Uint8Array } | null;

/** Encodings of pictures for several clients. */
export type SharedEncodings = WeakMap<GuestPixels, Map<PictureCodec, Uint8Array>>;

type Context = MessageContext;

/** Whether the message needs this picture as JPEG first; then a task has to be done before. */
export function wantsJpeg(picture: GuestPixels, context: Context): ColorImage | null {
  if (context.jpegs.has(picture) || !context.mayLose) return null;
  if (cachedIn(picture, context) !== null) return null;
  return codecOf(picture, context) === "jpeg" ? colorsOf(picture, context) : null;
}

export function encodePicture(picture: GuestPixels, context: Context): WireImage {
  const { cache } = context;
  const key = picture.key;
  const cached = cachedIn(picture, context);
  const { width, height } = picture;
  if (cached !== null && key !== null && (!cached.isLossy || context.mayLose)) {
    context.used.add(key);
    context.isLossy ||= cached.isLossy;
    const type = cached.isReplaced ? ImageType.FROM_CACHE_LOSSLESS : ImageType.FROM_CACHE;
    return { id: key, type, flags: 0, width, height };
  }
  const image = encodePixels(picture, context);
  if (cache === null || key === null) return image;
  const isLossy = image.type === ImageType.JPEG || image.type === ImageType.JPEG_ALPHA;
  if (cached !== null) {
    context.used.add(key);
    cache.replaced(key);
    return { ...image, id: key, flags: image.flags | ImageFlag.CACHE_REPLACE_ME };
  }
  const isPinned = (other: bigint) => context.used.has(other);
  if (!cache.add(key, width * height, isLossy, isPinned, context.evicted)) return image;
  context.used.add(key);
  return { ...image, id: key, flags: image.flags | ImageFlag.CACHE_ME };
}

function cachedIn({ key }: GuestPixels, { cache }: Context) {
  return key === null ? null : (cache?.find(key) ?? null);
}

function codecOf(picture: GuestPixels, context: Context): PictureCodec {
  const known = context.codecs.get(picture);
  if (known !== undefined) return known;
  const codec = chooseCodec(picture, context, () => isPhoto(colorsOf(picture, context)));
  context.codecs.set(picture, codec);
  return codec;
}

function pixelsOf(picture: GuestPixels, context: Context): PixelImage {
  const known = context.decoded.get(picture);
  if (known !== undefined) return known;
  const image = decodePicture(picture);
  context.decoded.set(picture, image);
  return image;
}

/** For the formats that have colours. */
function colorsOf(picture: GuestPixels, context: Context): ColorImage {
  return pixelsOf(picture, context) as ColorImage;
}

function encodePixels(picture: GuestPixels, context: Context): WireImage {
  switch (codecOf(picture, context)) {
    case "jpeg":
      return (
        jpegImage(picture, context) ?? quicImage(picture, context) ?? rawImage(picture, context)
      );
    case "quic":
      return quicImage(picture, context) ?? rawImage(picture, context);
    case "glz":
      return glzImage(picture, context) ?? lzImage(picture, context) ?? rawImage(picture, context);
    case "lz":
      return lzImage(picture, context) ?? rawImage(picture, context);
    case "lz4":
      return lz4Image(picture, context) ?? rawImage(picture, context);
    case "raw":
      return rawImage(picture, context);
  }
}

function descriptor(picture: GuestPixels) {
  const { width, height } = picture;
  return { id: 0n, flags: imageFlags(picture), width, height };
}

/** An encoding that is smaller than the pixels, or null. */
function smaller(
  picture: GuestPixels,
  codec: PictureCodec,
  context: Context,
  encode: () => Uint8Array,
): Uint8Array | null {
  const known = context.shared?.get(picture)?.get(codec);
  const data = known ?? encode();
  if (known === undefined && context.shared !== null) {
    const encodings = context.shared.get(picture) ?? new Map<PictureCodec, Uint8Array>();
    context.shared.set(picture, encodings.set(codec, data));
  }
  return data.length < bitmapRowSize(picture.format, picture.width) * picture.height ? data : null;
}

function rawImage(picture: GuestPixels, context: Context): WireImage {
  const image = bitmapImage(picture);
  if (picture.palette !== null)
    return { ...image, ...paletteFields(picture, context, BitmapFlag.TOP_DOWN) };
  if (picture.format !== BitmapFormat["32BIT"]) return image;
  // The unused byte is whatever the guest left there; a client may keep it in its cache.
  const clear = withClearHighBytes(colorsOf(picture, context));
  return { ...image, data: encodeBitmap(clear, BitmapFormat["32BIT"]).data };
}

function paletteFields(picture: GuestPixels, context: Context, flags: number) {
  const { key, colors } = picture.palette!;
  const choice = context.palettes.choose(key);
  if (choice.kind === "cached") {
    return {
      bitmapFlags: flags | BitmapFlag.PAL_FROM_CACHE,
      paletteId: key,
      palette: null,
    };
  }
  if (choice.kind === "keep" && choice.evicted !== null) {
    context.evictedPalettes.push(choice.evicted);
  }
  return {
    bitmapFlags: choice.kind === "keep" ? flags | BitmapFlag.PAL_CACHE_ME : flags,
    paletteId: null,
    palette: { unique: key ?? 0n, ents: colors.slice() },
  };
}

const quicTypes: Readonly<Record<number, Exclude<QuicType, typeof QuicType.GRAY>>> = {
  [BitmapFormat["16BIT"]]: QuicType.RGB16,
  [BitmapFormat["24BIT"]]: QuicType.RGB24,
  [BitmapFormat["32BIT"]]: QuicType.RGB32,
  [BitmapFormat.RGBA]: QuicType.RGBA,
};

function quicImage(picture: GuestPixels, context: Context): WireImage | null {
  const type = quicTypes[picture.format];
  if (type === undefined) return null;
  const data = smaller(picture, "quic", context, () => {
    return context.encoders.quic(colorsOf(picture, context), type);
  });
  return data === null ? null : { ...descriptor(picture), type: ImageType.QUIC, data };
}

const lzTypes: Readonly<Record<number, GlzType>> = {
  [BitmapFormat["16BIT"]]: LzType.RGB16,
  [BitmapFormat["24BIT"]]: LzType.RGB24,
  [BitmapFormat["32BIT"]]: LzType.RGB32,
  [BitmapFormat.RGBA]: LzType.RGBA,
};

function lzImage(picture: GuestPixels, context: Context): WireImage | null {
  const { format } = picture;
  if (format <= BitmapFormat["8BIT"]) return lzPaletteImage(picture, context);
  const type = format === BitmapFormat["8BIT_A"] ? LzType.A8 : lzTypes[format];
  if (type === undefined) return null;
  const data = smaller(picture, "lz", context, () => {
    return context.encoders.lz(pixelsOf(picture, context), type);
  });
  return data === null ? null : { ...descriptor(picture), type: ImageType.LZ_RGB, data };
}

function lzPaletteImage(picture: GuestPixels, context: Context): WireImage | null {
  const { width, height, format } = picture;
  const stride = bitmapRowSize(format, width);
  const data = smaller(picture, "lz", context, () => {
    const bitmap: Bitmap = {
      width,
      height,
      format,
      stride,
      topDown: true,
      data: tightRows(picture, stride),
    };
    return encodeLzIndices(bitmap);
  });
  if (data === null || picture.palette === null) return null;
  const palette = paletteFields(picture, context, BitmapFlag.TOP_DOWN);
  return { ...descriptor(picture), type: ImageType.LZ_PLT, ...palette, data };
}

function glzImage(picture: GuestPixels, context: Context): WireImage | null {
  const type = lzTypes[picture.format];
  const dictionary = context.dictionary();
  if (type === undefined || dictionary === null) return null;
  // spice-gtk keeps the filled bytes in its window, where later images find them.
  if (picture.highBitsSet) return null;
  const data = dictionary.encode(colorsOf(picture, context), type);
  if (data === null) return null;
  const { deflate } = context.encoders;
  if (context.zlibGlz && deflate !== null && data.length >= zlibBytesMin) {
    const packed = deflate(data);
    if (packed.length < data.length) {
      const glzDataSize = data.length;
      return { ...descriptor(picture), type: ImageType.ZLIB_GLZ_RGB, glzDataSize, data: packed };
    }
  }
  return { ...descriptor(picture), type: ImageType.GLZ_RGB, data };
}

/** As in spice-server. */
const zlibBytesMin = 100;

function lz4Image(picture: GuestPixels, context: Context): WireImage | null {
  const data = smaller(picture, "lz4", context, () => {
    const image = withClearHighBytes(colorsOf(picture, context));
    // Clients fill the unused byte of 24BIT in LZ4 and nowhere else, so it goes as 32BIT.
    const { format } = picture;
    const kept = format === BitmapFormat["24BIT"] ? BitmapFormat["32BIT"] : format;
    return context.encoders.lz4(encodeBitmap(image, kept));
  });
  return data === null ? null : { ...descriptor(picture), type: ImageType.LZ4, data };
}

function jpegImage(picture: GuestPixels, context: Context): WireImage | null {
  const jpeg = context.jpegs.get(picture)?.data;
  if (jpeg === undefined) return null;
  context.isLossy = true;
  if (picture.format !== BitmapFormat.RGBA) {
    return { ...descriptor(picture), type: ImageType.JPEG, data: jpeg };
  }
  const alpha = context.encoders.lz(colorsOf(picture, context), LzType.XXXA);
  return {
    ...descriptor(picture),
    type: ImageType.JPEG_ALPHA,
    jpegAlphaFlags: JpegAlphaFlag.TOP_DOWN,
    jpegSize: jpeg.length,
    data: joinBytes([jpeg, alpha]),
  };
}
