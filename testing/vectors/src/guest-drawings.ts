// Random drawings as a guest offers them: every operation, every picture format, surfaces of every
// format as targets and as sources. The same seed makes the same drawings.

import {
  BitmapFormat,
  BrushType,
  ClipType,
  MaskFlag,
  PathFlag,
  RopDescriptor,
  ScaleMode,
  StringFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import type { Drawing, DrawingBody, GuestImage, GuestPixels } from "@caraway/server";
import { Random } from "./random.ts";

export interface DrawnSurface {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  readonly format: SurfaceFormat;
}

type Body<N extends Drawing["name"]> = DrawingBody<N>;
type Box = Body<"DRAW_COPY">["srcArea"];
type Brush = Body<"DRAW_FILL">["brush"];
type Mask = Body<"DRAW_FILL">["mask"];

const operations = [
  "COPY_BITS",
  "DRAW_FILL",
  "DRAW_OPAQUE",
  "DRAW_COPY",
  "DRAW_BLEND",
  "DRAW_BLACKNESS",
  "DRAW_WHITENESS",
  "DRAW_INVERS",
  "DRAW_ROP3",
  "DRAW_STROKE",
  "DRAW_TEXT",
  "DRAW_TRANSPARENT",
  "DRAW_ALPHA_BLEND",
  "DRAW_COMPOSITE",
] as const satisfies readonly Drawing["name"][];

const rops = [
  RopDescriptor.OP_PUT,
  RopDescriptor.OP_PUT,
  RopDescriptor.OP_PUT,
  RopDescriptor.OP_XOR,
  RopDescriptor.OP_AND | RopDescriptor.INVERS_SRC,
  RopDescriptor.OP_OR,
];

const pictureFormats = [
  BitmapFormat["32BIT"],
  BitmapFormat["32BIT"],
  BitmapFormat.RGBA,
  BitmapFormat["24BIT"],
  BitmapFormat["16BIT"],
  BitmapFormat["8BIT"],
  BitmapFormat["4BIT_BE"],
  BitmapFormat["4BIT_LE"],
  BitmapFormat["1BIT_BE"],
  BitmapFormat["1BIT_LE"],
];

const bits: Readonly<Record<number, number>> = {
  [BitmapFormat["1BIT_LE"]]: 1,
  [BitmapFormat["1BIT_BE"]]: 1,
  [BitmapFormat["4BIT_LE"]]: 4,
  [BitmapFormat["4BIT_BE"]]: 4,
  [BitmapFormat["8BIT"]]: 8,
  [BitmapFormat["16BIT"]]: 16,
  [BitmapFormat["24BIT"]]: 24,
  [BitmapFormat["32BIT"]]: 32,
  [BitmapFormat.RGBA]: 32,
  [BitmapFormat["8BIT_A"]]: 8,
};

export class RandomDrawings {
  readonly #random: Random;
  readonly #surfaces: readonly DrawnSurface[];
  /** Pictures and palettes that come again. */
  readonly #kept: GuestPixels[] = [];
  #nextKey = 1n;

  constructor(seed: number, surfaces: readonly DrawnSurface[]) {
    this.#random = new Random(seed);
    this.#surfaces = surfaces;
  }

  /** A drawing onto one of the surfaces that a client shows correctly in every encoding. */
  next(): Drawing {
    const random = this.#random;
    const target = random.pick(this.#surfaces);
    const name = isNarrow(target) ? random.pick(["DRAW_FILL", "DRAW_COPY"] as const) : null;
    return this.#draw(name ?? random.pick(operations), target);
  }

  #draw(name: Drawing["name"], target: DrawnSurface): Drawing {
    const box = this.#box(target);
    const base = this.#base(target, box);
    const mask = this.#mask(box, target);
    switch (name) {
      case "COPY_BITS": {
        const x = this.#random.below(target.width - (box.right - box.left) + 1);
        const y = this.#random.below(target.height - (box.bottom - box.top) + 1);
        return { name, body: { base, srcPos: { x, y } } };
      }
      case "DRAW_FILL":
        return {
          name,
          body: { base, brush: this.#brush(target), ropDescriptor: this.#rop(), mask },
        };
      case "DRAW_BLACKNESS":
      case "DRAW_WHITENESS":
      case "DRAW_INVERS":
        return { name, body: { base, mask } };
      case "DRAW_COPY":
      case "DRAW_BLEND": {
        const source = this.#source(target, box);
        const ropDescriptor = this.#rop();
        return {
          name,
          body: { base, ...source, ropDescriptor, scaleMode: this.#scaleMode(), mask },
        };
      }
      case "DRAW_OPAQUE": {
        const source = this.#source(target, box);
        const brush = this.#brush(target);
        const ropDescriptor = RopDescriptor.OP_AND;
        const scaleMode = this.#scaleMode();
        return { name, body: { base, ...source, brush, ropDescriptor, scaleMode, mask } };
      }
      case "DRAW_ROP3": {
        const source = this.#source(target, box);
        const rop3 = this.#random.pick([0xcc, 0x66, 0xb8, 0xca, 0x5a]);
        const brush = this.#brush(target);
        return { name, body: { base, ...source, brush, rop3, scaleMode: this.#scaleMode(), mask } };
      }
      case "DRAW_TRANSPARENT": {
        const source = this.#source(target, box);
        const trueColor = this.#random.u32() & 0xffffff;
        return { name, body: { base, ...source, srcColor: trueColor, trueColor } };
      }
      case "DRAW_ALPHA_BLEND": {
        const source = this.#source(target, box);
        return { name, body: { base, alphaFlags: 0, alpha: this.#random.below(256), ...source } };
      }
      case "DRAW_COMPOSITE":
        return { name, body: this.#composite(base, target, box) };
      case "DRAW_STROKE":
        return { name, body: this.#stroke(base, box, target) };
      case "DRAW_TEXT":
        return { name, body: this.#text(base, box, target) };
    }
  }

  #composite(base: Body<"DRAW_COMPOSITE">["base"], target: DrawnSurface, box: Box) {
    const { srcBitmap } = this.#source(target, box, true);
    // Operator OVER, no filter, no transform, no repeat.
    const flags = 3;
    const origin = { x: 0, y: 0 };
    return {
      base,
      flags,
      srcBitmap,
      maskBitmap: null,
      srcTransform: null,
      maskTransform: null,
      srcOrigin: origin,
      maskOrigin: origin,
    };
  }

  #stroke(base: Body<"DRAW_STROKE">["base"], box: Box, target: DrawnSurface) {
    const points = Array.from({ length: 3 + this.#random.below(4) }, () => ({
      x: (box.left + this.#random.below(box.right - box.left)) << 4,
      y: (box.top + this.#random.below(box.bottom - box.top)) << 4,
    }));
    const flags = PathFlag.BEGIN | PathFlag.END;
    return {
      base,
      path: { segments: [{ flags, points }] },
      attr: { flags: 0, styled: null },
      brush: this.#solid(target),
      foreMode: RopDescriptor.OP_PUT,
      backMode: RopDescriptor.OP_PUT,
    };
  }

  #text(base: Body<"DRAW_TEXT">["base"], box: Box, target: DrawnSurface): Body<"DRAW_TEXT"> {
    const random = this.#random;
    const width = 8;
    const height = 6;
    const glyphs = Array.from({ length: 3 }, (_none, index) => ({
      renderPos: { x: box.left + index * 9, y: box.top + 7 },
      glyphOrigin: { x: 0, y: -6 },
      width,
      height,
      data: this.#bytes(Math.ceil((width * 4) / 8) * height),
    }));
    return {
      base,
      str: {
        length: glyphs.length,
        flags: StringFlag.RASTER_A4,
        glyphsA1: null,
        glyphsA4: glyphs,
        glyphsA8: null,
      },
      backArea: random.once(2) ? box : { left: 0, top: 0, right: 0, bottom: 0 },
      foreBrush: this.#solid(target),
      backBrush: this.#solid(target),
      foreMode: RopDescriptor.OP_PUT,
      backMode: RopDescriptor.OP_PUT,
    };
  }

  #base(target: DrawnSurface, box: Box): Body<"DRAW_COPY">["base"] {
    if (!this.#random.once(4)) {
      return { surfaceId: target.id, box, clip: { type: ClipType.NONE } };
    }
    const rects = [this.#box(target), this.#box(target)];
    return { surfaceId: target.id, box, clip: { type: ClipType.RECTS, rects } };
  }

  #box({ width, height }: DrawnSurface): Box {
    const left = this.#random.below(width - 1);
    const top = this.#random.below(height - 1);
    return {
      left,
      top,
      right: left + 1 + this.#random.below(width - left),
      bottom: top + 1 + this.#random.below(height - top),
    };
  }

  #rop(): number {
    return this.#random.pick(rops);
  }

  #scaleMode(): number {
    return this.#random.pick([ScaleMode.NEAREST, ScaleMode.INTERPOLATE]);
  }

  #solid(target: DrawnSurface): Brush {
    const color = this.#random.u32();
    return { type: BrushType.SOLID, color: isAlpha(target) ? color : color & 0xffffff };
  }

  #brush(target: DrawnSurface): Brush {
    if (isNarrow(target) || !this.#random.once(3)) return this.#solid(target);
    const pat = this.#picture(target, 5, 4);
    return { type: BrushType.PATTERN, pat, pos: { x: 1, y: 2 } };
  }

  #mask(box: Box, target: DrawnSurface): Mask {
    const none = { flags: 0, pos: { x: 0, y: 0 }, bitmap: null };
    if (isNarrow(target) || !this.#random.once(5)) return none;
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    const bitmap = this.#pixels(BitmapFormat["1BIT_BE"], width, height, null);
    const flags = this.#random.once(2) ? MaskFlag.INVERS : 0;
    return { flags, pos: { x: 0, y: 0 }, bitmap };
  }

  /** A picture or a surface, and the part of it that is drawn; of the box's size unless scaled. */
  #source(
    target: DrawnSurface,
    box: Box,
    isExact = false,
  ): { srcBitmap: GuestImage; srcArea: Box } {
    const random = this.#random;
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    const others = this.#surfaces.filter(
      (surface) =>
        surface.width >= width &&
        surface.height >= height &&
        !isNarrow(surface) &&
        depth(surface) === depth(target),
    );
    if (others.length > 0 && random.once(3)) {
      const { id } = random.pick(others);
      const srcArea = { left: 0, top: 0, right: width, bottom: height };
      return { srcBitmap: { kind: "surface", surface: id }, srcArea };
    }
    const isScaled = !isExact && random.once(6) && !isNarrow(target);
    const wide = isScaled ? 1 + random.below(12) : width;
    const high = isScaled ? 1 + random.below(12) : height;
    const srcArea = { left: 0, top: 0, right: wide, bottom: high };
    return { srcBitmap: this.#picture(target, wide, high), srcArea };
  }

  #picture(target: DrawnSurface, width: number, height: number): GuestPixels {
    const random = this.#random;
    const known = this.#kept.find((kept) => kept.width >= width && kept.height >= height);
    // Palettes mean something else for other depths, so only pictures of colours are shared.
    if (known !== undefined && random.once(2) && !isNarrow(target)) return known;
    const format = isNarrow(target) ? BitmapFormat["8BIT_A"] : random.pick(pictureFormats);
    const isKept = random.once(3) && format >= BitmapFormat["16BIT"] && !isNarrow(target);
    const picture = this.#pixels(format, width, height, isKept ? this.#nextKey++ : null);
    if (isKept) this.#kept.unshift(picture);
    return picture;
  }

  #pixels(format: BitmapFormat, width: number, height: number, key: bigint | null): GuestPixels {
    const random = this.#random;
    const rowSize = Math.ceil((width * bits[format]!) / 8);
    const stride = rowSize + (random.once(3) ? 4 : 0);
    const data = random.once(2) ? this.#bytes(stride * height) : this.#flat(stride * height);
    const colors = 1 << (bits[format] ?? 0);
    const isMask = format === BitmapFormat["1BIT_BE"] && key === null && random.once(1000);
    const palette =
      bits[format]! <= 8 && format !== BitmapFormat["8BIT_A"] && !isMask
        ? { key: random.once(2) ? null : BigInt(1000 + colors), colors: paletteOf(colors) }
        : null;
    const highBitsSet = format === BitmapFormat["32BIT"] && random.once(3);
    const topDown = !random.once(4);
    return {
      kind: "pixels",
      key,
      width,
      height,
      format,
      stride,
      topDown,
      data,
      palette,
      highBitsSet,
    };
  }

  #bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#random.below(256));
  }

  /** Long runs, as in a drawn picture. */
  #flat(size: number): Uint8Array {
    const value = this.#random.below(256);
    return Uint8Array.from({ length: size }, (_none, at) => (at % 97 < 90 ? value : at & 255));
  }
}

function paletteOf(count: number): number[] {
  // 0555 colours are colours of 24 bits as well.
  return Array.from({ length: count }, (_none, index) => (index * 0x1357 + 5) & 0x7fff);
}

function isAlpha({ format }: DrawnSurface): boolean {
  return format === SurfaceFormat["32_ARGB"];
}

/** Surfaces without colours. */
function isNarrow({ format }: DrawnSurface): boolean {
  return format === SurfaceFormat["8_A"] || format === SurfaceFormat["1_A"];
}

function depth({ format }: DrawnSurface): number {
  return format === SurfaceFormat["16_555"] || format === SurfaceFormat["16_565"] ? 16 : 32;
}
