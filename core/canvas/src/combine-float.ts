// The operators that divide, in single precision: each step is rounded like the reference's, so
// that the result is the same. A pixel is four numbers from 0 to 1 in the order alpha, red, green,
// blue, colours multiplied by alpha.

import { nonSeparableBlend, separableBlend } from "./blend-float.ts";
import { Operator } from "./operator.ts";

const f = Math.fround;

/** One channel: the source's weight and value, the destination's alpha and value. */
type ChannelOperator = (sa: number, s: number, da: number, d: number) => number;

/** A factor of source or destination in a Porter-Duff operator. */
type Factor = (sa: number, da: number) => number;

const smallest = 1.1754943508222875e-38;

export function isZero(value: number): boolean {
  return -smallest < value && value < smallest;
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

const zero: Factor = () => 0;
const one: Factor = () => 1;
const saOverDa: Factor = (sa, da) => (isZero(da) ? 1 : clamp(f(sa / da)));
const daOverSa: Factor = (sa, da) => (isZero(sa) ? 1 : clamp(f(da / sa)));
const invSaOverDa: Factor = (sa, da) => (isZero(da) ? 1 : clamp(f(f(1 - sa) / da)));
const invDaOverSa: Factor = (sa, da) => (isZero(sa) ? 1 : clamp(f(f(1 - da) / sa)));
const rest =
  (factor: (sa: number, da: number) => number, divisor: "sa" | "da"): Factor =>
  (sa, da) =>
    isZero(divisor === "sa" ? sa : da) ? 0 : clamp(f(1 - factor(sa, da)));
const restSaOverDa = rest((sa, da) => f(sa / da), "da");
const restDaOverSa = rest((sa, da) => f(da / sa), "sa");
const restInvDaOverSa = rest((sa, da) => f(f(1 - da) / sa), "sa");
const restInvSaOverDa = rest((sa, da) => f(f(1 - sa) / da), "da");

/** Factors of source and destination, from OVER to XOR. */
const disjoint: readonly (readonly [Factor, Factor])[] = [
  [one, invSaOverDa],
  [invDaOverSa, one],
  [restInvDaOverSa, zero],
  [zero, restInvSaOverDa],
  [invDaOverSa, zero],
  [zero, invSaOverDa],
  [restInvDaOverSa, invSaOverDa],
  [invDaOverSa, restInvSaOverDa],
  [invDaOverSa, invSaOverDa],
];
const conjoint: readonly (readonly [Factor, Factor])[] = [
  [one, restSaOverDa],
  [restDaOverSa, one],
  [daOverSa, zero],
  [zero, saOverDa],
  [restDaOverSa, zero],
  [zero, restSaOverDa],
  [daOverSa, restSaOverDa],
  [restDaOverSa, saOverDa],
  [restDaOverSa, restSaOverDa],
];

function porterDuff([source, dest]: readonly [Factor, Factor]): ChannelOperator {
  return (sa, s, da, d) => {
    const sum = f(f(s * source(sa, da)) + f(d * dest(sa, da)));
    return Math.min(1, sum);
  };
}

const alphaUnion: ChannelOperator = (sa, _s, da) => f(f(da + sa) - f(da * sa));

interface Combiner {
  readonly alpha: ChannelOperator;
  readonly color: ChannelOperator;
}

function combinerFor(operator: number): Combiner {
  const group = operator >> 4;
  if (group === 1 || group === 2) {
    const factors = (group === 1 ? disjoint : conjoint)[(operator & 15) - Operator.OVER]!;
    const channel = porterDuff(factors);
    return { alpha: channel, color: channel };
  }
  if (operator === Operator.SATURATE) {
    const channel = porterDuff([invDaOverSa, one]);
    return { alpha: channel, color: channel };
  }
  const blend = separableBlend(operator);
  return {
    alpha: alphaUnion,
    color: (sa, s, da, d) => f(f(f(f(1 - sa) * d) + f(f(1 - da) * s)) + blend(sa, s, da, d)),
  };
}

/**
 * Combines a row of pixels into `dest`. With `component` each channel of the mask is a weight of
 * its own, otherwise its alpha weighs all.
 */
export function combineFloatRow(
  operator: number,
  source: Float32Array,
  mask: Float32Array | null,
  component: boolean,
  dest: Float32Array,
  count: number,
): void {
  const blend = nonSeparableBlend(operator);
  if (blend !== null) {
    // With a weight for each channel these blend modes do nothing.
    if (component) for (let i = 0; i < 4 * count; i++) dest[i] = Math.min(1, dest[i]!);
    else for (let i = 0; i < count; i++) blend(source, mask, dest, 4 * i);
    return;
  }
  const { alpha, color } = combinerFor(operator);
  const s = new Float32Array(4);
  const weight = new Float32Array(4);
  for (let i = 0; i < count; i++) {
    const at = 4 * i;
    weigh(source, mask, component, at, s, weight);
    const da = dest[at]!;
    dest[at] = alpha(weight[0]!, s[0]!, da, da);
    for (let c = 1; c < 4; c++) dest[at + c] = color(weight[c]!, s[c]!, da, dest[at + c]!);
  }
}

/** The source's channels under the mask, and the alpha that each of them has. */
function weigh(
  source: Float32Array,
  mask: Float32Array | null,
  component: boolean,
  at: number,
  s: Float32Array,
  weight: Float32Array,
): void {
  const sa = source[at]!;
  if (mask === null) {
    for (let c = 0; c < 4; c++) {
      s[c] = source[at + c]!;
      weight[c] = sa;
    }
  } else if (component) {
    for (let c = 0; c < 4; c++) {
      s[c] = source[at + c]! * mask[at + c]!;
      weight[c] = mask[at + c]! * sa;
    }
  } else {
    const ma = mask[at]!;
    for (let c = 0; c < 4; c++) s[c] = source[at + c]! * ma;
    weight.fill(s[0]!);
  }
}
