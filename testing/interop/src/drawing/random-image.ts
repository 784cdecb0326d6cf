// Random images of every kind that a display message can carry, as far as the reference client takes them.

import { deflateSync } from "node:zlib";
import {
  type ColorImage,
  encodeBitmap,
  encodeLz,
  encodeLz4Image,
  encodeLzIndices,
  encodeQuic,
  LzType,
  QuicType,
} from "@caraway/codecs";
import {
  BitmapFlag,
  BitmapFormat,
  ImageFlag,
  ImageType,
  type SurfaceFormat,
} from "@caraway/protocol";
import type { RandomSource } from "./random-source.ts";
import { type CachedImage, depthOf, type SceneState, type WireImage } from "./scene-state.ts";

export interface ImageOptions {
  /** Of the surface that is drawn on. */
  readonly format: SurfaceFormat;
  /** Surfaces that may stand for the image: none by default. */
  readonly surfaces?: SceneState["surfaces"];
  /** Whether its alpha will be looked at, so that it should have some. */
  readonly wantsAlpha?: boolean;
  /** Whether the message may be drawn without a look at the image: then it must not be waited for. */
  readonly isOptional?: boolean;
}

export interface MadeImage {
  readonly image: WireImage;
  readonly width: number;
  readonly height: number;
  /** The cached image or the surface that it is, or becomes. */
  readonly entry: { hasTransform: boolean } | null;
}

/** An image of at least `minWidth` by `minHeight` pixels. */
export function randomImage(
  state: SceneState,
  options: ImageOptions,
  minWidth = 1,
  minHeight = 1,
): MadeImage {
  const { random } = state;
  const fits = (item: { readonly width: number; readonly height: number }) =>
    item.width >= minWidth && item.height >= minHeight;
  const surfaces = (options.surfaces ?? []).filter(fits);
  if (surfaces.length > 0 && random.once(3)) {
    const surface = random.pick(surfaces);
    const { id: surfaceId, width, height } = surface;
    const image = { ...descriptor(width, height), type: ImageType.SURFACE, surfaceId };
    return { image, width, height, entry: surface };
  }
  const cached = state.cached.filter(
    (item) => item.kind === "picture" && !item.hasTransform && fits(item),
  );
  if (options.isOptional !== true && cached.length > 0 && random.once(4)) {
    const item = random.pick(cached);
    const type = random.pick([ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS]);
    const image = { ...descriptor(item.width, item.height), id: item.id, type };
    return { image, width: item.width, height: item.height, entry: item };
  }
  const width = random.between(minWidth, minWidth + random.pick([0, 3, 12]));
  const height = random.between(minHeight, minHeight + random.pick([0, 3, 12]));
  const image = freshImage(state, options, width, height);
  return { image, width, height, entry: remember(state, image, "picture") };
}

function descriptor(width: number, height: number) {
  return { id: 0n, flags: 0, width, height };
}

/** Half of the time the image asks to be cached. */
function cacheFlags(state: SceneState): { id: bigint; flags: number } {
  const { random } = state;
  const flags = random.once(3) ? random.pick([ImageFlag.CACHE_ME, ImageFlag.CACHE_REPLACE_ME]) : 0;
  const high = random.once(4) ? ImageFlag.HIGH_BITS_SET : 0;
  return { id: state.nextId++, flags: flags | high };
}

function remember(
  state: SceneState,
  image: WireImage,
  kind: CachedImage["kind"],
): CachedImage | null {
  if ((image.flags & (ImageFlag.CACHE_ME | ImageFlag.CACHE_REPLACE_ME)) === 0) return null;
  const { id, width, height } = image;
  const entry: CachedImage = { id, width, height, kind, hasTransform: false };
  state.cached.push(entry);
  return entry;
}

function freshImage(
  state: SceneState,
  options: ImageOptions,
  width: number,
  height: number,
): WireImage {
  const { random } = state;
  const colors = randomColors(random, width, height);
  if (options.isOptional === true) {
    return colorBitmap(random, { id: 0n, flags: 0, width, height }, colors, options);
  }
  const base = { ...cacheFlags(state), width, height };
  const depth = depthOf(options.format);
  const kinds = ["bitmap", "bitmap", "quic", "lz", "lz4", "glz"];
  // The reference gives up on palettes on surfaces of 16 bits (565), 8 bits and 1 bit.
  const takesPalettes = depth === 32 || options.format === 16;
  if (takesPalettes) kinds.push("palette", "lz palette");
  switch (random.pick(kinds)) {
    case "quic": {
      const type = random.pick([QuicType.RGB16, QuicType.RGB24, QuicType.RGB32, QuicType.RGBA]);
      return { ...base, type: ImageType.QUIC, data: encodeQuic(colors, type) };
    }
    case "lz": {
      if (random.once(6)) {
        const pixels = Uint8Array.from(colors.pixels, (color) => color >>> 24);
        const data = encodeLz({ format: "a8", width, height, pixels });
        return { ...base, type: ImageType.LZ_RGB, data };
      }
      const type = random.pick([LzType.RGB16, LzType.RGB24, LzType.RGB32, LzType.RGBA]);
      return { ...base, type: ImageType.LZ_RGB, data: encodeLz(colors, type) };
    }
    case "lz4": {
      const format = random.pick([
        BitmapFormat["16BIT"],
        BitmapFormat["24BIT"],
        BitmapFormat["32BIT"],
        BitmapFormat.RGBA,
      ]);
      const bitmap = { ...encodeBitmap(colors, format), topDown: !random.once(2) };
      return { ...base, type: ImageType.LZ4, data: encodeLz4Image(bitmap) };
    }
    case "glz": {
      const type = random.pick([LzType.RGB16, LzType.RGB24, LzType.RGB32, LzType.RGBA]);
      const data = state.glz.encode(colors, type)!;
      // The reference sets high bytes in its window, from where later images copy them.
      const glz = { ...base, flags: base.flags & ~ImageFlag.HIGH_BITS_SET };
      if (random.once(2)) return { ...glz, type: ImageType.GLZ_RGB, data };
      const glzDataSize = data.length;
      const deflated = new Uint8Array(deflateSync(data));
      return { ...glz, type: ImageType.ZLIB_GLZ_RGB, glzDataSize, data: deflated };
    }
    case "palette":
      return paletteBitmap(state, base, options.format);
    case "lz palette":
      return lzPalette(state, base, options.format);
    default:
      return colorBitmap(random, base, colors, options);
  }
}

type Base = { id: bigint; flags: number; width: number; height: number };

function colorBitmap(
  random: RandomSource,
  base: Base,
  colors: ColorImage,
  options: ImageOptions,
): WireImage {
  const { width, height } = base;
  const alphaOnly = random.once(8);
  const format = alphaOnly
    ? BitmapFormat["8BIT_A"]
    : options.wantsAlpha === true && !random.once(3)
      ? BitmapFormat.RGBA
      : random.pick([
          BitmapFormat["16BIT"],
          BitmapFormat["24BIT"],
          BitmapFormat["32BIT"],
          BitmapFormat["32BIT"],
          BitmapFormat.RGBA,
        ]);
  const pixels = Uint8Array.from(colors.pixels, (color) => color >>> 24);
  const bitmap = alphaOnly
    ? encodeBitmap({ format: "a8", width, height, pixels }, format)
    : encodeBitmap(colors, format);
  return bitmapImage(random, base, format, bitmap.stride, bitmap.data, null);
}

function bitmapImage(
  random: RandomSource,
  base: Base,
  format: BitmapFormat,
  rowSize: number,
  rows: Uint8Array,
  palette: { flags: number; id: bigint | null; value: PaletteValue | null } | null,
): WireImage {
  const { width, height } = base;
  // The reference converts straight from rows whose stride is a multiple of four, and copies others.
  const stride = random.pick([rowSize, rowSize + 1, (rowSize + 3) & ~3, ((rowSize + 3) & ~3) + 4]);
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    data.set(rows.subarray(y * rowSize, (y + 1) * rowSize), y * stride);
    for (let x = rowSize; x < stride; x++) data[y * stride + x] = random.bits();
  }
  const topDown = random.once(2) ? 0 : BitmapFlag.TOP_DOWN;
  return {
    ...base,
    type: ImageType.BITMAP,
    format,
    bitmapFlags: topDown | (palette?.flags ?? 0),
    x: width,
    y: height,
    stride,
    paletteId: palette?.id ?? null,
    palette: palette?.value ?? null,
    data,
  };
}

interface PaletteValue {
  readonly unique: bigint;
  readonly ents: readonly number[];
}

function randomPalette(state: SceneState, count: number, format: SurfaceFormat) {
  const { random } = state;
  if (format !== 16 && state.palettes.length > 0 && random.once(4)) {
    return { flags: BitmapFlag.PAL_FROM_CACHE, id: random.pick(state.palettes), value: null };
  }
  const limit = format === 16 ? 0x7fff : random.pick([0xffffff, 0xffffffff]);
  const ents = Array.from({ length: count }, () => (random.bits() & limit) >>> 0);
  const unique = state.nextId++;
  // A palette is kept if it has as many entries as any image may need, and colours of 32 bits.
  const keep = count === 256 && format !== 16 && random.once(2);
  if (keep) state.palettes.push(unique);
  return { flags: keep ? BitmapFlag.PAL_CACHE_ME : 0, id: null, value: { unique, ents } };
}

function paletteBitmap(state: SceneState, base: Base, format: SurfaceFormat): WireImage {
  const { random } = state;
  const bits = random.pick([1, 4, 8]);
  const kind = { 1: "1BIT_BE", 4: "4BIT_BE", 8: "8BIT" }[bits] as "1BIT_BE" | "4BIT_BE" | "8BIT";
  const rowSize = Math.ceil((base.width * bits) / 8);
  const rows = Uint8Array.from({ length: rowSize * base.height }, () => random.bits());
  const palette = randomPalette(state, 1 << bits, format);
  return bitmapImage(random, base, BitmapFormat[kind], rowSize, rows, palette);
}

function lzPalette(state: SceneState, base: Base, format: SurfaceFormat): WireImage {
  const { random } = state;
  const { width, height } = base;
  const kind = random.pick(["1BIT_LE", "1BIT_BE", "4BIT_LE", "4BIT_BE", "8BIT"] as const);
  const bits = { "1BIT_LE": 1, "1BIT_BE": 1, "4BIT_LE": 4, "4BIT_BE": 4, "8BIT": 8 }[kind];
  const stride = Math.ceil((width * bits) / 8);
  const rows = Uint8Array.from({ length: stride * height }, () =>
    random.pick([0, 255, random.bits()]),
  );
  const data = encodeLzIndices({
    format: BitmapFormat[kind],
    width,
    height,
    stride,
    topDown: random.once(2),
    data: rows,
  });
  const palette = randomPalette(state, 1 << bits, format);
  return {
    ...base,
    type: ImageType.LZ_PLT,
    bitmapFlags: palette.flags,
    paletteId: palette.id,
    palette: palette.value,
    data,
  };
}

/** Noise, one colour, a few colours, or a gradient; alpha present, with colours multiplied by it or not. */
export function randomColors(random: RandomSource, width: number, height: number): ColorImage {
  const pixels = new Uint32Array(width * height);
  const style = random.below(4);
  const few = [random.bits(), random.bits(), 0, 0xffffffff];
  const multiplied = !random.once(3);
  for (let at = 0; at < pixels.length; at++) {
    let color = few[0]!;
    if (style === 0) color = random.bits();
    if (style === 1) color = random.pick(few);
    if (style === 2) color = (at * 0x01030507 + few[1]!) >>> 0;
    if (random.once(12)) color |= 0xff000000;
    pixels[at] = multiplied ? multiplyAlpha(color >>> 0) : color;
  }
  return { format: "argb", width, height, pixels };
}

function multiplyAlpha(color: number): number {
  const alpha = color >>> 24;
  const part = (shift: number) => Math.round((((color >>> shift) & 255) * alpha) / 255) << shift;
  return ((alpha << 24) | part(16) | part(8) | part(0)) >>> 0;
}

/** A picture of one bit per pixel for a mask: a bitmap, one from the cache, or a surface of one bit. */
export function randomMask(state: SceneState): WireImage | null {
  const { random } = state;
  if (!random.once(3)) return null;
  const surfaces = state.surfaces.filter(({ format }) => format === 1);
  if (surfaces.length > 0 && random.once(3)) {
    const { id: surfaceId, width, height } = random.pick(surfaces);
    return { ...descriptor(width, height), type: ImageType.SURFACE, surfaceId };
  }
  const cached = state.cached.filter(({ kind }) => kind === "mask");
  if (cached.length > 0 && random.once(3)) {
    const { id, width, height } = random.pick(cached);
    return { ...descriptor(width, height), id, type: ImageType.FROM_CACHE };
  }
  const width = random.between(1, 70);
  const height = random.between(1, 40);
  const rowSize = Math.ceil(width / 8);
  const rows = Uint8Array.from({ length: rowSize * height }, () =>
    random.pick([0, 255, random.bits(), random.bits()]),
  );
  const kind = random.pick(["1BIT_LE", "1BIT_BE"] as const);
  const flags = random.once(3) ? ImageFlag.CACHE_ME : 0;
  const base = { id: state.nextId++, flags, width, height };
  const image = bitmapImage(random, base, BitmapFormat[kind], rowSize, rows, null);
  remember(state, image, "mask");
  return image;
}
