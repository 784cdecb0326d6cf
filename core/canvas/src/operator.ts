// The operators of DRAW_COMPOSITE, numbered as X Render and its extensions number them: 0x00-0x0d
// Porter-Duff, 0x10-0x1b disjoint, 0x20-0x2b conjoint, 0x30-0x3e the blend modes of PDF.

export const Operator = {
  CLEAR: 0x00,
  SRC: 0x01,
  DST: 0x02,
  OVER: 0x03,
  OVER_REVERSE: 0x04,
  IN: 0x05,
  IN_REVERSE: 0x06,
  OUT: 0x07,
  OUT_REVERSE: 0x08,
  ATOP: 0x09,
  ATOP_REVERSE: 0x0a,
  XOR: 0x0b,
  ADD: 0x0c,
  SATURATE: 0x0d,
  MULTIPLY: 0x30,
  SCREEN: 0x31,
  OVERLAY: 0x32,
  DARKEN: 0x33,
  LIGHTEN: 0x34,
  COLOR_DODGE: 0x35,
  COLOR_BURN: 0x36,
  HARD_LIGHT: 0x37,
  SOFT_LIGHT: 0x38,
  DIFFERENCE: 0x39,
  EXCLUSION: 0x3a,
  HSL_HUE: 0x3b,
  HSL_SATURATION: 0x3c,
  HSL_COLOR: 0x3d,
  HSL_LUMINOSITY: 0x3e,
} as const;

export const operatorCount = 0x3f;

/** What an operator amounts to when the source is opaque everywhere; the others stay. */
const opaqueSource: Readonly<Record<number, number>> = {
  [Operator.OVER]: Operator.SRC,
  [Operator.IN_REVERSE]: Operator.DST,
  [Operator.OUT_REVERSE]: Operator.CLEAR,
  [Operator.ATOP]: Operator.IN,
  [Operator.ATOP_REVERSE]: Operator.OVER_REVERSE,
  [Operator.XOR]: Operator.OUT,
  [Operator.SATURATE]: Operator.OVER_REVERSE,
};

/** Numbers between the groups mean CLEAR; disjoint and conjoint CLEAR, SRC and DST are the plain ones. */
export function reduceOperator(operator: number, isSourceOpaque: boolean): number {
  const place = operator & 15;
  const group = operator >> 4;
  if (group === 0 && place > Operator.SATURATE) return Operator.CLEAR;
  if (group === 1 || group === 2) {
    if (place > Operator.XOR) return Operator.CLEAR;
    if (place <= Operator.DST) return place;
  }
  return isSourceOpaque ? (opaqueSource[operator] ?? operator) : operator;
}

/** Whether the operator divides, so that it is computed in floating point. */
export function needsFloat(operator: number): boolean {
  switch (operator) {
    case Operator.SATURATE:
    case Operator.COLOR_DODGE:
    case Operator.COLOR_BURN:
    case Operator.SOFT_LIGHT:
    case Operator.HSL_HUE:
    case Operator.HSL_SATURATION:
    case Operator.HSL_COLOR:
    case Operator.HSL_LUMINOSITY:
      return true;
    default:
      return operator >> 4 === 1 || operator >> 4 === 2;
  }
}

/**
 * Whether colours of the result do not depend on the destination's alpha. Such operators treat the
 * unused byte of 32_xRGB as if it were alpha, and others as if that alpha were 255.
 */
export function leavesUnusedAlpha(operator: number): boolean {
  switch (operator) {
    case Operator.CLEAR:
    case Operator.SRC:
    case Operator.DST:
    case Operator.OVER:
    case Operator.IN_REVERSE:
    case Operator.OUT_REVERSE:
    case Operator.ADD:
      return true;
    default:
      return false;
  }
}
