// The separable blend modes of PDF in 8 bits a channel: what the colours of source and destination
// become is a function of each channel, in units of 255².

import { divideBy255 } from "./channel-math.ts";
import { Operator } from "./operator.ts";

/** A channel of the destination with its alpha, and one of the source with its own. */
export type Blend = (d: number, da: number, s: number, sa: number) => number;

const blends: Readonly<Record<number, Blend>> = {
  [Operator.SCREEN]: (d, da, s, sa) => s * da + d * sa - s * d,
  [Operator.OVERLAY]: (d, da, s, sa) =>
    2 * d < da ? 2 * s * d : sa * da - 2 * (da - d) * (sa - s),
  [Operator.DARKEN]: (d, da, s, sa) => Math.min(da * s, sa * d),
  [Operator.LIGHTEN]: (d, da, s, sa) => Math.max(da * s, sa * d),
  [Operator.HARD_LIGHT]: (d, da, s, sa) =>
    2 * s < sa ? 2 * s * d : sa * da - 2 * (da - d) * (sa - s),
  [Operator.DIFFERENCE]: (d, da, s, sa) => Math.abs(d * sa - s * da),
  [Operator.EXCLUSION]: (d, da, s, sa) => s * da + d * sa - 2 * d * s,
};

export function blendFor(operator: number): Blend | null {
  return blends[operator] ?? null;
}

export function blendPixel(blend: Blend, s: number, d: number): number {
  const sa = s >>> 24;
  const weight = Math.imul(sa, 0x1010101) >>> 0;
  return blendComponent(blend, s, weight, d);
}

/** With an alpha of its own for each channel of the source. */
export function blendComponent(blend: Blend, s: number, weight: number, d: number): number {
  const sa = s >>> 24;
  const da = d >>> 24;
  let result = divideBy255(da * 255 + sa * 255 - sa * da) << 24;
  for (let shift = 16; shift >= 0; shift -= 8) {
    const sc = (s >>> shift) & 255;
    const dc = (d >>> shift) & 255;
    const wc = (weight >>> shift) & 255;
    const sum = (255 - wc) * dc + (255 - da) * sc + blend(dc, da, sc, wc);
    result |= divideBy255(clampProduct(sum)) << shift;
  }
  return result >>> 0;
}

/**
 * To 255² at most. A negative sum, which only colours brighter than their alpha give, is a large
 * number to the reference and ends at 255² too.
 */
function clampProduct(value: number): number {
  return value < 0 || value > 255 * 255 ? 255 * 255 : value;
}
