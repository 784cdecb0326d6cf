// One picture onto another under a mask, by any operator: what DRAW_COMPOSITE asks for, and what
// text and alpha blending are made of. The rules are those of the reference's pixel library.

import type { Box } from "./box.ts";
import {
  combineComponentRow,
  combineRow,
  componentOperator,
  over,
  pixelOperator,
} from "./combine.ts";
import { combineFloatRow } from "./combine-float.ts";
import { fetchPixel, storePixel } from "./convert.ts";
import { sampleFloatRow } from "./float-sampler.ts";
import { leavesUnusedAlpha, needsFloat, Operator, reduceOperator } from "./operator.ts";
import {
  canSample,
  coversOpaquely,
  isOpaqueEverywhere,
  type Picture,
  withUnusedByte,
} from "./picture.ts";
import type { Pixmap } from "./pixmap.ts";
import { type PlacedPicture, placedBox } from "./placed-picture.ts";
import { eachBox, type Region } from "./region.ts";
import { sampleRow } from "./sampler.ts";
import { identity } from "./transform.ts";

export interface Composition {
  readonly operator: number;
  readonly source: PlacedPicture;
  readonly mask: PlacedPicture | null;
  /** Whether each channel of the mask is a weight of its own, instead of its alpha for all. */
  readonly componentAlpha: boolean;
  /** What of the destination is asked for, clipped or not: if too large, nothing is drawn. */
  readonly extents: Box;
}

/** Draws within the region. Neither picture may be made of the destination's own pixels. */
export function composite(dest: Pixmap, region: Region, composition: Composition): void {
  const { source, extents, componentAlpha } = composition;
  const sourceBox = placedBox(source, extents);
  if (!canSample(source.picture, sourceBox)) return;
  let isOpaque = coversOpaquely(source.picture, sourceBox);
  let { mask } = composition;
  if (mask !== null) {
    const maskBox = placedBox(mask, extents);
    if (!canSample(mask.picture, maskBox)) return;
    isOpaque &&= !componentAlpha && coversOpaquely(mask.picture, maskBox);
    if (!componentAlpha && isOpaqueEverywhere(mask.picture)) mask = null;
  }
  const operator = reduceOperator(composition.operator, isOpaque);
  if (operator === Operator.DST) return;
  const replaces = operator === Operator.SRC && mask === null && dest.format === "x8r8g8b8";
  const picture = replaces
    ? withUnusedByte(source.picture, sourceBox, composition.mask !== null)
    : source.picture;
  const reduced = { ...composition, operator, source: { ...source, picture }, mask };
  if (needsFloat(operator)) compositeFloat(dest, region, reduced);
  else compositeBytes(dest, region, reduced);
}

function compositeBytes(dest: Pixmap, region: Region, composition: Composition): void {
  const { operator, source, mask, componentAlpha } = composition;
  const raw =
    dest.format === "a8r8g8b8" || (dest.format === "x8r8g8b8" && leavesUnusedAlpha(operator));
  const unified = operator === Operator.OVER ? over : pixelOperator(operator);
  const component = componentOperator(operator);
  const sourceRow = new Uint32Array(dest.width);
  const maskRow = new Uint32Array(dest.width);
  const destRow = new Uint32Array(dest.width);
  eachBox(region, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      const at = y * dest.width + left;
      sampleRow(source.picture, left + source.x, y + source.y, count, sourceRow);
      if (mask !== null) sampleRow(mask.picture, left + mask.x, y + mask.y, count, maskRow);
      if (raw) destRow.set(dest.pixels.subarray(at, at + count));
      else fetchRow(dest, at, destRow, count);
      if (mask !== null && componentAlpha) {
        combineComponentRow(component, sourceRow, maskRow, destRow, count);
      } else {
        combineRow(unified, sourceRow, mask === null ? null : maskRow, destRow, count);
      }
      if (raw) dest.pixels.set(destRow.subarray(0, count), at);
      else storeRow(dest, at, destRow, count);
    }
  });
}

function compositeFloat(dest: Pixmap, region: Region, composition: Composition): void {
  const { operator, source, mask, componentAlpha } = composition;
  const sourceRow = new Float32Array(4 * dest.width);
  const maskRow = new Float32Array(4 * dest.width);
  const destRow = new Float32Array(4 * dest.width);
  const destPicture: Picture = {
    pixmap: dest,
    transform: identity,
    filter: "nearest",
    repeat: "none",
  };
  eachBox(region, (left, top, right, bottom) => {
    const count = right - left;
    for (let y = top; y < bottom; y++) {
      sampleFloatRow(source.picture, left + source.x, y + source.y, count, sourceRow);
      if (mask !== null) sampleFloatRow(mask.picture, left + mask.x, y + mask.y, count, maskRow);
      sampleFloatRow(destPicture, left, y, count, destRow);
      const weights = mask === null ? null : maskRow;
      combineFloatRow(operator, sourceRow, weights, componentAlpha, destRow, count);
      storeFloatRow(dest, y * dest.width + left, destRow, count);
    }
  });
}

function fetchRow(dest: Pixmap, at: number, row: Uint32Array, count: number): void {
  for (let i = 0; i < count; i++) row[i] = fetchPixel(dest.format, dest.pixels[at + i]!);
}

function storeRow(dest: Pixmap, at: number, row: Uint32Array, count: number): void {
  const mask = usedBits(dest);
  for (let i = 0; i < count; i++) dest.pixels[at + i] = storePixel(dest.format, row[i]! & mask);
}

/** Operators that look at the destination's alpha clear the unused byte of 32_xRGB. */
function usedBits(dest: Pixmap): number {
  return dest.format === "x8r8g8b8" ? 0xffffff : 0xffffffff;
}

function storeFloatRow(dest: Pixmap, at: number, row: Float32Array, count: number): void {
  const mask = usedBits(dest);
  for (let i = 0; i < count; i++) {
    let color = 0;
    for (let c = 0; c < 4; c++) color = (color << 8) | toByte(row[4 * i + c]!);
    dest.pixels[at + i] = storePixel(dest.format, color & mask);
  }
}

/** 256 steps, of which the last stands for one and a little below. */
function toByte(value: number): number {
  const steps = Math.trunc(Math.min(1, Math.max(0, value)) * 256);
  return steps - (steps >> 8);
}
