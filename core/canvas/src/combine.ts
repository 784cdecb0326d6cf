// Source and destination pixels become one, in 8 bits a channel: the Porter-Duff operators, and
// with them how a mask weighs the source. Colours are multiplied by their alpha.

import {
  add,
  multiply,
  multiplyAdd,
  multiplyAddScale,
  scale,
  scaleAdd,
  scaleAddScale,
} from "./channel-math.ts";
import { type Blend, blendComponent, blendFor, blendPixel } from "./combine-blend.ts";
import { Operator } from "./operator.ts";

/** From source and destination to the new destination. */
export type PixelOperator = (s: number, d: number) => number;

/**
 * With a mask that weighs each channel. `s` has been multiplied by it, and `weight` is the mask
 * multiplied by the source's alpha: the alpha of each channel of `s`.
 */
export type ComponentOperator = (s: number, weight: number, d: number) => number;

const all = 0xffffffff;

/** The operator for a mask of one weight for all channels, or none. */
export function pixelOperator(operator: number): PixelOperator {
  switch (operator) {
    case Operator.SRC:
      return (s) => s;
    case Operator.DST:
      return (_s, d) => d;
    case Operator.OVER:
      return over;
    case Operator.OVER_REVERSE:
      return (s, d) => scaleAdd(s, ~d >>> 24, d);
    case Operator.IN:
      return (s, d) => scale(s, d >>> 24);
    case Operator.IN_REVERSE:
      return (s, d) => scale(d, s >>> 24);
    case Operator.OUT:
      return (s, d) => scale(s, ~d >>> 24);
    case Operator.OUT_REVERSE:
      return (s, d) => scale(d, ~s >>> 24);
    case Operator.ATOP:
      return (s, d) => scaleAddScale(s, d >>> 24, d, ~s >>> 24);
    case Operator.ATOP_REVERSE:
      return (s, d) => scaleAddScale(s, ~d >>> 24, d, s >>> 24);
    case Operator.XOR:
      return (s, d) => scaleAddScale(s, ~d >>> 24, d, ~s >>> 24);
    case Operator.ADD:
      return (s, d) => add(d, s);
    case Operator.MULTIPLY:
      return (s, d) => add(multiply(d, s), scaleAddScale(s, ~d >>> 24, d, ~s >>> 24));
    default: {
      const blend = blendFor(operator);
      return blend === null ? () => 0 : (s, d) => blendPixel(blend, s, d);
    }
  }
}

export function over(s: number, d: number): number {
  return s >>> 24 === 255 ? s : scaleAdd(d, ~s >>> 24, s);
}

/** The operator for a mask whose channels are weights of their own. */
export function componentOperator(operator: number): ComponentOperator {
  switch (operator) {
    case Operator.SRC:
      return (s) => s;
    case Operator.DST:
      return (_s, _w, d) => d;
    case Operator.OVER:
      return (s, w, d) => multiplyAdd(d, (all ^ w) >>> 0, s);
    case Operator.OVER_REVERSE:
      return (s, _w, d) => (d >>> 24 === 255 ? d : scaleAdd(s, ~d >>> 24, d));
    case Operator.IN:
      return (s, _w, d) => scale(s, d >>> 24);
    case Operator.IN_REVERSE:
      return (_s, w, d) => multiply(d, w);
    case Operator.OUT:
      return (s, _w, d) => scale(s, ~d >>> 24);
    case Operator.OUT_REVERSE:
      return (_s, w, d) => multiply(d, (all ^ w) >>> 0);
    case Operator.ATOP:
      return (s, w, d) => multiplyAddScale(d, (all ^ w) >>> 0, s, d >>> 24);
    case Operator.ATOP_REVERSE:
      return (s, w, d) => multiplyAddScale(d, w, s, ~d >>> 24);
    case Operator.XOR:
      return (s, w, d) => multiplyAddScale(d, (all ^ w) >>> 0, s, ~d >>> 24);
    case Operator.ADD:
      return (s, _w, d) => add(d, s);
    case Operator.MULTIPLY:
      return (s, w, d) => add(multiplyAddScale(d, (all ^ w) >>> 0, s, ~d >>> 24), multiply(d, s));
    default: {
      const blend: Blend | null = blendFor(operator);
      return blend === null ? () => 0 : (s, w, d) => blendComponent(blend, s, w, d);
    }
  }
}

/** Combines a row; `mask` holds pixels of which the alpha is the weight. */
export function combineRow(
  operator: PixelOperator,
  source: Uint32Array,
  mask: Uint32Array | null,
  dest: Uint32Array,
  count: number,
): void {
  if (operator === over) {
    overRow(source, mask, dest, count);
    return;
  }
  if (mask === null) {
    for (let i = 0; i < count; i++) dest[i] = operator(source[i]!, dest[i]!);
    return;
  }
  for (let i = 0; i < count; i++) {
    dest[i] = operator(scale(source[i]!, mask[i]! >>> 24), dest[i]!);
  }
}

/** The same for OVER, which is nearly always the operator. */
function overRow(
  source: Uint32Array,
  mask: Uint32Array | null,
  dest: Uint32Array,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    let s = source[i]!;
    if (mask !== null) {
      const weight = mask[i]! >>> 24;
      if (weight === 0) continue;
      if (weight !== 255) s = scale(s, weight);
    }
    if (s >>> 24 === 255) dest[i] = s;
    else if (s !== 0) dest[i] = scaleAdd(dest[i]!, ~s >>> 24, s);
  }
}

/** Combines a row whose mask weighs each channel. */
export function combineComponentRow(
  operator: ComponentOperator,
  source: Uint32Array,
  mask: Uint32Array,
  dest: Uint32Array,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const s = source[i]!;
    const m = mask[i]!;
    dest[i] = operator(multiply(s, m), scale(m, s >>> 24), dest[i]!);
  }
}
