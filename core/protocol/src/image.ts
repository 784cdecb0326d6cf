// Images and palettes as they stand inside messages. What the payloads hold is the matter of
// `codecs`; see docs/formats.

import {
  bytes,
  count,
  enumOf,
  flagsOf,
  list,
  nullable,
  pointer,
  struct,
  tagged,
  u8,
  u16,
  u32,
  u64,
  unless,
  when,
} from "@caraway/wire";
import { BitmapFlag, BitmapFormat, ImageFlag, ImageType, JpegAlphaFlag } from "./constants.ts";

/** Colours are 0x00RRGGBB. `unique` is the key of the palette cache. */
export const Palette = struct("Palette", {
  unique: u64,
  numEnts: count(u16, "ents"),
  ents: list(u32, { count: "numEnts" }),
});

const bitmapFlags = flagsOf(u8, "BitmapFlag", BitmapFlag);

const compressed = {
  dataSize: count(u32, "data"),
  data: bytes({ count: "dataSize" }),
} as const;

/** `id` is the key of the image cache; payload stands inline, a palette elsewhere. */
export const Image = tagged(
  "Image",
  {
    id: u64,
    type: enumOf(u8, "ImageType", ImageType),
    flags: flagsOf(u8, "ImageFlag", ImageFlag),
    width: u32,
    height: u32,
  },
  "type",
  {
    [ImageType.BITMAP]: {
      format: enumOf(u8, "BitmapFormat", BitmapFormat),
      bitmapFlags,
      x: u32,
      y: u32,
      stride: u32,
      paletteId: when("bitmapFlags", BitmapFlag.PAL_FROM_CACHE, u64),
      palette: unless("bitmapFlags", BitmapFlag.PAL_FROM_CACHE, nullable(Palette)),
      data: bytes({ product: ["stride", "y"] }),
    },
    [ImageType.QUIC]: compressed,
    [ImageType.LZ_PLT]: {
      bitmapFlags,
      dataSize: count(u32, "data"),
      paletteId: when("bitmapFlags", BitmapFlag.PAL_FROM_CACHE, u64),
      palette: unless("bitmapFlags", BitmapFlag.PAL_FROM_CACHE, pointer(Palette)),
      data: bytes({ count: "dataSize" }),
    },
    [ImageType.LZ_RGB]: compressed,
    [ImageType.GLZ_RGB]: compressed,
    [ImageType.FROM_CACHE]: {},
    [ImageType.SURFACE]: { surfaceId: u32 },
    [ImageType.JPEG]: compressed,
    [ImageType.FROM_CACHE_LOSSLESS]: {},
    [ImageType.ZLIB_GLZ_RGB]: { glzDataSize: u32, ...compressed },
    [ImageType.JPEG_ALPHA]: {
      jpegAlphaFlags: flagsOf(u8, "JpegAlphaFlag", JpegAlphaFlag),
      /** The first bytes of `data` are JPEG, the rest is an LZ image of type XXXA. */
      jpegSize: u32,
      ...compressed,
    },
    [ImageType.LZ4]: compressed,
  },
);
