// Rectangles of pixels in memory: surfaces, decoded images and masks. The formats are those of the
// reference's surfaces; a row has no padding.

import { SurfaceFormat } from "@caraway/protocol";

/** 32 bits a pixel, `0xAARRGGBB`. The high byte of `x8r8g8b8` is kept, and means nothing. */
export interface Pixmap32 {
  readonly format: "a8r8g8b8" | "x8r8g8b8";
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

/** 16 bits a pixel. Bit 15 of `x1r5g5b5` is kept, and means nothing. */
export interface Pixmap16 {
  readonly format: "r5g6b5" | "x1r5g5b5";
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint16Array;
}

/** One byte a pixel: alpha, or for `a1` 0 or 1. */
export interface Pixmap8 {
  readonly format: "a8" | "a1";
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

export type Pixmap = Pixmap32 | Pixmap16 | Pixmap8;
export type PixelFormat = Pixmap["format"];
export type PixelArray = Pixmap["pixels"];

const surfaceFormats: Readonly<Record<SurfaceFormat, PixelFormat>> = {
  [SurfaceFormat["1_A"]]: "a1",
  [SurfaceFormat["8_A"]]: "a8",
  [SurfaceFormat["16_555"]]: "x1r5g5b5",
  [SurfaceFormat["16_565"]]: "r5g6b5",
  [SurfaceFormat["32_xRGB"]]: "x8r8g8b8",
  [SurfaceFormat["32_ARGB"]]: "a8r8g8b8",
};

export function surfacePixelFormat(format: SurfaceFormat): PixelFormat {
  return surfaceFormats[format];
}

/** A pixmap of zeros. The caller has checked the size. */
export function createPixmap(format: PixelFormat, width: number, height: number): Pixmap {
  switch (format) {
    case "a8r8g8b8":
    case "x8r8g8b8":
      return { format, width, height, pixels: new Uint32Array(width * height) };
    case "r5g6b5":
    case "x1r5g5b5":
      return { format, width, height, pixels: new Uint16Array(width * height) };
    case "a8":
    case "a1":
      return { format, width, height, pixels: new Uint8Array(width * height) };
  }
}

/** The same pixels in another array. */
export function copyPixmap(pixmap: Pixmap): Pixmap {
  return { ...pixmap, pixels: pixmap.pixels.slice() } as Pixmap;
}

/** The pixels of the same array, read as another format of the same size. */
export function asFormat(pixmap: Pixmap32, format: Pixmap32["format"]): Pixmap32 {
  return pixmap.format === format ? pixmap : { ...pixmap, format };
}

/** All bits that a pixel of the format has. */
export function pixelMask(format: PixelFormat): number {
  switch (format) {
    case "a8r8g8b8":
    case "x8r8g8b8":
      return 0xffffffff;
    case "r5g6b5":
    case "x1r5g5b5":
      return 0xffff;
    case "a8":
      return 0xff;
    case "a1":
      return 1;
  }
}

/** Bits from one pixel to the next, which decides whether raw pixels can be copied across. */
export function pixelDepth(format: PixelFormat): 32 | 16 | 8 | 1 {
  switch (format) {
    case "a8r8g8b8":
    case "x8r8g8b8":
      return 32;
    case "r5g6b5":
    case "x1r5g5b5":
      return 16;
    case "a8":
      return 8;
    case "a1":
      return 1;
  }
}
