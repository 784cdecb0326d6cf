// The blend modes of PDF that need single precision: two that divide, soft light, and the four that
// mix hue, saturation and luminosity of whole colours.

import { Operator } from "./operator.ts";

const f = Math.fround;
const smallest = 1.1754943508222875e-38;

function isZero(value: number): boolean {
  return -smallest < value && value < smallest;
}

type SeparableBlend = (sa: number, s: number, da: number, d: number) => number;

export function separableBlend(operator: number): SeparableBlend {
  switch (operator) {
    case Operator.COLOR_DODGE:
      return colorDodge;
    case Operator.COLOR_BURN:
      return colorBurn;
    default:
      return softLight;
  }
}

function colorDodge(sa: number, s: number, da: number, d: number): number {
  if (isZero(d)) return 0;
  if (f(d * sa) >= f(f(sa * da) - f(s * da))) return f(sa * da);
  const rest = f(sa - s);
  if (isZero(rest)) return f(sa * da);
  return f(f(f(sa * sa) * d) / rest);
}

function colorBurn(sa: number, s: number, da: number, d: number): number {
  if (d >= da) return f(sa * da);
  const rest = f(sa * f(da - d));
  if (rest >= f(s * da)) return 0;
  if (isZero(s)) return 0;
  return f(sa * f(da - f(rest / s)));
}

function softLight(sa: number, s: number, da: number, d: number): number {
  const base = f(d * sa);
  if (isZero(da)) return base;
  if (2 * s <= sa) {
    return f(base - f(f(f(d * f(da - d)) * f(sa - 2 * s)) / da));
  }
  const lift = f(2 * s - sa);
  if (4 * d <= da) {
    const curve = f(f(f(f(f(f((16 * d) / da) - 12) * d) / da) + 3));
    return f(base + f(f(lift * d) * curve));
  }
  return f(base + f(f(f(Math.sqrt(f(d * da))) - d) * lift));
}

/** Combines the pixel at `at` of the rows. */
type PixelBlend = (
  source: Float32Array,
  mask: Float32Array | null,
  dest: Float32Array,
  at: number,
) => void;

/** Red, green and blue. */
type Color = [number, number, number];

export function nonSeparableBlend(operator: number): PixelBlend | null {
  switch (operator) {
    case Operator.HSL_HUE:
      return pixelBlend((s, sa, d, da) => {
        const color = withSaturation(times(s, da), f(saturation(d) * sa));
        return withLuminosity(color, f(sa * da), f(luminosity(d) * sa));
      });
    case Operator.HSL_SATURATION:
      return pixelBlend((s, sa, d, da) => {
        const color = withSaturation(times(d, sa), f(saturation(s) * da));
        return withLuminosity(color, f(sa * da), f(luminosity(d) * sa));
      });
    case Operator.HSL_COLOR:
      return pixelBlend((s, sa, d, da) =>
        withLuminosity(times(s, da), f(sa * da), f(luminosity(d) * sa)),
      );
    case Operator.HSL_LUMINOSITY:
      return pixelBlend((s, sa, d, da) =>
        withLuminosity(times(d, sa), f(sa * da), f(luminosity(s) * da)),
      );
    default:
      return null;
  }
}

function pixelBlend(blend: (s: Color, sa: number, d: Color, da: number) => Color): PixelBlend {
  return (source, mask, dest, at) => {
    let sa = source[at]!;
    const s: Color = [source[at + 1]!, source[at + 2]!, source[at + 3]!];
    if (mask !== null) {
      const ma = mask[at]!;
      sa = f(sa * ma);
      s[0] = f(s[0] * ma);
      // The reference weighs green twice and blue not at all.
      s[1] = f(f(s[1] * ma) * ma);
    }
    const da = dest[at]!;
    const d: Color = [dest[at + 1]!, dest[at + 2]!, dest[at + 3]!];
    const mixed = blend(s, sa, d, da);
    dest[at] = f(f(sa + da) - f(sa * da));
    for (let c = 0; c < 3; c++) {
      const outside = f(f(f(1 - sa) * d[c]!) + f(f(1 - da) * s[c]!));
      dest[at + 1 + c] = f(outside + mixed[c]!);
    }
  };
}

function times([r, g, b]: Color, factor: number): Color {
  return [f(r * factor), f(g * factor), f(b * factor)];
}

const redWeight = f(0.3);
const greenWeight = f(0.59);
const blueWeight = f(0.11);

function luminosity([r, g, b]: Color): number {
  return f(f(f(r * redWeight) + f(g * greenWeight)) + f(b * blueWeight));
}

function saturation(color: Color): number {
  return f(Math.max(...color) - Math.min(...color));
}

/** Spreads a colour so that its largest channel is `wanted` and its smallest 0. */
function withSaturation(color: Color, wanted: number): Color {
  const [r, g, b] = color;
  // Which channel counts as largest, middle and smallest among equal ones matters.
  let order: readonly [number, number, number];
  if (r > g) order = r > b ? (g > b ? [0, 1, 2] : [0, 2, 1]) : [2, 0, 1];
  else order = r > b ? [1, 0, 2] : g > b ? [1, 2, 0] : [2, 1, 0];
  const [max, mid, min] = order;
  const range = f(color[max]! - color[min]!);
  const result: Color = [0, 0, 0];
  if (!isZero(range)) {
    result[mid] = f(f(f(color[mid]! - color[min]!) * wanted) / range);
    result[max] = wanted;
  }
  return result;
}

/** Shifts a colour to a luminosity, then squeezes it into 0 to `limit`. */
function withLuminosity(color: Color, limit: number, wanted: number): Color {
  const shift = f(wanted - luminosity(color));
  let result: Color = [f(color[0] + shift), f(color[1] + shift), f(color[2] + shift)];
  const l = luminosity(result);
  const least = Math.min(...result);
  const most = Math.max(...result);
  if (least < 0) {
    const t = f(l - least);
    const squeeze = (c: number) => f(l + f(f(f(c - l) * l) / t));
    result = isZero(t) ? [0, 0, 0] : [squeeze(result[0]), squeeze(result[1]), squeeze(result[2])];
  }
  if (most > limit) {
    const t = f(most - l);
    const room = f(limit - l);
    const squeeze = (c: number) => f(l + f(f(f(c - l) * room) / t));
    result = isZero(t)
      ? [limit, limit, limit]
      : [squeeze(result[0]), squeeze(result[1]), squeeze(result[2])];
  }
  return result;
}
