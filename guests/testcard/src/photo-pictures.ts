// Landscapes that look like photos: smooth ones, one with the grain of old film, one of few
// colours, and one of noise alone. Each codec meets what it is good at and what it is not.

import { BitmapFormat } from "@caraway/protocol";
import type { GuestPixels } from "@caraway/server";
import { hash, mix, mixColors, noise, planeNoise } from "./arithmetic.ts";
import { type ColorAt, lazyFor, picture } from "./images.ts";

export interface Slide {
  readonly title: string;
  readonly image: GuestPixels;
}

export const photoWidth = 314;
export const photoHeight = 166;

/** The same slides for the same seed. */
export const slidesOf = lazyFor((seed: number): readonly Slide[] => {
  const dawn = landscape(seed, {
    high: 0x35507c,
    low: 0xf4c08a,
    sun: 0xfff0c8,
    sunX: 206,
    sunY: 78,
    hill: 0x2c4250,
  });
  const noon = landscape(seed + 1, {
    high: 0x3f83bd,
    low: 0xd8e8ee,
    sun: 0xfffff0,
    sunX: 96,
    sunY: 30,
    hill: 0x2f6147,
  });
  const dusk = landscape(seed + 2, {
    high: 0x2a2547,
    low: 0xc8607a,
    sun: 0xffb080,
    sunX: 150,
    sunY: 96,
    hill: 0x1e1a30,
  });
  const shades = Array.from({ length: 256 }, (_, n) => {
    const share = Math.floor(n / 64);
    const ends = [0x223052, 0x4a86bd, 0x5f9a6b, 0xe3a548, 0xfaf0d8];
    return mixColors(ends[share]!, ends[share + 1]!, (n % 64) / 63);
  });
  const make = (title: string, format: BitmapFormat, colorAt: ColorAt): Slide => ({
    title,
    image: picture(format, photoWidth, photoHeight, colorAt, null, {
      bottomUp: format === BitmapFormat["16BIT"],
    }),
  });
  return [
    make("dawn, 32 bits", BitmapFormat["32BIT"], dawn),
    make("film grain, 24 bits", BitmapFormat["24BIT"], grainy(seed + 3, noon)),
    make("dusk, 16 bits", BitmapFormat["16BIT"], dusk),
    {
      title: "map, 8 bits",
      image: picture(
        BitmapFormat["8BIT"],
        photoWidth,
        photoHeight,
        (x, y) => shades[heightAt(seed + 4, x, y)]!,
        shades,
      ),
    },
    make("noise, 32 bits", BitmapFormat["32BIT"], (x, y) => {
      const grey = hash(seed + 5, y * photoWidth + x) & 255;
      return (grey << 16) | (grey << 8) | grey;
    }),
  ];
});

interface Scenery {
  readonly high: number;
  readonly low: number;
  readonly sun: number;
  readonly sunX: number;
  readonly sunY: number;
  readonly hill: number;
}

const horizon = 118;

/** Sky with clouds, three chains of hills, and water below that shows them again. */
function landscape(seed: number, scenery: Scenery): ColorAt {
  const ridges = [0, 1, 2].map((depth) =>
    Array.from({ length: photoWidth }, (_, x) => {
      const coarse = noise(seed + depth * 7, x / (70 - depth * 14));
      const fine = noise(seed + depth * 7 + 1, x / (18 - depth * 4));
      const finest = noise(seed + depth * 7 + 2, x / 5);
      return horizon - 44 + depth * 15 - coarse * 26 - fine * 9 - finest * 3;
    }),
  );
  const above = (x: number, y: number): number => {
    for (let depth = 2; depth >= 0; depth--) {
      const ridge = ridges[depth]![x]!;
      if (y < ridge) continue;
      const haze = 0.62 - depth * 0.26 + (y - ridge) / 260;
      const light = noise(seed + 40 + depth, x / 6 + y / 3) * 0.08;
      return mixColors(scenery.hill, scenery.low, Math.min(1, haze + light));
    }
    return skyAt(seed, scenery, x, y);
  };
  return (x, y) => {
    if (y < horizon) return above(x, y);
    const depth = y - horizon;
    const ripple = (noise(seed + 60, depth * 1.7 + 9) - 0.5) * (3 + depth / 6);
    const seen = Math.max(0, Math.min(photoWidth - 1, Math.round(x + ripple)));
    const mirrored = above(seen, Math.max(0, horizon - 1 - Math.round(depth * 1.5)));
    const glint = planeNoise(seed + 61, x / 11, depth * 0.9) > 0.74 ? 0.22 : 0;
    return mixColors(mixColors(mirrored, scenery.high, 0.32), scenery.sun, glint);
  };
}

function skyAt(seed: number, scenery: Scenery, x: number, y: number): number {
  const sky = mixColors(scenery.high, scenery.low, Math.min(1, y / (horizon - 24)));
  const [dx, dy] = [x - scenery.sunX, y - scenery.sunY];
  const far = Math.sqrt(dx * dx + dy * dy);
  const glow = far < 11 ? 1 : Math.max(0, 1 - (far - 11) / 120);
  const clouds =
    planeNoise(seed + 20, x / 52, y / 15) * 0.6 + planeNoise(seed + 21, x / 19, y / 7) * 0.4;
  const cloud = Math.max(0, clouds - 0.52) * 1.7;
  return mixColors(mixColors(sky, scenery.sun, glow * glow * 0.95), 0xffffff, Math.min(0.6, cloud));
}

function grainy(seed: number, colorAt: ColorAt): ColorAt {
  return (x, y) => {
    const grain = ((hash(seed, y * photoWidth + x) & 63) - 32) * 0.75;
    const color = colorAt(x, y);
    let result = 0;
    for (let shift = 16; shift >= 0; shift -= 8) {
      const part = ((color >> shift) & 255) + grain;
      result |= Math.max(0, Math.min(255, Math.round(part))) << shift;
    }
    return result;
  };
}

/** A map's height in steps, so that lines of equal height can be seen. */
function heightAt(seed: number, x: number, y: number): number {
  const coarse = planeNoise(seed, x / 60, y / 48);
  const fine = planeNoise(seed + 1, x / 21, y / 19);
  const height = Math.floor(mix(coarse, fine, 0.3) * 32) * 8;
  const next = Math.floor(mix(planeNoise(seed, (x + 1) / 60, y / 48), fine, 0.3) * 32) * 8;
  return Math.max(0, Math.min(255, height === next ? height : height - 20));
}
