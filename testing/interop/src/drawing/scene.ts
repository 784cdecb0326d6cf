// Random scenes: a few surfaces, a few messages that draw on them, and a way to see every bit of the result on a primary surface that
// shows red, green and blue only.

import type { GlzDictionary } from "@caraway/codecs";
import {
  BrushType,
  ClipType,
  CompositeFlag,
  ImageType,
  RopDescriptor,
  ScaleMode,
  SurfaceFormat,
} from "@caraway/protocol";
import { type DrawKind, randomDraw } from "./random-draw.ts";
import { RandomSource } from "./random-source.ts";
import {
  type DisplayMessage,
  depthOf,
  type Rect,
  type SceneState,
  type SceneSurface,
  type WireImage,
} from "./scene-state.ts";

export interface Scene {
  readonly seed: number;
  /** Makes surfaces, draws on them, and shows them in one cell of the primary surface. */
  readonly messages: readonly DisplayMessage[];
  /** The drawing messages among them, for people. */
  readonly draws: readonly DisplayMessage[];
  /** Where it is shown. */
  readonly cell: Rect;
}

export interface SceneOptions {
  readonly glz: GlzDictionary;
  /** Only operations of this kind are tried. */
  readonly kind?: DrawKind | undefined;
  /** Only surfaces of this format. */
  readonly format?: SurfaceFormat | undefined;
  readonly draws?: number | undefined;
}

/** The largest side of a surface of a scene. */
export const surfaceSide = 32;
const surfacesPerScene = 3;
/** Every surface is shown twice as large, twice: its colours, and its alpha or unused byte. */
export const cellWidth = 2 * 2 * surfaceSide;
export const cellHeight = surfacesPerScene * 2 * surfaceSide;

const formats = Object.values(SurfaceFormat);
/** The ids of the surfaces that show others; the scene's own follow. */
const byteSurfaceId = 1;
const firstSurfaceId = 2;

/** The scene of a seed, to be shown with its corner at (left, top). */
export function makeScene(seed: number, left: number, top: number, options: SceneOptions): Scene {
  const random = new RandomSource(seed);
  const state: SceneState = {
    random,
    surfaces: [],
    cached: [],
    palettes: [],
    glz: options.glz,
    nextId: BigInt(seed) << 20n,
  };
  const messages: DisplayMessage[] = [];
  for (let i = 0; i < surfacesPerScene; i++) {
    const surface: SceneSurface = {
      id: firstSurfaceId + i,
      format: options.format ?? random.pick(formats),
      width: random.between(4, surfaceSide),
      height: random.between(4, surfaceSide),
      hasTransform: false,
    };
    state.surfaces.push(surface);
    messages.push(surfaceCreate(surface), ...background(random, surface));
  }
  const draws: DisplayMessage[] = [];
  const count = options.draws ?? random.between(1, 6);
  for (let i = 0; i < count; i++) {
    draws.push(randomDraw(state, random.pick(state.surfaces), options.kind));
  }
  messages.push(...draws);
  state.surfaces.forEach((surface, i) => {
    messages.push(...show(surface, left, top + i * 2 * surfaceSide));
  });
  for (const { id } of state.surfaces) {
    messages.push({ name: "SURFACE_DESTROY", body: { surfaceId: id } });
  }
  messages.push({ name: "INVAL_ALL_PIXMAPS", body: { waitList: [] } });
  messages.push({ name: "INVAL_ALL_PALETTES", body: {} });
  const cell = { left, top, right: left + cellWidth, bottom: top + cellHeight };
  return { seed, messages, draws, cell };
}

function surfaceCreate({ id, format, width, height }: SceneSurface): DisplayMessage {
  return { name: "SURFACE_CREATE", body: { surfaceId: id, width, height, format, flags: 0 } };
}

/** Some stripes, so that no surface is all of one colour. */
function background(random: RandomSource, surface: SceneSurface): DisplayMessage[] {
  return Array.from({ length: 4 }, (_, i) => {
    const left = Math.floor((surface.width * i) / 4);
    const box = { left, top: 0, right: surface.width, bottom: surface.height };
    return fill(surface.id, box, random.bits());
  });
}

function fill(surfaceId: number, box: Rect, color: number): DisplayMessage {
  return {
    name: "DRAW_FILL",
    body: {
      base: { surfaceId, box, clip: { type: ClipType.NONE } },
      brush: { type: BrushType.SOLID, color },
      ropDescriptor: RopDescriptor.OP_PUT,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    },
  };
}

/** What a display starts with: the primary surface, black. */
export function primaryCreate(width: number, height: number): DisplayMessage[] {
  const format = SurfaceFormat["32_xRGB"];
  const body = { surfaceId: 0, width, height, format, flags: 1 };
  return [
    { name: "SURFACE_CREATE", body },
    fill(0, { left: 0, top: 0, right: width, bottom: height }, 0),
    { name: "MARK", body: {} },
  ];
}

/** Shows a surface on the primary one, doubled so that other depths are converted: colours left, the rest right. */
function show(surface: SceneSurface, left: number, top: number): DisplayMessage[] {
  const { id, width, height } = surface;
  const area = { left: 0, top: 0, right: width, bottom: height };
  const at = (x: number): Rect => ({
    left: x,
    top,
    right: x + 2 * width,
    bottom: top + 2 * height,
  });
  const messages = [copy(0, at(left), id, area)];
  const right = left + 2 * surfaceSide;
  if (depthOf(surface.format) === 32) {
    // The unused byte is copied along to where it is alpha.
    const format = SurfaceFormat["32_ARGB"];
    const bytes = { id: byteSurfaceId, format, width, height, hasTransform: false };
    messages.push(surfaceCreate(bytes), copy(byteSurfaceId, area, id, area));
    messages.push(
      fill(0, at(right), 0xffffff),
      alphaOnWhite(at(right), byteSurfaceId, width, height),
    );
    messages.push({ name: "SURFACE_DESTROY", body: { surfaceId: byteSurfaceId } });
  } else if (depthOf(surface.format) < 16) {
    messages.push(fill(0, at(right), 0xffffff), alphaOnWhite(at(right), id, width, height));
  }
  return messages;
}

function surfaceImage(surfaceId: number, width: number, height: number): WireImage {
  return { id: 0n, type: ImageType.SURFACE, flags: 0, width, height, surfaceId };
}

function copy(to: number, box: Rect, from: number, srcArea: Rect): DisplayMessage {
  return {
    name: "DRAW_COPY",
    body: {
      base: { surfaceId: to, box, clip: { type: ClipType.NONE } },
      srcBitmap: surfaceImage(from, srcArea.right, srcArea.bottom),
      srcArea,
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: ScaleMode.NEAREST,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    },
  };
}

/** Multiplies what is there by a surface's alpha. */
function alphaOnWhite(box: Rect, id: number, width: number, height: number): DisplayMessage {
  const inReverse = 6;
  const nearest = 3;
  const half = 0x8000;
  return {
    name: "DRAW_COMPOSITE",
    body: {
      base: { surfaceId: 0, box, clip: { type: ClipType.NONE } },
      flags: inReverse | (nearest << 8) | CompositeFlag.HAS_SRC_TRANSFORM,
      srcBitmap: surfaceImage(id, width, height),
      maskBitmap: null,
      srcTransform: { t00: half, t01: 0, t02: 0, t10: 0, t11: half, t12: 0 },
      maskTransform: null,
      srcOrigin: { x: 0, y: 0 },
      maskOrigin: { x: 0, y: 0 },
    },
  };
}
