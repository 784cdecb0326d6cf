// One random drawing message onto one surface, of every kind that the reference client draws without giving up: what it cannot do is
// listed in docs/canvas.md.

import {
  AlphaFlag,
  BrushType,
  ClipType,
  CompositeFlag,
  LineFlag,
  MaskFlag,
  PathFlag,
  RopDescriptor,
  StringFlag,
} from "@caraway/protocol";
import { randomImage, randomMask } from "./random-image.ts";
import type { RandomSource } from "./random-source.ts";
import {
  type Body,
  type DisplayMessage,
  depthOf,
  type Rect,
  type SceneState,
  type SceneSurface,
  type WireBrush,
} from "./scene-state.ts";

export const drawKinds = [
  "fill",
  "copy",
  "blend",
  "opaque",
  "constant",
  "rop3",
  "stroke",
  "text",
  "transparent",
  "alpha",
  "composite",
  "bits",
] as const;

export type DrawKind = (typeof drawKinds)[number];

export function randomDraw(
  state: SceneState,
  dest: SceneSurface,
  kind: DrawKind = state.random.pick(drawKinds),
): DisplayMessage {
  // On a surface of one bit the reference can fill with plain colours and what its pixel library does.
  const isBit = depthOf(dest.format) === 1;
  switch (kind) {
    case "copy":
    case "blend":
      return drawCopy(state, dest, kind === "copy" ? "DRAW_COPY" : "DRAW_BLEND", isBit);
    case "opaque":
      return isBit ? drawFill(state, dest) : drawOpaque(state, dest);
    case "constant":
      return drawConstant(state, dest, isBit);
    case "rop3":
      return depthOf(dest.format) >= 16 ? drawRop3(state, dest) : drawFill(state, dest);
    case "stroke":
      return drawStroke(state, dest, isBit);
    case "text":
      return drawText(state, dest, isBit);
    case "transparent":
      return isBit ? drawText(state, dest, isBit) : drawTransparent(state, dest);
    case "alpha":
      return drawAlphaBlend(state, dest);
    case "composite":
      return isBit ? drawAlphaBlend(state, dest) : drawComposite(state, dest);
    case "bits":
      return isBit ? drawFill(state, dest) : copyBits(state, dest);
    case "fill":
      return drawFill(state, dest);
  }
}

function drawFill(state: SceneState, dest: SceneSurface): DisplayMessage {
  const isBit = depthOf(dest.format) === 1;
  const body = {
    base: randomBase(state, dest),
    brush: isBit ? solidBrush(state.random) : randomBrush(state, dest),
    ropDescriptor: isBit ? RopDescriptor.OP_PUT : randomRop(state.random),
    mask: randomQMask(state),
  };
  return { name: "DRAW_FILL", body };
}

function drawCopy(
  state: SceneState,
  dest: SceneSurface,
  name: "DRAW_COPY" | "DRAW_BLEND",
  isBit: boolean,
): DisplayMessage {
  const { random } = state;
  const base = randomBase(state, dest);
  const scaled = isBit || random.once(2);
  const ropDescriptor = isBit || random.once(2) ? RopDescriptor.OP_PUT : randomRop(random);
  // Only a scaled plain copy converts between surfaces of different depths.
  const converts = scaled && ropDescriptor === RopDescriptor.OP_PUT;
  const surfaces = others(state, dest, converts);
  const { image, width, height } = randomImage(state, { format: dest.format, surfaces });
  const srcArea = randomArea(random, base.box, width, height, scaled);
  const mask = randomQMask(state);
  const scaleMode = random.below(2);
  return { name, body: { base, srcBitmap: image, srcArea, ropDescriptor, scaleMode, mask } };
}

function drawOpaque(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = randomBase(state, dest);
  const surfaces = others(state, dest, false);
  const { image, width, height } = randomImage(state, { format: dest.format, surfaces });
  const body = {
    base,
    srcBitmap: image,
    srcArea: randomArea(random, base.box, width, height, random.once(2)),
    brush: randomBrush(state, dest),
    ropDescriptor: randomRop(random),
    scaleMode: random.below(2),
    mask: randomQMask(state),
  };
  return { name: "DRAW_OPAQUE", body };
}

function drawConstant(state: SceneState, dest: SceneSurface, isBit: boolean): DisplayMessage {
  const name = state.random.pick(
    isBit
      ? (["DRAW_BLACKNESS", "DRAW_WHITENESS"] as const)
      : (["DRAW_BLACKNESS", "DRAW_WHITENESS", "DRAW_INVERS"] as const),
  );
  return { name, body: { base: randomBase(state, dest), mask: randomQMask(state) } };
}

/** The operations that depend on all three inputs: the reference has no others. */
function randomRop3(random: RandomSource): number {
  for (;;) {
    const rop = random.below(256);
    const ignoresBrush = rop >> 4 === (rop & 15);
    const ignoresSource = ((rop >> 2) & 0x33) === (rop & 0x33);
    const ignoresDest = ((rop >> 1) & 0x55) === (rop & 0x55);
    if (!ignoresBrush && !ignoresSource && !ignoresDest) return rop;
  }
}

function drawRop3(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = { ...randomBase(state, dest), box: insideBox(random, dest) };
  const { box } = base;
  const boxWidth = box.right - box.left;
  const boxHeight = box.bottom - box.top;
  const surfaces = others(state, dest, false);
  const scaled = random.once(2);
  const options = { format: dest.format, surfaces };
  const made = randomImage(state, options, scaled ? 1 : boxWidth, scaled ? 1 : boxHeight);
  const left = random.below(made.width - (scaled ? 0 : boxWidth) + (scaled ? 0 : 1));
  const top = random.below(made.height - (scaled ? 0 : boxHeight) + (scaled ? 0 : 1));
  const srcArea = scaled
    ? randomArea(random, box, made.width, made.height, true)
    : { left, top, right: left + boxWidth, bottom: top + boxHeight };
  let brush = randomBrush(state, dest);
  if (brush.type === BrushType.NONE) brush = solidBrush(random);
  if (brush.type === BrushType.PATTERN) {
    // The reference takes remainders as C does: a pattern that starts inside is read before its begin.
    const pos = { x: box.left - random.below(20), y: box.top - random.below(20) };
    brush = { ...brush, pos };
  }
  const body = {
    base,
    srcBitmap: made.image,
    srcArea,
    brush,
    rop3: randomRop3(random),
    scaleMode: random.below(2),
    mask: randomQMask(state),
  };
  return { name: "DRAW_ROP3", body };
}

function drawTransparent(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = randomBase(state, dest);
  const surfaces = others(state, dest, false);
  const { image, width, height } = randomImage(state, { format: dest.format, surfaces });
  const color = random.pick([random.bits(), 0, 0xffffff]);
  const body = {
    base,
    srcBitmap: image,
    srcArea: randomArea(random, base.box, width, height, random.once(2)),
    srcColor: color,
    trueColor: color,
  };
  return { name: "DRAW_TRANSPARENT", body };
}

function drawAlphaBlend(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = randomBase(state, dest);
  const surfaces = others(state, dest, true).filter(({ hasTransform }) => !hasTransform);
  const options = { format: dest.format, surfaces, wantsAlpha: true };
  const { image, width, height } = randomImage(state, options);
  const body = {
    base,
    alphaFlags: random.below(4) & (AlphaFlag.DEST_HAS_ALPHA | AlphaFlag.SRC_SURFACE_HAS_ALPHA),
    alpha: random.pick([0, 1, 255, 255, random.below(256)]),
    srcBitmap: image,
    srcArea: randomArea(random, base.box, width, height, random.once(2)),
  };
  return { name: "DRAW_ALPHA_BLEND", body };
}

const fixedOne = 0x10000;

function drawComposite(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = { ...randomBase(state, dest), box: insideBox(random, dest) };
  // The destination may be its own source: the reference draws into a copy.
  const surfaces = state.surfaces;
  const options = { format: dest.format, surfaces, wantsAlpha: true };
  const source = randomImage(state, options);
  const operator = random.pick([1, 3, 3, 3, random.below(0x3f), random.below(0x3f)]);
  // Where a mask is 0, the reference gives the last operators the source of another row.
  let mask = operator < 0x3b && random.once(2) ? randomImage(state, options) : null;
  // One picture in both places has one transform in the reference, the mask's.
  if (mask !== null && mask.entry !== null && mask.entry === source.entry) mask = null;
  let flags = operator;
  flags |= random.below(5) << 8;
  flags |= random.below(4) << 14;
  if (mask !== null) {
    flags |= CompositeFlag.HAS_MASK | (random.below(5) << 11) | (random.below(4) << 16);
    // The reference keeps this flag with a cached image or a surface too.
    if (mask.entry === null && random.once(2)) flags |= CompositeFlag.COMPONENT_ALPHA;
  }
  if (random.once(4)) flags |= CompositeFlag.MASK_OPAQUE;
  // An alpha surface without its alpha is nothing the reference knows.
  if (depthOf(dest.format) >= 16 && random.once(4)) flags |= CompositeFlag.DEST_OPAQUE;
  const isAlphaSurface =
    source.image.type === 104 &&
    depthOf(state.surfaces.find((s) => s === source.entry)?.format ?? 32) < 16;
  if (!isAlphaSurface && random.once(4)) flags |= CompositeFlag.SOURCE_OPAQUE;
  const srcTransform = placeTransform(random, source);
  const maskTransform = mask === null ? null : placeTransform(random, mask);
  if (srcTransform !== null) flags |= CompositeFlag.HAS_SRC_TRANSFORM;
  if (maskTransform !== null) flags |= CompositeFlag.HAS_MASK_TRANSFORM;
  const origin = () => ({ x: random.between(-8, 12), y: random.between(-8, 12) });
  const body = {
    base,
    flags,
    srcBitmap: source.image,
    maskBitmap: mask?.image ?? null,
    srcTransform,
    maskTransform,
    srcOrigin: origin(),
    maskOrigin: origin(),
  };
  return { name: "DRAW_COMPOSITE", body };
}

type Transform = NonNullable<Body<"DRAW_COMPOSITE">["srcTransform"]>;

/**
 * A transform, or none. The reference keeps the last transform with a cached image or a surface, so that those always get one, and are
 * remembered when it is not the identity.
 */
function placeTransform(
  random: RandomSource,
  made: { readonly entry: { hasTransform: boolean } | null },
): Transform | null {
  if (made.entry === null && random.once(2)) return null;
  const transform = randomTransform(random);
  if (made.entry !== null) made.entry.hasTransform = !isIdentity(transform);
  return transform;
}

function isIdentity({ t00, t01, t02, t10, t11, t12 }: Transform): boolean {
  return t00 === fixedOne && t11 === fixedOne && t01 === 0 && t02 === 0 && t10 === 0 && t12 === 0;
}

function randomTransform(random: RandomSource): Transform {
  const whole = () => random.between(-6, 6) * fixedOne;
  const any = (size: number) => random.between(-size, size);
  switch (random.below(6)) {
    case 0:
      return { t00: fixedOne, t01: 0, t02: 0, t10: 0, t11: fixedOne, t12: 0 };
    case 1:
      return { t00: fixedOne, t01: 0, t02: whole(), t10: 0, t11: fixedOne, t12: whole() };
    case 2:
      return {
        t00: any(0x30000),
        t01: 0,
        t02: any(0x80000),
        t10: 0,
        t11: any(0x30000),
        t12: any(0x80000),
      };
    case 3: {
      const turn = random.pick([fixedOne, -fixedOne]);
      return {
        t00: 0,
        t01: turn,
        t02: whole(),
        t10: random.pick([turn, -turn]),
        t11: 0,
        t12: whole(),
      };
    }
    case 4:
      return { t00: fixedOne >> 1, t01: 0, t02: 0x8000, t10: 0, t11: fixedOne * 2, t12: 0x4000 };
    default:
      return {
        t00: any(0x20000),
        t01: any(0x20000),
        t02: any(0x100000),
        t10: any(0x20000),
        t11: any(0x20000),
        t12: any(0x100000),
      };
  }
}

function copyBits(state: SceneState, dest: SceneSurface): DisplayMessage {
  const { random } = state;
  const base = randomBase(state, dest);
  const srcPos = {
    x: random.between(-4, dest.width + 2),
    y: random.between(-4, dest.height + 2),
  };
  return { name: "COPY_BITS", body: { base, srcPos } };
}

function drawStroke(state: SceneState, dest: SceneSurface, isBit: boolean): DisplayMessage {
  const { random } = state;
  const pattern = !isBit && random.once(3);
  const brush = pattern ? patternBrush(state, dest, false) : solidBrush(random);
  const foreMode = isBit || random.once(2) ? RopDescriptor.OP_PUT : randomRop(random);
  const styled = random.once(2) ? { style: randomDashes(random) } : null;
  const startsWithGap = random.once(2) ? LineFlag.START_WITH_GAP : 0;
  const flags = styled === null ? 0 : LineFlag.STYLED | startsWithGap;
  const body = {
    base: randomBase(state, dest),
    path: { segments: randomSegments(random, dest) },
    attr: { flags, styled },
    brush,
    foreMode,
    backMode: RopDescriptor.OP_PUT,
  };
  return { name: "DRAW_STROKE", body };
}

function randomDashes(random: RandomSource): number[] {
  const count = random.between(1, 5);
  const dashes = Array.from({ length: count }, () => random.between(1, 7) * 16 + random.below(16));
  return dashes;
}

function randomSegments(random: RandomSource, dest: SceneSurface) {
  const count = random.between(1, 3);
  return Array.from({ length: count }, (_, index) => {
    let flags = index === 0 || random.once(2) ? PathFlag.BEGIN : 0;
    let points = random.between(2, 6);
    if (random.once(4)) {
      flags |= PathFlag.BEZIER;
      points = ((flags & PathFlag.BEGIN) !== 0 ? 1 : 0) + 3 * random.between(1, 2);
    }
    // What follows an end without a new begin has no start: every end is the last segment's.
    if (index === count - 1 && random.once(2)) flags |= PathFlag.END;
    if ((flags & PathFlag.END) !== 0 && random.once(2)) flags |= PathFlag.CLOSE;
    const isCurve = (flags & PathFlag.BEZIER) !== 0;
    return { flags, points: randomPoints(random, dest, points, isCurve) };
  });
}

/** The reference never comes back from a curve whose points are all the same. */
function randomPoints(
  random: RandomSource,
  dest: SceneSurface,
  count: number,
  isCurve: boolean,
): { x: number; y: number }[] {
  const reach = random.pick([0, 0, 20, 300, 12_000]);
  const place = (size: number) => random.between(-reach * 16, (size + reach) * 16);
  const whole = random.once(2);
  const points: { x: number; y: number }[] = [];
  for (let i = 0; i < count; i++) {
    const last = points.at(-1);
    let x = place(dest.width);
    let y = place(dest.height);
    if (whole) [x, y] = [x & ~15, y & ~15];
    if (last !== undefined && !isCurve && random.once(4)) x = last.x;
    if (last !== undefined && !isCurve && random.once(4)) y = last.y;
    points.push({ x, y });
  }
  return points;
}

function drawText(state: SceneState, dest: SceneSurface, isBit: boolean): DisplayMessage {
  const { random } = state;
  const hasBack = random.once(2);
  const foreBrush = randomForeBrush(state, dest);
  const a1 = random.once(2);
  const glyphs = randomGlyphs(random, dest, a1 ? 1 : 4);
  const body = {
    base: randomBase(state, dest),
    str: {
      length: glyphs.length,
      flags: a1 ? StringFlag.RASTER_A1 : StringFlag.RASTER_A4,
      glyphsA1: a1 ? glyphs : null,
      glyphsA4: a1 ? null : glyphs,
      glyphsA8: null,
    },
    backArea: hasBack ? randomBox(random, dest) : { left: 0, top: 0, right: 0, bottom: 0 },
    foreBrush,
    backBrush: isBit || random.once(2) ? solidBrush(random) : plainPattern(state, dest),
    // With a background the reference draws text of the plain mode only, and forgets its images otherwise.
    foreMode: random.once(2) && !hasBack ? RopDescriptor.OP_XOR : RopDescriptor.OP_PUT,
    backMode: RopDescriptor.OP_PUT,
  };
  return { name: "DRAW_TEXT", body };
}

function randomForeBrush(state: SceneState, dest: SceneSurface): WireBrush {
  switch (state.random.below(10)) {
    case 0:
      return { type: BrushType.NONE };
    case 1:
    case 2:
      return patternBrush(state, dest, true);
    default:
      return solidBrush(state.random);
  }
}

/** A pattern that the reference may leave unread. */
function plainPattern(state: SceneState, dest: SceneSurface): WireBrush {
  const { image } = randomImage(state, { format: dest.format, isOptional: true });
  return { type: BrushType.PATTERN, pat: image, pos: { x: 3, y: -2 } };
}

function randomGlyphs(random: RandomSource, dest: SceneSurface, bits: 1 | 4) {
  return Array.from({ length: random.between(1, 6) }, () => {
    const width = random.between(0, 12);
    const height = random.between(0, 12);
    const size = Math.ceil((width * bits) / 8) * height;
    return {
      renderPos: { x: random.between(-6, dest.width), y: random.between(-6, dest.height) },
      glyphOrigin: { x: random.between(-2, 2), y: random.between(-9, 0) },
      width,
      height,
      data: Uint8Array.from({ length: size }, () => random.pick([0, 255, random.bits()])),
    };
  });
}

function randomRop(random: RandomSource): number {
  const operation = random.pick([8, 8, 16, 32, 64, 128, 256, 512, 0]);
  const inverted = random.once(2) ? random.below(8) | (random.once(2) ? 1024 : 0) : 0;
  return operation | inverted;
}

function solidBrush(random: RandomSource): WireBrush {
  return { type: BrushType.SOLID, color: random.pick([0, 0xffffff, 0xffffffff, random.bits()]) };
}

function patternBrush(state: SceneState, dest: SceneSurface, isText: boolean): WireBrush {
  const { random } = state;
  // A stroke with the pattern of a surface ends the reference; text leaves its transform with the image.
  const surfaces = isText ? others(state, dest, true) : [];
  const made = randomImage(state, { format: dest.format, surfaces });
  if (isText && made.entry !== null) made.entry.hasTransform = true;
  const pos = { x: random.between(-20, 20), y: random.between(-20, 20) };
  return { type: BrushType.PATTERN, pat: made.image, pos };
}

function randomBrush(state: SceneState, dest: SceneSurface): WireBrush {
  const { random } = state;
  switch (random.below(5)) {
    case 0:
      return { type: BrushType.NONE };
    case 1:
    case 2: {
      const surfaces = others(state, dest, false);
      const made = randomImage(state, { format: dest.format, surfaces });
      const pos = { x: random.between(-20, 20), y: random.between(-20, 20) };
      return { type: BrushType.PATTERN, pat: made.image, pos };
    }
    default:
      return solidBrush(random);
  }
}

/** Surfaces other than the destination, of its depth unless any will do. */
function others(state: SceneState, dest: SceneSurface, anyDepth: boolean): SceneSurface[] {
  return state.surfaces.filter(
    (surface) => surface !== dest && (anyDepth || depthOf(surface.format) === depthOf(dest.format)),
  );
}

function randomBase(state: SceneState, dest: SceneSurface): Body<"DRAW_FILL">["base"] {
  const { random } = state;
  const clip = random.once(3)
    ? {
        type: ClipType.RECTS,
        rects: Array.from({ length: random.below(6) }, () => randomBox(random, dest)),
      }
    : { type: ClipType.NONE };
  return { surfaceId: dest.id, box: randomBox(random, dest), clip } as Body<"DRAW_FILL">["base"];
}

/** Mostly inside, sometimes across the edges, seldom empty. */
function randomBox(random: RandomSource, dest: SceneSurface): Rect {
  if (random.once(4)) return { left: 0, top: 0, right: dest.width, bottom: dest.height };
  if (!random.once(3)) return insideBox(random, dest);
  const left = random.between(-10, dest.width);
  const top = random.between(-10, dest.height);
  return { left, top, right: left + random.between(0, 40), bottom: top + random.between(0, 30) };
}

function insideBox(random: RandomSource, dest: SceneSurface): Rect {
  const left = random.below(dest.width);
  const top = random.below(dest.height);
  const right = random.between(left + 1, dest.width);
  return { left, top, right, bottom: random.between(top + 1, dest.height) };
}

/** A part of a source, of the box's size or any other, that need not lie inside the source. */
function randomArea(
  random: RandomSource,
  box: Rect,
  width: number,
  height: number,
  scaled: boolean,
): Rect {
  const inside = random.once(2);
  const left = inside ? random.below(width) : random.between(-5, width);
  const top = inside ? random.below(height) : random.between(-5, height);
  if (!scaled) {
    return {
      left,
      top,
      right: left + box.right - box.left,
      bottom: top + box.bottom - box.top,
    };
  }
  const right = inside ? random.between(left + 1, width) : left + random.between(1, 30);
  const bottom = inside ? random.between(top + 1, height) : top + random.between(1, 30);
  const isSame = right - left === box.right - box.left && bottom - top === box.bottom - box.top;
  return { left, top, right: isSame ? right + 1 : right, bottom };
}

function randomQMask(state: SceneState): Body<"DRAW_FILL">["mask"] {
  const { random } = state;
  const bitmap = randomMask(state);
  const pos = { x: random.between(-8, 20), y: random.between(-8, 20) };
  return { flags: random.once(2) ? MaskFlag.INVERS : 0, pos, bitmap };
}
